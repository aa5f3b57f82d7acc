"""`inspect RUN training` on the command line: a measure at every kept step, as a table or as one JSON object."""

import json
from pathlib import Path

import pytest

from llm_core import __main__ as command_line
from llm_core import devices
from llm_core.interpret.lenses.logit_lens import logit_lens
from llm_core.interpret.reading import read
from llm_core.runs.store import Store
from tests import foreign
from tests.pages.made_inside import TEXT, made

MODEL = "d" * 16


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(devices, "physical_cores", lambda: 1)
    (tmp_path / "runs").mkdir()
    made(tmp_path / "runs", MODEL)
    return tmp_path / "runs"


def call(capsys: pytest.CaptureFixture[str], runs: Path, *words: str) -> tuple[int, str, str]:
    status = command_line.main(["inspect", *words, "--runs", str(runs)])
    said = capsys.readouterr()
    return status, said.out, said.err


def test_a_measure_is_given_for_every_step(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = (MODEL, "training", "--measure", "lens", "--text", TEXT, "--token", "dog", "--against", "nothing")
    status, out, err = call(capsys, runs, *words, "--json")
    assert (status, err, out.count("\n")) == (0, "", 1)
    told = json.loads(out)
    assert (told["measure"], told["token"], told["against"]) == ("lens", " dog", None)
    store = Store(runs)
    for row in told["steps"]:
        model, tokenizer = store.model(store.find(MODEL), row["step"])
        lens = logit_lens(model, read(model, tokenizer, TEXT), pinned=[tokenizer.pieces.index(" dog")])
        expected = {str(place): float(lens.pinned_probabilities[at, told["position"], 0]) for at, place in enumerate(lens.rows)}  # fmt: skip
        assert row["values"] == pytest.approx({name: expected[name] for name in row["values"]}, rel=1e-4)
        assert row["controls"]["chance"] == pytest.approx(1 / len(tokenizer.pieces), rel=1e-4)
    assert [row["step"] for row in told["steps"]] == [0, 1]
    status, out, _err = call(capsys, runs, *words)
    assert out.splitlines()[1].split() == ["step", *told["steps"][0]["values"], "chance"]
    assert len(out.splitlines()) == 4


def test_a_measure_that_is_about_no_text_needs_none(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _err = call(capsys, runs, MODEL, "training", "--measure", "weights", "--json")
    first, last = json.loads(out)["steps"]
    assert status == 0
    assert last["values"]["decoder.1.attention"] == pytest.approx(8 * first["values"]["decoder.1.attention"], rel=1e-4)
    assert call(capsys, runs, MODEL, "training", "--measure", "lens")[0] == 2


def test_what_cannot_be_seen_over_steps_is_said_in_a_sentence(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    foreign.write_model("bert", runs.parent / "bert")
    assert command_line.main(["import", "bert", "--name", "bert", "--runs", str(runs)]) == 0
    capsys.readouterr()
    status, out, err = call(capsys, runs, "bert", "training", "--measure", "weights")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "brought in as it is" in err
    status, _out, err = call(capsys, runs, MODEL, "training", "--text", "cat " * 5_001)
    assert (status, err.count("\n"), "20000" in err) == (2, 1, True)
    status, _out, err = call(capsys, runs, MODEL, "training", "--measure", "<b>")
    assert (status, "<b>" in err) == (2, True)
