"""`import` and `export` on the command line: folders of other programs in and out, one sentence for what is none."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from llm_core import __main__ as command_line
from llm_core import devices
from tests import foreign


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TERRARIUM_RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr(devices, "physical_cores", lambda: 1)


def call(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = command_line.main(list(words))
    said = capsys.readouterr()
    return status, said.out, said.err


def test_a_folder_comes_in_writes_and_goes_out_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    foreign.write_model("gpt2", tmp_path / "theirs")
    status, out, err = call(capsys, "import", "theirs", "--name", "small gpt2", "--json")
    assert (status, err) == (0, "")
    values = json.loads(out)
    run = Path(values["run"])
    tensors = load_file(tmp_path / "theirs" / "model.safetensors")
    assert values["parameters"] == sum(tensor.numel() for tensor in tensors.values())
    assert run.parent == tmp_path / "runs"
    lines = call(capsys, "runs")[1].splitlines()
    assert ["small gpt2", run.name, "finished", "0"] in [line.split("\t") for line in lines]
    for reference in (run.name, str(run), "small gpt2"):
        status, out, _ = call(capsys, "generate", reference, "--prompt", "the fox", "--tokens", "5", "--json")
        assert (status, json.loads(out)["tokens"] <= 5) == (0, True)
    status, out, _ = call(capsys, "export", run.name, "out", "--json")
    assert (status, json.loads(out)) == (0, {"folder": str(tmp_path / "out"), "model_type": "gpt2"})
    again = load_file(tmp_path / "out" / "model.safetensors")
    assert again.keys() == tensors.keys()
    assert all(torch.equal(again[name], tensors[name]) for name in tensors)
    before = {path: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    status, _, err = call(capsys, "export", run.name, "out")
    assert (status, err) == (2, "out is there already; name a new or an empty folder.\n")
    assert {path: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
    status, out, _ = call(capsys, "resume", run.name, "--json")
    assert (status, json.loads(out)["state"]) == (0, "finished")
    status, _, err = call(capsys, "evaluate", run.name)
    assert status == 2
    assert "was brought in" in err


def test_an_encoder_comes_in_and_says_why_it_does_not_write(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    foreign.write_model("bert", tmp_path / "bert")
    assert call(capsys, "import", "bert")[0] == 0
    status, out, err = call(capsys, "generate", "bert", "--prompt", "the")
    assert (status, out) == (2, "")
    assert "does not write from left to right" in err
    assert err.count("\n") == 1


def test_a_model_of_ours_goes_out_and_comes_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from llm_core import hub
    from llm_core.data.foreign_files import write_tokenizer
    from llm_core.data.tokenizers import train_tokenizer
    from llm_core.models.build import build
    from llm_core.models.presets import preset
    from llm_core.runs.store import Store

    tokenizer = train_tokenizer("bpe", 300, [foreign.TEXT])
    model = build(preset("llama", vocabulary_size=tokenizer.vocabulary_size, width=16, layers=1, heads=2), seed=1)
    hub.write_folder(model, tmp_path / "ours")
    write_tokenizer(tokenizer, tmp_path / "ours")
    assert call(capsys, "import", "ours")[0] == 0
    found, same = Store().model(Store().runs()[0])
    assert same.to_json() == tokenizer.to_json()
    assert all(torch.equal(found.state_dict()[name], tensor) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize(
    "words",
    [
        ["import"],
        ["import", "nothing"],
        ["import", "gpt2"],
        ["import", "https://huggingface.co/gpt2"],
        ["import", "file"],
        ["import", "empty"],
        ["import", "empty", "--step", "3"],
        ["export", "0123456789abcdef", "out"],
        ["export", "no run"],
    ],
)
def test_what_is_no_folder_is_one_sentence_and_leaves_nothing(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x")
    status, out, err = call(capsys, *words)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "file"]
