"""The command line with a model that translates: train, evaluate, generate, resume, and what is refused."""

from pathlib import Path
from typing import Any

import pytest

from llm_core import __main__ as command_line
from llm_core.commands import training
from llm_core.runs import history
from llm_core.runs.store import Store
from tests.test_command_line import Outcome

SMALL = (
    "--set", "data.documents=240", "model.width=16", "model.heads=2", "model.layers=1", "training.batch_size=8",
    "training.evaluation_every=8", "training.sample_every=8", "training.checkpoint_every=4", "training.threads=1",
)  # fmt: skip


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("translating") / "runs"


@pytest.fixture(scope="module")
def trained(root: Path) -> str:
    arguments = ["train", "translate", *SMALL, "training.steps=16", "--runs", str(root)]
    assert command_line.main(arguments) == 0
    (run,) = Store(root).runs()
    return str(run.folder)


def test_a_trained_translator_is_scored_with_all_its_measures(
    trained: str, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = Outcome(capsys, "evaluate", trained, "--json").json
    assert values["validation_loss"] > 0
    assert values["bits_per_character"] > 0
    assert 0 <= values["exact_match"] <= 1
    assert 0 <= values["chrf"] <= 1
    assert "given its sentence" in values["no_floor"]
    rows = history.records(Path(trained))
    last = [row for row in rows if row["kind"] == "evaluation"][-1]
    assert last["loss"] == pytest.approx(values["validation_loss"], rel=1e-5)
    assert {row["name"] for row in rows if row["kind"] == "baseline"} == {"uniform", "unigram", "ngram"}
    samples = [row for row in rows if row["kind"] == "sample" and row["step"] == 16]
    assert len(samples) == 4
    assert all(row["reference"] for row in samples[1:])


def test_a_prompt_is_translated(trained: str, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ("generate", trained, "--prompt", "Tom put the ball in the box.", "--temperature", "0")
    values = Outcome(capsys, *asked, "--json").json
    assert set(values) == {"text", "tokens", "seconds"}
    assert not values["text"].startswith("Tom")
    assert Outcome(capsys, *asked, "--json").json["text"] == values["text"]
    shown = Outcome(capsys, *asked)
    assert shown.out == values["text"] + "\n"
    long = Outcome(capsys, "generate", trained, "--prompt", "the ball " * 40)
    assert long.status == 2
    assert "at most 48" in long.err


def test_a_stopped_translator_goes_on_to_the_same_end(
    trained: str, root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def kill(row: dict[str, Any]) -> None:
        if row["kind"] == "step" and row["step"] == 10:
            raise Killed

    monkeypatch.setattr(training, "_report", kill)
    with pytest.raises(Killed):
        command_line.main(["train", "translate", *SMALL, "training.steps=16", "--runs", str(root), "--name", "killed"])
    monkeypatch.undo()
    (run,) = [run for run in Store(root).runs() if run.name == "killed"]
    values = Outcome(capsys, "resume", str(run.folder), "--runs", str(root), "--json").json
    assert values["steps"] == 16
    straight = [row for row in history.records(Path(trained)) if row["kind"] == "evaluation"][-1]
    assert values["validation_loss"] == straight["loss"]
    assert set(values["measures"]) == {"exact_match", "chrf"}


@pytest.mark.parametrize("name", ["stories-en", "python-reference", "copy"])
def test_other_texts_are_refused_in_a_sentence_that_names_the_one_that_works(
    trained: str, root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    for words in (("train", "translate", "--corpus", name, "--runs", str(tmp_path / "runs")), ("evaluate", trained, "--corpus", name)):  # fmt: skip
        refused = Outcome(capsys, *words)
        assert refused.status == 2
        assert "parallel-en-zh" in refused.err
        assert len(refused.err.splitlines()) == 1
    assert not (tmp_path / "runs").exists()


def test_sentence_pairs_are_refused_to_models_that_write_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for recipe in ("gpt", "lstm", "ngram"):
        refused = Outcome(capsys, "train", recipe, "--corpus", "parallel-en-zh", "--runs", str(tmp_path / "runs"))
        assert refused.status == 2
        assert "recipe translate" in refused.err
    run = str(Path(command_line.__file__).parents[1] / "assets" / "models" / "stories-en")
    refused = Outcome(capsys, "evaluate", run, "--corpus", "parallel-en-zh")
    assert refused.status == 2
    assert "recipe translate" in refused.err
    assert not (tmp_path / "runs").exists()


def test_export_says_why_there_is_no_such_folder(
    trained: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refused = Outcome(capsys, "export", trained, str(tmp_path / "out"))
    assert refused.status == 2
    assert "is an encoder-decoder" in refused.err
    assert len(refused.err.splitlines()) == 1
    assert not (tmp_path / "out").exists()
