"""Tokenizers that were trained elsewhere give the ids that their own library gives; what they may hold is a short list."""

import json
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import tokenizers
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from llm_core.data.foreign_files import read_tokenizer, write_tokenizer
from llm_core.data.foreign_parts import PATTERNS
from llm_core.data.foreign_tokenizers import ForeignTokenizer, load_tokenizer
from llm_core.data.tokenizers import Tokenizer, train_tokenizer
from llm_core.errors import UserError
from tests import foreign

NASTY = (
    "<|endoftext|> [MASK] <s> </s> <tool> ##ing Ġthe ▁ <0x41> naïve É e\u0301 ﬁ \u202e 👩‍👩‍👧 𝔘 \U0010ffff \ufffd"
    " \x00\x01\x7f\x85\u2028 \r\n \r tab\tand   many    spaces \n\n\n 鱻 １２"
)
quick = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
any_text = st.text(st.characters(blacklist_categories=("Cs",))) | st.lists(
    st.sampled_from([*NASTY, *"the fox ", *"今天，", "##", foreign.END, "[SEP]", "<tool>"])
).map("".join)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("foreign")
    for kind in foreign.KINDS:
        foreign.write_tokenizer(kind, root / kind)
    return root


def read(folder: Path, kind: str, rows: int | None = None, **config: Any) -> Tokenizer:
    size = foreign.tokenizer(kind).get_vocab_size()
    return read_tokenizer(folder, rows or size, encoder=kind in ("bert", "cased"), config=config)


