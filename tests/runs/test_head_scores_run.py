"""A run that scores the heads of another one: whole, stopped, killed, refused, and found again."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from llm_core.__main__ import main
from llm_core.config import DataConfig, ModelConfig, NgramConfig, RecurrentConfig, RunConfig, TransformerConfig
from llm_core.errors import UserError
from llm_core.runs import history
from llm_core.runs.head_scores import FILE, find_rows, find_runs, start
from llm_core.runs.head_scores_job import HeadScoresJob
from llm_core.runs.history import Row
from llm_core.runs.live import live
from llm_core.runs.result import result_of
from llm_core.runs.run import Run
from llm_core.runs.scored import HeadScoresConfig
from llm_core.runs.store import Store
from llm_core.runs.worker import work
from tests.training.conftest import run_config

STEPS = [0, 1, 2, 3, 4]


class Killed(BaseException):
    """What no worker catches."""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with one finished run in it."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "text.txt").write_text("".join(f"{n} green bottles hanging on the wall.\n" for n in range(99, 0, -1)))
    store = Store(folder / "runs", bundled=folder / "models")
    run = store.create(settings(folder), name="bottles", owner="local")
    assert work(run).state == "finished"
    return folder


def settings(folder: Path, model: ModelConfig | None = None) -> RunConfig:
    data = DataConfig(corpus=str(folder / "text.txt"), tokenizer="character", vocabulary_size=400)
    return run_config(model or TransformerConfig(context=24, width=16, layers=2, heads=2), steps=4).model_copy(
        update={"data": data}
    )


@pytest.fixture
def store(trained: Path, tmp_path: Path) -> Store:
    shutil.copytree(trained / "runs", tmp_path / "runs")
    return Store(tmp_path / "runs", bundled=tmp_path / "models")


@pytest.fixture
def watched(store: Store) -> Run:
    (run,) = store.runs()
    return run


def scoring(store: Store, watched: Run, texts: int = 4) -> Run:
    return store.create(HeadScoresConfig(run=watched.id, texts=texts), name="heads", owner="local")


def keys(rows: list[Row]) -> list[tuple[int, str, str]]:
    return [(row["step"], row["part"], row["score"]) for row in rows]


def test_every_snapshot_is_scored_the_newest_first(store: Store, watched: Run) -> None:
    assert watched.steps() == STEPS
    assert find_rows(store, watched) == []
    run = scoring(store, watched)
    assert work(run).state == run.status().state == "finished"
    rows = history.records(run.folder)
    assert [row["step"] for row in rows if row["kind"] == "scored"] == [4, 0, 1, 2, 3]
    assert run.status().progress == 1.0
    found = find_rows(store, watched)
    assert [row["step"] for row in found] == sorted(row["step"] for row in found)
    names = {row["score"] for row in found}
    assert {"previous_token", "duplicate_token", "induction", "entropy", "distance"} <= names
    assert len(found) == len(STEPS) * len(names)
    for row in found:
        assert row["part"] == "decoder"
        for low, mean, high in zip(row["low"], row["mean"], row["high"], strict=True):
            assert len(mean) == 2
            assert all(a <= b + 1e-4 and b <= c + 1e-4 for a, b, c in zip(low, mean, high, strict=True))
    # Random texts are drawn from what the model's own text is made of, four of them, each with two copies.
    induction = next(row for row in found if row["score"] == "induction")
    assert induction["texts"] == 4
    assert run.steps() == []


@pytest.mark.parametrize("way", ["stop", "kill"])
def test_what_was_interrupted_goes_on_and_comes_to_the_same(store: Store, watched: Run, way: str) -> None:
    whole = scoring(store, watched)
    work(whole)
    expected = find_rows(store, watched)
    run = scoring(store, watched)

    def interrupt(row: Row) -> None:
        if row["kind"] == "scored" and row["step"] == 0 and way == "stop":
            store.want(run, "stopped", owner="local")
        if row["kind"] == "heads" and row["step"] == 1 and row["score"] == "induction" and way == "kill":
            raise Killed

    if way == "stop":
        assert work(run, report=interrupt).state == "stopped"
    else:
        with pytest.raises(Killed):
            work(run, report=interrupt)
    shutil.rmtree(whole.folder)
    assert {row["step"] for row in find_rows(store, watched)} == {0, 4}
    store.want(run, "running", owner="local")
    seen: list[Row] = []
    assert work(run, report=seen.append).state == "finished"
    assert {row["step"] for row in seen if row["kind"] == "heads"} == {1, 2, 3}, "what was whole is not done again"
    assert find_rows(store, watched) == expected


def test_it_stops_between_two_batches_of_texts(store: Store, watched: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llm_core.interpret.attention.answers._LARGEST", 2000)
    run = scoring(store, watched, texts=20)
    seen: list[Row] = []
    records = HeadScoresJob.records

    def stop_early(job: HeadScoresJob, clock: Callable[[], float]):  # type: ignore[no-untyped-def]
        for count, record in enumerate(records(job, clock)):
            if count == 3:
                store.want(run, "stopped", owner="local")
            assert count < 6, "it was asked to stop"
            yield record

    monkeypatch.setattr(HeadScoresJob, "records", stop_early)
    assert work(run, report=seen.append).state == "stopped"
    assert seen == []


@pytest.mark.parametrize("model", [RecurrentConfig(width=16, context=16), NgramConfig(), TransformerConfig(width=16, layers=0, context=16)])  # fmt: skip
def test_a_model_without_attention_is_refused_and_nothing_is_left(
    store: Store, trained: Path, model: ModelConfig
) -> None:
    headless = store.create(settings(trained, model), name="headless", owner="local")
    before = sorted(path.name for path in store.root.iterdir())
    with pytest.raises(UserError, match="attention heads"):
        scoring(store, headless)
    assert sorted(path.name for path in store.root.iterdir()) == before


def test_what_has_no_model_is_refused(store: Store, watched: Run, trained: Path) -> None:
    fresh = store.create(settings(trained), name="fresh", owner="local")
    with pytest.raises(UserError, match="not kept a model yet"):
        scoring(store, fresh)
    run = scoring(store, watched)
    with pytest.raises(UserError, match="has no model"):
        scoring(store, run)
    with pytest.raises(UserError, match="no run"):
        store.create(HeadScoresConfig(run="0123456789abcdef"), name="nothing", owner="local")


def test_lists_and_readers_of_runs_do_not_trip_over_it(
    store: Store, watched: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    run = scoring(store, watched)
    work(run)
    assert not run.has_model
    with pytest.raises(UserError, match="does not train"):
        _ = run.config
    reply = live(store, run.id)
    assert {row["kind"] for row in reply["rows"]} == {"heads", "scored", "finish"}
    assert result_of(run).validation_loss is None
    assert main(["runs", "--runs", str(store.root)]) == 0
    assert f"heads\t{run.id}\tfinished" in capsys.readouterr().out
    assert main(["resume", run.id, "--runs", str(store.root), "--json"]) == 0


def test_starting_twice_is_starting_once_and_a_stopped_one_goes_on(
    store: Store, watched: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []
    monkeypatch.setattr(Store, "start", lambda self, run, owner: started.append(run.id))
    first = start(store, watched, "local", texts=4)
    assert first.settings == HeadScoresConfig(run=watched.id, texts=4)
    assert first.name == "heads of bottles"
    assert start(store, watched, "local").id == first.id
    store.want(first, "stopped", owner="local")
    assert work(first).state == "stopped"
    assert start(store, watched, "local").id == first.id
    work(first)
    second = start(store, watched, "local", texts=4)
    assert second.id != first.id
    assert started == [first.id, first.id, second.id]
    assert [run.id for run in find_runs(store, watched)] == [second.id, first.id]
    assert find_rows(store, watched), "the one that has finished serves until the newer one has"


def test_rows_that_come_with_a_bundled_model_are_found(store: Store, watched: Run, tmp_path: Path) -> None:
    made = scoring(store, watched)
    work(made)
    rows = find_rows(store, watched)
    shutil.copytree(watched.folder, tmp_path / "models" / "bundled")
    shutil.copyfile(made.folder / history.FILE, tmp_path / "models" / "bundled" / FILE)
    bundled = store.find("bundled")
    assert find_rows(store, bundled) == rows
