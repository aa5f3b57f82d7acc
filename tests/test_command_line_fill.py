"""`fill` on the command line: the likeliest tokens behind each mask, and one sentence where nothing can be filled."""

import json
from pathlib import Path

import pytest

from llm_core import __main__ as command_line
from llm_core import devices
from llm_core.inference.fill_mask import predict
from llm_core.runs.store import Store
from tests import foreign


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TERRARIUM_RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr(devices, "physical_cores", lambda: 1)
    for kind in ("bert", "gpt2"):
        foreign.write_model(kind, tmp_path / kind)
        assert command_line.main(["import", kind, "--name", kind]) == 0
    capsys.readouterr()


def call(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = command_line.main(list(words))
    said = capsys.readouterr()
    return status, said.out, said.err


def test_each_mask_gets_its_likeliest_tokens(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "the [MASK] fox [MASK]"
    status, out, err = call(capsys, "fill", "bert", "--text", text, "--top", "3", "--json")
    assert (status, err, out.count("\n")) == (0, "", 1)
    store = Store(tmp_path / "runs")
    found = predict(*store.model(store.find("bert", paths=True)), text, top=3)
    predictions = json.loads(out)["predictions"]
    assert [[one["token"] for one in row] for row in predictions] == [list(row) for row in found.pieces]
    assert [[one["probability"] for one in row] for row in predictions] == [
        pytest.approx(row) for row in found.probabilities
    ]
    status, out, _ = call(capsys, "fill", "bert", "--text", text)
    lines = out.splitlines()
    assert (status, [line.split(":")[0] for line in lines]) == (0, ["mask 1", "mask 2"])
    assert repr(found.pieces[0][0]) in lines[0]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["bert", "--text", "no mask here"], "Nothing is hidden"),
        (["bert", "--text", " "], "no text"),
        (["bert", "--text", "[MASK] " * 40], "Shorten it"),
        (["bert", "--text", "a [MASK]", "--top", "0"], "--top must be at least 1"),
        (["gpt2", "--text", "a [MASK]"], "left to right"),
        (["bert"], "--text"),
    ],
)
def test_what_cannot_be_filled_is_one_sentence(
    words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = call(capsys, "fill", *words, "--json")
    assert (status, out) == (2, "")
    assert sentence in err
    assert err.count("\n") == 1