@cache
def made(kind: str) -> ForeignTokenizer:
    """Through the text that a run keeps, which is all that a page has."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        found = read(foreign.write_tokenizer(kind, Path(folder)), kind)
        found.save(Path(folder) / "kept.json")
        kept = load_tokenizer(Path(folder) / "kept.json")
    assert isinstance(kept, ForeignTokenizer)
    return kept


@cache
def library(kind: str) -> tokenizers.Tokenizer:
    alone = tokenizers.Tokenizer.from_str(foreign.tokenizer(kind).to_str())
    alone.encode_special_tokens = True  # a typed control token is text
    return alone


@pytest.mark.parametrize("kind", foreign.KINDS)
@given(text=any_text)
@example(text=NASTY)
@example(text=foreign.TEXT)
@example(text="")
@example(text=" ")
@quick
def test_ids_and_text_are_those_of_the_library(kind: str, text: str) -> None:
    tokenizer, expected = made(kind), library(kind).encode(text, add_special_tokens=False)
    ids = tokenizer.encode(text)
    assert ids == expected.ids
    assert not {*tokenizer.separators, tokenizer.mask} & set(ids)
    assert tokenizer.decode(ids) == library(kind).decode(ids)
    spans = tokenizer.spans(text)
    assert len(spans) == len(ids)
    assert all(0 <= start <= end <= len(text) for start, end in spans)
    if tokenizer.lossless:
        assert tokenizer.decode(ids) == text
        assert b"".join(tokenizer.token_bytes[token] for token in ids).decode() == text
        assert int(tokenizer.characters[ids].sum()) == len(text)
        assert_in_a_row(spans, text)
        assert b"".join(tokenizer.words(text)).decode() == text
        ends = tokenizer.word_ends(text)
        assert set(ends) <= {end for _, end in spans}
        assert (ends or [0])[-1] == len(text)


def assert_in_a_row(spans: list[tuple[int, int]], text: str) -> None:
    """Each begins where the last ended, or in the character of which that was a part; together they are the text."""
    held = 0
    for start, end in spans:
        assert held - 1 <= start <= held <= end
        held = end
    assert held == len(text)


def test_which_tokenizers_give_every_text_back() -> None:
    assert [kind for kind in foreign.KINDS if made(kind).lossless] == ["gpt2", "llama3"]


@pytest.mark.parametrize("kind", ["gpt2", "bert", "cased", "qwen2", "llama", "metaspace"])
def test_ids_equal_those_of_transformers(kind: str, folders: Path) -> None:
    from transformers import AutoTokenizer

    classes = {"gpt2": "GPT2Tokenizer", "bert": "BertTokenizer", "cased": "BertTokenizer", "qwen2": "Qwen2Tokenizer"}
    folder = folders / f"{kind}-transformers"
    shutil.copytree(folders / kind, folder)
    values = foreign.SIGNS.get(kind, {}) | {"tokenizer_class": classes.get(kind, "PreTrainedTokenizerFast")}
    if kind == "cased":
        values["do_lower_case"] = False
    (folder / "tokenizer_config.json").write_text(json.dumps(values))
    peer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    tokenizer = made(kind)
    for text in (*foreign.TEXT.split("\n"), foreign.TEXT, NASTY, "", " ", "A", "ÀÉ 你好 x1y2 don't", "a" * 300, "\n\n  \n"):  # fmt: skip
        ids = tokenizer.encode(text)
        assert ids == peer.encode(text, add_special_tokens=False, split_special_tokens=True)
        if tokenizer.end or kind in ("llama", "metaspace"):
            assert [*tokenizer.begin, *ids, *tokenizer.end] == peer.encode(text, split_special_tokens=True)
    if kind in ("bert", "cased"):
        assert (tokenizer.begin, tokenizer.end) == ((peer.cls_token_id,), (peer.sep_token_id,))
        assert (tokenizer.mask, tokenizer.end_of_text) == (peer.mask_token_id, peer.sep_token_id)
    else:
        assert (tokenizer.mask, tokenizer.end_of_text) == (None, peer.eos_token_id)
        assert tokenizer.begin == ((peer.bos_token_id or peer.eos_token_id),)


def test_gpt2_and_bert_from_the_files_before_tokenizer_json(tmp_path: Path) -> None:
    from transformers import BertTokenizer, GPT2Tokenizer

    model = json.loads(foreign.tokenizer("gpt2").to_str())["model"]
    vocabulary = model["vocab"] | {foreign.END: len(model["vocab"])}
    (tmp_path / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    lines = ["#version: 0.2", *(" ".join(pair) for pair in model["merges"])]
    (tmp_path / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    ours = read(tmp_path, "gpt2")
    peer = GPT2Tokenizer(str(tmp_path / "vocab.json"), str(tmp_path / "merges.txt"))
    for text in (foreign.TEXT, NASTY, ""):
        assert ours.encode(text) == peer.encode(text, split_special_tokens=True) == made("gpt2").encode(text)
    assert ours.end_of_text == peer.eos_token_id
    for name in ("vocab.json", "merges.txt"):
        (tmp_path / name).unlink()

    words = json.loads(foreign.tokenizer("bert").to_str())["model"]["vocab"]
    (tmp_path / "vocab.txt").write_text("".join(f"{word}\n" for word in words), encoding="utf-8")
    for lower in (True, False):
        (tmp_path / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": lower}))
        peer = BertTokenizer(str(tmp_path / "vocab.txt"), do_lower_case=lower)
        ours = read(tmp_path, "bert")
        for text in (foreign.TEXT, NASTY, "ÀÉ Fox", ""):
            assert [*ours.begin, *ours.encode(text), *ours.end] == peer.encode(text, split_special_tokens=True)
        assert (ours.encode("Fox") == ours.encode("fox")) == lower
    assert ours.mask == words["[MASK]"]


def test_the_oldest_tokenizer_json_names_no_types_and_joins_its_merges(folders: Path, tmp_path: Path) -> None:
    for kind in ("gpt2", "bert"):
        content = json.loads((folders / kind / "tokenizer.json").read_text(encoding="utf-8"))
        del content["model"]["type"]
        if kind == "gpt2":
            content["model"]["merges"] = [" ".join(pair) for pair in content["model"]["merges"]]
            content["model"]["unk_token"] = ""
            for key in ("byte_fallback", "ignore_merges"):
                del content["model"][key]
            del content["pre_tokenizer"]["use_regex"]
        (tmp_path / "tokenizer.json").write_text(json.dumps(content), encoding="utf-8")
        assert read(tmp_path, kind).encode(foreign.TEXT) == made(kind).encode(foreign.TEXT)


@pytest.mark.parametrize("kind", foreign.KINDS)
def test_what_is_written_out_reads_the_same_again(kind: str, tmp_path: Path) -> None:
    write_tokenizer(made(kind), tmp_path)
    again = read(tmp_path, kind)
    assert json.loads(again.to_json())["roles"] == json.loads(made(kind).to_json())["roles"]
    assert again.encode(NASTY) == made(kind).encode(NASTY)
    alone = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    if kind != "gpt2":
        assert alone.encode("the fox").ids == foreign.tokenizer(kind).encode("the fox").ids


def test_our_own_tokenizer_comes_back_from_a_folder(tmp_path: Path) -> None:
    own = train_tokenizer("bpe", 400, [foreign.TEXT])
    write_tokenizer(own, tmp_path)
    again = read_tokenizer(tmp_path, own.vocabulary_size, encoder=False, config={})
    assert type(again) is Tokenizer
    assert again.to_json() == own.to_json()
    with pytest.raises(UserError, match=f"{own.vocabulary_size:,} tokens.* {own.vocabulary_size + 1:,} rows"):
        read_tokenizer(tmp_path, own.vocabulary_size + 1, encoder=False, config={})


def test_pieces_show_every_row(folders: Path) -> None:
    size = foreign.tokenizer("gpt2").get_vocab_size()
    padded = read(folders / "gpt2", "gpt2", rows=size + 3)
    assert padded.vocabulary_size == len(padded.pieces) == len(padded.token_bytes) == len(padded.characters) == size + 3
    assert padded.pieces[padded.end_of_text] == foreign.END
    assert padded.pieces[-1] == f"<unused {size + 2}>"
    assert padded.token_bytes[-1] == padded.token_bytes[padded.end_of_text] == b""
    assert " the" in padded.pieces
    assert padded.decode([*padded.encode("the fox"), padded.end_of_text, size + 2]) == "the fox"
    assert {"the", "##e", "[CLS]"} <= set(made("bert").pieces)
    assert {"▁the", "<0x41>"}.isdisjoint(made("llama").pieces)


@pytest.mark.parametrize(("more", "fits"), [(0, True), (600, True), (-1, False), (1000, False)])
def test_more_rows_than_tokens_are_padding_but_not_any_number(folders: Path, more: int, fits: bool) -> None:
    size = foreign.tokenizer("gpt2").get_vocab_size()
    if fits:
        assert read(folders / "gpt2", "gpt2", rows=size + more).vocabulary_size == size + more
        return
    with pytest.raises(UserError, match=f"{size:,} tokens.* {size + more:,} rows"):
        read(folders / "gpt2", "gpt2", rows=size + more)


def changed(kind: str, change: Callable[[dict[str, Any]], object], folder: Path) -> Path:
    content = json.loads(foreign.tokenizer(kind).to_str())
    change(content)
    (folder / "tokenizer.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


def put(*path: str, value: Any) -> Callable[[dict[str, Any]], object]:
    def change(content: dict[str, Any]) -> None:
        for key in path[:-1]:
            content = content[key]
        content[path[-1]] = value

    return change


SPLIT = {"type": "Split", "behavior": "Isolated", "invert": False}
REFUSED = {
    "pattern": ("gpt2", put("pre_tokenizer", value={**SPLIT, "pattern": {"Regex": "(a+)+$"}}), "pattern of its own"),
    "pattern as text": ("gpt2", put("pre_tokenizer", value={**SPLIT, "pattern": {"String": "a"}}), "pattern"),
    "behaviour": ("gpt2", put("pre_tokenizer", value={**SPLIT, "behavior": "Removed", "pattern": {"Regex": PATTERNS[0]}}), "behavior"),
    "replace by a pattern": ("gpt2", put("normalizer", value={"type": "Replace", "pattern": {"Regex": "(a+)+$"}, "content": "▁"}), "normalizer"),
    "unknown normalizer": ("bert", put("normalizer", value={"type": "Precompiled", "precompiled_charsmap": "AAAA"}), "Precompiled"),
    "unknown model": ("gpt2", put("model", value={"type": "Unigram", "unk_id": 0, "vocab": [["a", 0.0]]}), "Unigram"),
    "unknown key": ("gpt2", put("model", "surprise", value=1), "surprise"),
    "unknown part": ("gpt2", put("surprise", value=1), "surprise"),
    "dropout": ("gpt2", put("model", "dropout", value=0.1), "dropout"),
    "no words": ("gpt2", put("pre_tokenizer", value=None), "only apart"),
    "bert without words": ("bert", put("pre_tokenizer", value=None), "only apart"),
    "bert with bytes": ("bert", put("pre_tokenizer", value={"type": "ByteLevel"}), "only apart"),
    "post-processor": ("bert", put("post_processor", value={"type": "Own"}), "post_processor"),
    "post-processor's token": ("bert", put("post_processor", "single", value=[{"SpecialToken": {"id": "[X]"}}, {"Sequence": {}}]), "post_processor"),
    "word length": ("bert", put("model", "max_input_chars_per_word", value=10**9), "max_input_chars_per_word"),
    "number": ("gpt2", put("model", "vocab", "a", value=2**31), "less than 200000"),
    "negative": ("gpt2", put("model", "vocab", "a", value=-1), "at least 0"),
    "two alike": ("gpt2", put("model", "vocab", "a", value=5), "one number to two"),
    "added over another": ("gpt2", put("added_tokens", value=[{"id": 5, "content": "<x>", "special": True}]), "one number to two"),
    "added with a gap": ("gpt2", put("added_tokens", value=[{"id": 500, "content": foreign.END, "special": True}]), "gaps"),
    "merge of nothing": ("gpt2", put("model", "merges", value=[["zzz", "yyy"]]), "no sound"),
    "unknown sign": ("bert", put("model", "unk_token", value="[NONE]"), "sign for unknown"),
    "empty vocabulary": ("gpt2", put("model", "vocab", value={}), "vocab"),
    "lone surrogate": ("gpt2", put("model", "vocab", "\ud800", value=590), "no sound|cannot|does not read"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_whatever_else_a_file_holds_is_refused(name: str, tmp_path: Path) -> None:
    kind, change, words = REFUSED[name]
    changed(kind, change, tmp_path)
    began = time.process_time()
    with pytest.raises(UserError, match=words) as caught:
        read(tmp_path, kind, rows=600)
    assert time.process_time() - began < 1
    assert len(str(caught.value)) < 600
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "holds no tokenizer"),
        ({"vocab.json": "{}"}, "holds no tokenizer"),
        ({"tokenizer.json": "{"}, "not valid JSON"),
        ({"tokenizer.json": "[1]"}, "not a JSON object"),
        ({"tokenizer.json": "{}"}, "model"),
        ({"tokenizer.json": "[" * 100_000}, "not valid JSON"),
        ({"vocab.json": "{}", "merges.txt": ""}, "vocab"),
        ({"vocab.txt": ""}, "sign for unknown"),
        ({"vocab.txt": "a\nb\n"}, "sign for unknown"),
    ],
)
def test_missing_and_broken_files_are_named(files: dict[str, str], words: str, tmp_path: Path) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(UserError, match=words):
        read_tokenizer(tmp_path, 100, encoder=False, config={})


def test_a_tokenizer_without_a_token_between_texts_is_refused(tmp_path: Path) -> None:
    changed("gpt2", put("added_tokens", value=[]), tmp_path)
    size = foreign.tokenizer("gpt2").get_vocab_size()
    with pytest.raises(UserError, match="begins or ends a text"):
        read_tokenizer(tmp_path, size, encoder=False, config={})
    found = read_tokenizer(tmp_path, size, encoder=False, config={"eos_token_id": [7, 8]})
    assert (found.begin, found.end_of_text) == ((7,), 7)


@given(content=st.binary(max_size=300) | st.text(max_size=100).map(str.encode))
@settings(deadline=None, max_examples=100)
def test_any_bytes_as_a_tokenizer_are_read_or_refused(content: bytes) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        for name in ("tokenizer.json", "vocab.txt", "tokenizer_config.json"):
            (Path(folder) / name).write_bytes(content)
            with suppress(UserError):
                read_tokenizer(Path(folder), 400, encoder=True, config={})
            with suppress(UserError):
                load_tokenizer(Path(folder) / name)


@pytest.mark.parametrize("kind", ["gpt2", "bert", "llama"])
@given(data=st.data())
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_a_changed_tokenizer_file_is_read_or_refused(kind: str, data: st.DataObject) -> None:
    import tempfile

    content = json.loads(foreign.tokenizer(kind).to_str())
    target: Any = content
    while isinstance(target, (dict, list)) and target:
        keys = sorted(target) if isinstance(target, dict) else list(range(len(target)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(target[key], (dict, list)) or data.draw(st.booleans()):
            target[key] = data.draw(
                st.none()
                | st.integers()
                | st.floats()
                | st.text(max_size=5)
                | st.just({})
                | st.just([])
                | st.booleans()
            )
            break
        target = target[key]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "tokenizer.json").write_text(json.dumps(content), encoding="utf-8")
        with suppress(UserError):
            found = read_tokenizer(Path(folder), 430, encoder=kind == "bert", config={})
            found.decode(found.encode(NASTY))
            assert len(found.pieces) == 430
