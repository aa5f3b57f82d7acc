"""A model brought in becomes a run like others; whatever it should not be is one sentence, and leaves nothing."""

import io
import json
import os
import pickle
import shutil
import stat
import struct
import subprocess
import sys
import time
import warnings
import zipfile
from collections import namedtuple
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from llm_core import hub
from llm_core.errors import UserError
from llm_core.interpret.attention.attention import see
from llm_core.interpret.reading import read
from llm_core.models.base import Batch
from llm_core.runs import importing, unpacking
from llm_core.runs.importing import import_folder, import_zip
from llm_core.runs.live import live
from llm_core.runs.result import result_of
from llm_core.runs.run import Run
from llm_core.runs.store import Store
from tests import foreign


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("folders")
    for kind in ("gpt2", "bert", "llama", "qwen2"):
        foreign.write_model(kind, root / kind)
    return root


@pytest.fixture
def copy(folders: Path, tmp_path: Path) -> Path:
    """A sound GPT-2 folder that a test may spoil."""
    return Path(shutil.copytree(folders / "gpt2", tmp_path / "copy"))


def zipped(folder: Path, inside: str = "", **more: bytes) -> bytes:
    """A zip of a folder's files, below `inside`; `more` are further entries."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.iterdir()):
            archive.write(path, inside + path.name)
        for name, content in more.items():
            archive.writestr(name, content)
    return packed.getvalue()


def bring(store: Store, content: bytes, name: str = "") -> Run:
    return import_zip(store, io.BytesIO(content), "model.zip", name=name)


def everything(root: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() if path.is_file() else b"" for path in root.rglob("*")}


def refused(store: Store, act: Callable[[], object], words: str) -> None:
    """One sentence, soon, and not a byte is another than before."""
    before, began = everything(store.root), time.process_time()
    with pytest.raises(UserError, match=words) as caught:
        act()
    assert time.process_time() - began < 1
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600
    assert everything(store.root) == before


@pytest.mark.parametrize("kind", ["gpt2", "bert", "llama", "qwen2"])
def test_a_folder_becomes_a_run(kind: str, store: Store, folders: Path) -> None:
    run = import_folder(store, folders / kind, name="My model")
    assert [found.id for found in store.runs()] == [run.id]
    assert (run.name, run.kind, run.steps(), run.problem, run.has_model) == ("My model", "import", [0], None, True)
    assert run.status().state == "finished"
    assert result_of(run).validation_loss is None
    model, tokenizer = store.model(store.find(run.id))
    expected = hub.read_folder(folders / kind)
    assert model.config == expected.config == run.model_config
    assert tokenizer.vocabulary_size == model.config.vocabulary_size
    ids = torch.tensor([[*tokenizer.begin, *tokenizer.encode("the quick fox 你好"), *tokenizer.end]])
    with torch.no_grad():
        assert torch.equal(model(Batch(ids)), expected(Batch(ids)))
    assert {path.name for path in store.root.iterdir()} == {run.id}


@pytest.mark.parametrize("kind", ["gpt2", "bert"])
def test_logits_and_attention_for_a_text_equal_those_of_transformers(kind: str, store: Store, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, AutoTokenizer

    folder = foreign.write_model(kind, tmp_path / kind)
    names = {"gpt2": "GPT2Tokenizer", "bert": "BertTokenizer"}
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": names[kind]}))
    peer_class = AutoModelForCausalLM if kind == "gpt2" else AutoModelForMaskedLM
    peer = peer_class.from_pretrained(folder, local_files_only=True, attn_implementation="eager").eval()
    text = "The quick brown fox jumps, 我们去公园看花。"
    ids = AutoTokenizer.from_pretrained(folder, local_files_only=True)(text, return_tensors="pt").input_ids
    model, tokenizer = store.model(import_folder(store, folder))
    before = [] if kind == "gpt2" else [*tokenizer.begin]
    assert [*before, *tokenizer.encode(text), *tokenizer.end] == ids[0].tolist()
    with torch.no_grad():
        torch.testing.assert_close(model(Batch(ids)), peer(ids).logits, atol=1e-4, rtol=0)
        reading = read(model, tokenizer, text)
        attentions = peer(torch.tensor([reading.text.ids]), output_attentions=True).attentions
    assert reading.text.tokens[0] == (foreign.END if kind == "gpt2" else "[CLS]")
    assert [text[start:end].strip() for start, end in reading.text.spans][:4] == ["", "The", "quick", "brown"]
    (attention,) = see(model, reading).parts.values()
    assert attention.pattern == pytest.approx(torch.stack(attentions)[:, 0].numpy(), abs=1e-5)


@pytest.mark.parametrize("kind", ["gpt2", "bert", "llama", "qwen2"])
def test_in_and_out_again_changes_no_tensor_and_no_id(kind: str, store: Store, folders: Path, tmp_path: Path) -> None:
    from llm_core.data.foreign_files import write_tokenizer

    model, tokenizer = store.model(import_folder(store, folders / kind))
    assert hub.write_folder(model, tmp_path / "out") == ("qwen2" if kind == "qwen2" else kind)
    write_tokenizer(tokenizer, tmp_path / "out")
    before, after = load_file(folders / kind / "model.safetensors"), load_file(tmp_path / "out" / "model.safetensors")
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    again = store.model(import_folder(store, tmp_path / "out"))[1]
    assert again.encode(foreign.TEXT) == tokenizer.encode(foreign.TEXT)
    assert again.to_json() == tokenizer.to_json()


def test_what_was_saved_in_half_precision_comes_in_with_the_same_numbers(store: Store, copy: Path) -> None:
    tensors = {name: tensor.bfloat16() for name, tensor in load_file(copy / "model.safetensors").items()}
    save_file(tensors, copy / "model.safetensors")
    model, _ = store.model(import_folder(store, copy))
    assert next(model.parameters()).dtype == torch.float32
    assert torch.equal(model.state_dict()["token_embedding.weight"], tensors["transformer.wte.weight"].float())


def test_the_same_model_brought_twice_is_two_runs_and_ids_are_never_theirs(store: Store, copy: Path) -> None:
    first = import_folder(store, copy, name=" ../../x\n<b>")
    (copy / "run.json").write_text(json.dumps({"format": 1, "kind": "train", "id": first.id}))
    second = import_folder(store, copy.rename(copy.parent / first.id))
    assert first.id != second.id
    assert {run.id for run in store.runs()} == {first.id, second.id}
    assert first.name == "../../x\ufffd<b>"
    assert second.name == first.id


def test_nobody_works_on_it(store: Store, copy: Path) -> None:
    from llm_core.runs.kinds import job_of

    run = import_folder(store, copy)
    with pytest.raises(UserError, match="was brought in"):
        job_of(run)
    with pytest.raises(UserError, match="was brought in"):
        _ = run.config
    store.want(run, "running", owner="local")
    assert run.status().state == "finished"
    store.rename(run, "Another name", "local")
    assert run.name == "Another name"
    reply = live(store, run.id)
    assert (reply["state"], reply["rows"]) == ("finished", [])


# ---- zips


@pytest.mark.parametrize("inside", ["", "gpt2/", "a/b/c/", "gpt2\\"])
def test_a_zip_becomes_a_run_wherever_the_folder_stands_in_it(inside: str, store: Store, folders: Path) -> None:
    told: list[float] = []
    beside = {"README.md": b"#", "__MACOSX/config.json": b"?", f"{inside}pytorch_model.bin": b"x", f"{inside}evil.py": b"raise SystemExit"}  # fmt: skip
    content = zipped(folders / "gpt2", inside, **beside)
    run = import_zip(store, io.BytesIO(content), "my-gpt2.zip", progress=told.append)
    assert run.name == "my-gpt2"
    assert run.settings is not None
    assert getattr(run.settings, "source", None) == "my-gpt2.zip"
    assert told[-1] == 1.0
    assert told == sorted(told)
    alone = store.model(import_folder(store, folders / "gpt2"))[0].state_dict()
    mine = store.model(run)[0].state_dict()
    assert all(torch.equal(mine[name], alone[name]) for name in alone)
    assert not list(store.root.glob(".*"))


def entry(name: str, mode: int = 0o100644, content: bytes = b"x") -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        info = zipfile.ZipInfo(name)
        info.create_system, info.external_attr = 3, mode << 16
        archive.writestr(info, content)
    return packed.getvalue()


def many(count: int) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for number in range(count):
            archive.writestr(f"{number}.txt", b"")
    return packed.getvalue()


def twice() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        archive.writestr("config.json", b"{}")
        archive.writestr("config.json", b"{}")
    return packed.getvalue()


def directory_says(content: bytes, offset: int, code: str, value: int) -> bytes:
    """The zip with a field of the first record in its central directory changed."""
    place = content.index(b"PK\x01\x02") + offset
    changed = struct.pack(code, value)
    return content[:place] + changed + content[place + len(changed) :]


ZIPS: dict[str, tuple[Callable[[], bytes], str]] = {
    "no zip": (lambda: b"hello", "not a zip"),
    "empty": (lambda: b"", "not a zip"),
    "a pickle": (lambda: pickle.dumps([1]), "not a zip"),
    "cut": (lambda: many(3)[:-10], "not a zip|damaged"),
    "nothing in it": (lambda: many(0), "no config.json"),
    "no model": (lambda: many(3), "no config.json"),
    "up": (lambda: entry("../config.json"), "outside"),
    "up inside": (lambda: entry("a/../../config.json"), "outside"),
    "up on Windows": (lambda: entry("a\\..\\..\\config.json"), "outside"),
    "absolute": (lambda: entry("/etc/config.json"), "outside"),
    "a drive": (lambda: entry("C:\\config.json"), "outside"),
    "a share": (lambda: entry("\\\\server\\config.json"), "outside"),
    "link": (lambda: entry("config.json", stat.S_IFLNK | 0o777, b"/etc/passwd"), "regular file"),
    "pipe": (lambda: entry("config.json", stat.S_IFIFO | 0o644), "regular file"),
    "device": (lambda: entry("config.json", stat.S_IFCHR | 0o644), "regular file"),
    "zip in zip": (lambda: entry("model.ZIP", content=many(1)), "archive inside"),
    "tar in zip": (lambda: entry("a/model.tar.gz"), "archive inside"),
    "too many": (lambda: many(1001), "1,001 files.* at most 1,000"),
    "far too many": (lambda: many(40_000), "40,000 files"),
    "twice": (twice, "twice"),
    "says it is huge": (lambda: directory_says(entry("config.json"), 24, "<I", 200_000_001), "more than 200,000,000 bytes"),
    "encrypted": (lambda: directory_says(entry("config.json"), 8, "<H", 1), "encrypted"),
    "packed oddly": (lambda: directory_says(entry("config.json"), 10, "<H", 14), "packed in a way"),
    "wrong sum": (lambda: directory_says(entry("config.json"), 16, "<I", 1), "damaged"),
    "says it is small": (lambda: directory_says(entry("config.json", content=b"{" * 900), 24, "<I", 10), "damaged|JSON"),
    "over 4 GB": (lambda: entry("config.json") [:-22] + b"PK\x06\x07" + bytes(16) + entry("config.json")[-22:], "4 GB"),
    "two models": (lambda: zipped_two(), "several models"),
    "weights that may run code": (lambda: zipped_names("config.json", "pytorch_model.bin"), "pytorch_model.bin may run code"),
    "no weights": (lambda: zipped_names("config.json", "vocab.txt"), "model type|model.safetensors"),
}  # fmt: skip


def zipped_names(*names: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in names:
            archive.writestr(name, b"{}")
    return packed.getvalue()


def zipped_two() -> bytes:
    return zipped_names("a/config.json", "b/config.json")


@pytest.mark.parametrize("name", ZIPS)
def test_a_zip_that_is_not_what_it_should_be_is_refused_in_a_sentence(name: str, store: Store, copy: Path) -> None:
    store.root.mkdir()
    make, words = ZIPS[name]
    content = make()
    refused(store, lambda: bring(store, content), words)


def test_a_bomb_is_refused_by_what_it_says_and_by_what_comes_out(
    store: Store, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpacking, "MOST_BYTES", 100_000)
    bomb = zipped(copy, **{"vocab.json": bytes(3_000_000)})
    assert len(bomb) < 100_000
    refused(store, lambda: bring(store, bomb), "more than 100,000 bytes")
    monkeypatch.setattr(unpacking, "check_entries", lambda entries: None)
    refused(store, lambda: bring(store, bomb), "more than 100,000 bytes")


def spoilt(copy: Path, name: str, content: bytes | dict[str, Any]) -> None:
    if isinstance(content, dict):
        content = json.dumps({**json.loads((copy / name).read_text()), **content}).encode()
    (copy / name).write_bytes(content)


def safetensors(header: bytes, body: bytes = b"") -> bytes:
    return struct.pack("<Q", len(header)) + header + body


ONE = '{"dtype":"U8","shape":[0],"data_offsets":[0,0]}'
SPOILT: dict[str, tuple[str, bytes | dict[str, Any], str]] = {
    "code": ("config.json", {"auto_map": {"AutoModel": "evil.Evil"}}, "auto_map"),
    "packed weights": ("config.json", {"quantization_config": {"bits": 4}}, "quantization_config"),
    "type": ("config.json", {"model_type": "mamba"}, "mamba.* gpt2, bert, llama, qwen2, qwen3"),
    "broken settings": ("config.json", b"{", "config.json is not valid JSON"),
    "long settings": ("config.json", b" " * 1_000_001, "config.json is not a JSON object, or is larger"),
    "rows": ("config.json", {"vocab_size": 5000}, "tokens.* 5,000 rows"),
    "fewer rows": ("config.json", {"vocab_size": 100}, "tokens.* 100 rows"),
    "a row more": ("config.json", {"vocab_size": 450}, "shape"),
    "shape": ("config.json", {"n_embd": 32}, "shape"),
    "layers": ("config.json", {"n_layer": 3}, "no tensor"),
    "a million layers": ("config.json", {"n_layer": 1_000_000}, "layers"),
    "size": ("config.json", {"n_embd": 4096, "n_head": 1, "n_layer": 12}, "parameters; at most 50,000,000"),
    "pickle": ("model.safetensors", pickle.dumps({"a": 1}), "model.safetensors is not a"),
    "empty": ("model.safetensors", b"", "has 0 bytes"),
    "header": ("model.safetensors", struct.pack("<Q", 1_000_001) + b" " * 1_000_001, "header is too large: 1,000,001"),
    "endless header": ("model.safetensors", struct.pack("<Q", 2**62) + b"{}", "header is too large"),
    "tensors": ("model.safetensors", safetensors(("{" + ",".join(f'"{n}":{ONE}' for n in range(10_001)) + "}").encode()), "10,001 tensors"),
    "huge shape": ("model.safetensors", safetensors(b'{"a":{"dtype":"F32","shape":[1000000,1000000],"data_offsets":[0,4]}}', b"xxxx"), "no sound|not a sound"),
    "trailing": ("model.safetensors", safetensors(b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', b"xxxxyyyy"), "not a sound"),
    "tokenizer": ("tokenizer.json", b"{", "tokenizer.json is not valid JSON"),
    "tokenizer's code": ("tokenizer.json", {"pre_tokenizer": {"type": "Split", "pattern": {"Regex": "(a+)+$"}, "behavior": "Isolated", "invert": False}}, "pattern of its own"),
}  # fmt: skip


@pytest.mark.parametrize("way", ["folder", "zip"])
@pytest.mark.parametrize("name", SPOILT)
def test_a_folder_with_a_fault_is_refused_in_a_sentence(name: str, way: str, store: Store, copy: Path) -> None:
    store.root.mkdir()
    spoilt(copy, *SPOILT[name][:2])
    words = SPOILT[name][2]
    if way == "zip":
        content = zipped(copy)
        refused(store, lambda: bring(store, content), words)
    else:
        words = words.replace("50,000,000", "500,000,000")
        refused(store, lambda: import_folder(store, copy), words)


@pytest.mark.parametrize("shard", ["../../x.safetensors", "/etc/x.safetensors", "a/../x.safetensors", "x.bin", ""])
def test_a_shard_outside_the_folder_is_refused(shard: str, store: Store, copy: Path) -> None:
    store.root.mkdir()
    (copy / "model.safetensors").rename(copy / "x.safetensors")
    (copy / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": shard}}))
    refused(store, lambda: import_folder(store, copy), "names a shard outside")
    content = zipped(copy)
    refused(store, lambda: bring(store, content), "names a shard outside")


def test_shards_in_a_zip_are_put_together(store: Store, copy: Path) -> None:
    tensors = load_file(copy / "model.safetensors")
    (copy / "model.safetensors").unlink()
    names = sorted(tensors)
    for number, part in enumerate((names[::2], names[1::2])):
        save_file({name: tensors[name] for name in part}, copy / f"model-{number}.safetensors")
    index = {name: f"model-{place % 2}.safetensors" for place, name in enumerate(names)}
    (copy / "model.safetensors.index.json").write_text(json.dumps({"weight_map": index}))
    model, _ = store.model(bring(store, zipped(copy, "deep/")))
    assert torch.equal(model.state_dict()["token_embedding.weight"], tensors["transformer.wte.weight"])


@pytest.mark.parametrize("name", ["gpt2", "openai-community/gpt2", "https://x.org/gpt2", "a\0b", "", "\udcff"])
def test_what_is_no_folder_is_fetched_from_nowhere(
    name: str, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    monkeypatch.setattr(socket, "socket", lambda *_: pytest.fail("somebody opened a connection"))
    words = "config.json is missing" if name == "" else "no folder"
    refused(store, lambda: import_folder(store, Path(name)), words)
    assert not store.root.exists()


def test_a_refused_zip_leaves_no_runs_folder_where_there_was_none(store: Store) -> None:
    with pytest.raises(UserError):
        bring(store, many(2))
    assert not store.root.exists()


def test_a_full_disk_leaves_nothing(store: Store, copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(1, 1, 10))
    store.root.mkdir()
    refused(store, lambda: import_folder(store, copy), "disk is full")
    content = zipped(copy)
    refused(store, lambda: bring(store, content), "disk is full")


def test_what_a_killed_import_left_is_swept(store: Store, copy: Path) -> None:
    program = "import os, sys; from pathlib import Path; from llm_core.runs import importing; aside = importing.aside(Path(sys.argv[1])); aside.__enter__(); os._exit(9)"  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    subprocess.run([sys.executable, "-c", program, str(store.root)], check=False, env=environment)
    assert len(list(store.root.glob(".new-*"))) == 1
    run = import_folder(store, copy)
    assert [path.name for path in store.root.iterdir()] == [run.id]


@given(content=st.binary(max_size=400) | st.binary(max_size=200).map(lambda body: b"PK\x03\x04" + body + many(1)[-60:]))
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_as_a_zip_are_refused(content: bytes, store: Store) -> None:
    with pytest.raises(UserError):
        bring(store, content)
    assert not store.root.exists()


@given(data=st.data())
@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])  # fmt: skip
def test_a_zip_with_changed_bytes_comes_in_or_is_refused(data: st.DataObject, store: Store, folders: Path) -> None:
    content = bytearray(zipped(folders / "gpt2"))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with suppress(UserError):
        bring(store, bytes(content))
    assert not list(store.root.glob(".*"))


values = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just([]) | st.just({})


@given(data=st.data())
@settings(deadline=None, max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])  # fmt: skip
def test_any_value_in_the_settings_comes_in_or_is_refused(data: st.DataObject, store: Store, folders: Path) -> None:
    kind = data.draw(st.sampled_from(["gpt2", "bert", "llama"]))
    config = json.loads((folders / kind / "config.json").read_text())
    for key in data.draw(st.lists(st.sampled_from(sorted(config)), min_size=1, max_size=3)):
        config[key] = data.draw(values | st.integers(0, 64))
    folder = store.root.parent / "changed"
    shutil.copytree(folders / kind, folder, dirs_exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    try:
        with suppress(UserError):
            import_folder(store, folder)
    finally:
        shutil.rmtree(folder)


@given(content=st.binary(max_size=100))
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_in_any_file_come_in_or_are_refused(content: bytes, store: Store, folders: Path) -> None:
    folder = store.root.parent / "changed"
    for name in ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"):
        shutil.copytree(folders / "llama", folder)
        (folder / name).write_bytes(content)
        try:
            with suppress(UserError):
                import_folder(store, folder)
        finally:
            shutil.rmtree(folder)


def test_imports_wait_for_each_other(store: Store, copy: Path) -> None:
    with importing.ONE_AT_A_TIME:
        import threading

        thread = threading.Thread(target=lambda: bring(store, zipped(copy)))
        thread.start()
        thread.join(0.3)
        assert thread.is_alive()
        assert not store.root.exists()
    thread.join(30)
    assert len(store.runs()) == 1
