"""The command line with a model for a task: train, evaluate, and what such a model does not do."""

from pathlib import Path

import pytest

from llm_core import __main__ as command_line
from llm_core.inference.label import label
from llm_core.runs import history
from llm_core.runs.store import Store
from tests.test_command_line import Outcome

SMALL = (
    "--set", "data.documents=120", "model.body.width=16", "model.body.heads=2", "model.body.layers=1",
    "training.batch_size=8", "training.evaluation_every=8", "training.sample_every=8", "training.checkpoint_every=8",
    "training.threads=1", "training.steps=8",
)  # fmt: skip


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> str:
    root = tmp_path_factory.mktemp("tasks") / "runs"
    assert command_line.main(["train", "tag", *SMALL, "--runs", str(root)]) == 0
    (run,) = Store(root).runs()
    return str(run.folder)


def test_a_trained_tagger_is_scored_by_its_entities(trained: str, capsys: pytest.CaptureFixture[str]) -> None:
    values = Outcome(capsys, "evaluate", trained, "--json").json
    rows = history.records(Path(trained))
    last = [row for row in rows if row["kind"] == "evaluation"][-1]
    assert last["loss"] == pytest.approx(values["validation_loss"], rel=1e-5)
    assert {name: values[name] for name in last["measures"]} == pytest.approx(last["measures"])
    assert (values["perplexity"], values["bits_per_character"]) == (None, None)
    assert "writes none" in values["no_floor"]
    assert [row["name"] for row in rows if row["kind"] == "baseline"] == ["uniform"]
    assert len([row for row in rows if row["kind"] == "sample" and row["step"] == 8]) == 3


def test_the_names_of_its_tags_lie_in_the_run(trained: str) -> None:
    (run,) = Store(Path(trained).parent).runs()
    assert run.labels[:1] == ("O",)
    model, _ = Store(Path(trained).parent).model(run)
    assert getattr(model.config, "labels", None) == len(run.labels)


def test_it_does_not_write_and_is_scored_on_no_text_without_answers(
    trained: str, capsys: pytest.CaptureFixture[str]
) -> None:
    writing = Outcome(capsys, "generate", trained, "--prompt", "Tom")
    assert writing.status == 2
    assert "does not write" in writing.err
    other = Outcome(capsys, "evaluate", trained, "--corpus", "stories-en")
    assert other.status == 2
    assert "which has the answers: entities-en" in other.err


def test_a_recipe_on_a_text_of_another_task_names_the_one_it_takes(capsys: pytest.CaptureFixture[str]) -> None:
    refused = Outcome(capsys, "train", "tag", "--corpus", "stories-en")
    assert refused.status == 2
    assert "entities-en" in refused.err


@pytest.fixture(scope="module")
def classifies(tmp_path_factory: pytest.TempPathFactory) -> str:
    root = tmp_path_factory.mktemp("classifies") / "runs"
    assert command_line.main(["train", "classify", *SMALL, "--runs", str(root)]) == 0
    (run,) = Store(root).runs()
    return str(run.folder)


def test_a_model_that_was_trained_to_classify_does_so(classifies: str, capsys: pytest.CaptureFixture[str]) -> None:
    store = Store(Path(classifies).parent)
    run = store.find(classifies, paths=True)
    found = Outcome(capsys, "classify", classifies, "--text", "The film was dull.", "--json").json
    (expected,) = label(*store.model(run), run.labels, ["The film was dull."])
    assert found["probabilities"] == pytest.approx(expected, abs=1e-5)
    assert found["label"] == next(iter(expected))
    assert list(found) == ["label", "probabilities"]
    refused = Outcome(capsys, "classify", classifies, "--text", "a", "--family", "lstm")
    assert (refused.status, "single model" in refused.err) == (2, True)


def test_a_table_is_classified_by_such_a_model_too(
    classifies: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "films.csv"
    table.write_text("film,verdict\nIt was dull.,negative\nIt was a delight.,positive\n,\n", encoding="utf-8")
    words = ("classify", classifies, "--file", str(table), "--text-column", "film")
    called = Outcome(capsys, *words, "--json").json["predictions"]
    scored = Outcome(capsys, *words, "--label-column", "verdict", "--json").json
    right = [one == two for one, two in zip(called, ("negative", "positive"), strict=False)]
    assert (scored["texts"], scored["accuracy"]) == (2, sum(right) / 2)


def test_a_tagger_does_not_classify(trained: str, capsys: pytest.CaptureFixture[str]) -> None:
    refused = Outcome(capsys, "classify", trained, "--text", "Tom")
    assert (refused.status, refused.err.count("\n")) == (2, 1)
