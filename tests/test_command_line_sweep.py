"""`sweep` on the command line: a small grid and a range test, one JSON object each, and what is refused in a sentence."""

import json
from pathlib import Path

import pytest

from llm_core.__main__ import main
from llm_core.runs.store import Store

SMALL = ("model.width=16", "model.layers=1", "model.heads=1", "model.context=8", "training.batch_size=2", "training.evaluation_tokens=32", "data.tokenizer=character")  # fmt: skip


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    text = tmp_path / "text.txt"
    text.write_text("the cat sat on the mat. " * 100, encoding="utf-8")
    return ["sweep", "gpt", "--corpus", str(text), "--runs", str(tmp_path / "runs"), "--set", *SMALL, "--json"]


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert isinstance(found, dict)
    return found


def test_a_grid_ends_with_every_training_and_the_best(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--axis", "training.learning_rate=0.001,0.1", "--steps", "3"]) == 0
    found = told(capsys)
    trainings = found["trainings"]
    assert isinstance(trainings, list)
    assert [one["training.learning_rate"] for one in trainings] == [0.001, 0.1]
    losses = [one["validation_loss"] for one in trainings]
    assert found["best"] == {"training.learning_rate": 0.1 if losses[1] < losses[0] else 0.001}
    assert "over width" in str(found["no_scaling"])
    assert found["unit"] == "nats per token"
    store = Store(tmp_path / "runs")
    assert store.find(trainings[0]["run"]).status().validation_loss == losses[0]
    assert main(["resume", str(found["run"]), "--runs", str(tmp_path / "runs"), "--json"]) == 0
    assert told(capsys) == found, "a finished one stays as it is"


def test_a_range_test_ends_with_a_rate_or_says_why_not(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words, "--range-test", "--steps", "20"]) == 0
    found = told(capsys)
    assert found["steps"] == 20
    assert found["learning_rate"] is not None or found["reason"]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ([], "Say what to sweep"),
        (["--range-test", "--axis", "model.width=8,16"], "Say what to sweep"),
        (["--axis", "model.width=8,wide"], "is no axis"),
        (["--axis", "model.depth=1,2"], "must be one of"),
        (["--axis", "model.width=8"], "at least two values"),
    ],
)
def test_what_cannot_be_swept_is_refused_in_a_sentence(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: list[str], said: str
) -> None:
    assert main([*words, *flags]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()
