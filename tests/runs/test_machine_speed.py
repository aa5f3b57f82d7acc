"""The measurement itself, with a model so small that it takes a moment, and what a finished run adds to it."""

from pathlib import Path

import pytest

from llm_core.config import DataConfig, RunConfig, TaskConfig, TrainingConfig, TransformerConfig, load_recipe, network
from llm_core.data.prepare import TokenizedCorpus, prepare
from llm_core.runs import calibration
from llm_core.runs.calibration import RECIPES
from llm_core.runs.history import History
from llm_core.runs.locks import Lock
from llm_core.runs.speed import LOCK, Point, Speed, read_speed, write_speed
from llm_core.runs.store import Store
from llm_core.runs.taken import remember, taken

TINY = RunConfig(
    model=TransformerConfig(width=16, layers=1, heads=2, context=16),
    training=TrainingConfig(batch_size=2, optimizer="adamw", sample_tokens=4, evaluation_tokens=64),
)


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "own.txt"
    path.write_text("The cat sat on the mat, and the dog lay under the table.\n" * 60)
    return path


@pytest.fixture
def corpus(text: Path, tmp_path: Path) -> TokenizedCorpus:
    return prepare(DataConfig(corpus=str(text), tokenizer="character", vocabulary_size=300), tmp_path / "corpora")


def test_each_part_of_a_run_is_timed_beside_its_work(corpus: TokenizedCorpus) -> None:
    found = {point.part: point for point in calibration._points(TINY, corpus, 1, "cpu")}
    assert set(found) == {"step", "evaluation", "sample", "snapshot"}
    for point in found.values():
        assert point.seconds > 0
        assert point.work.calls > 0
        assert (point.kind, point.threads, point.run, point.device) == ("decoder next_token", 1, "", "cpu")


@pytest.mark.parametrize("size", [0.5, 4.0])
@pytest.mark.parametrize("name", RECIPES)
def test_a_sibling_has_the_size_asked_for_and_is_valid(name: str, size: float) -> None:
    config = load_recipe(calibration.FOLDER / f"{name}.toml")
    sibling = calibration._sized(config, size)
    assert network(sibling.model).width == size * network(config.model).width  # type: ignore[union-attr]
    assert sibling.training.batch_size == size * config.training.batch_size
    assert isinstance(sibling.model, TaskConfig) == isinstance(config.model, TaskConfig)
    RunConfig.model_validate(sibling.model_dump())


def test_a_machine_is_measured_once_and_by_one_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[int] = []
    speed = Speed(resident=1, measured=True)
    monkeypatch.setattr(calibration, "measure", lambda threads: measured.append(threads) or speed)
    with Lock(tmp_path / LOCK) as lock:
        assert lock.acquire()
        calibration.calibrate(tmp_path)
        assert measured == []
    calibration.calibrate(tmp_path)
    calibration.calibrate(tmp_path)
    assert len(measured) == 1
    assert read_speed(tmp_path) == speed


def test_a_finished_run_adds_what_its_steps_took(text: Path, tmp_path: Path) -> None:
    store = Store(tmp_path / "runs", bundled=tmp_path, races=tmp_path)
    config = TINY.model_copy(update={"data": DataConfig(corpus=str(text), tokenizer="character", vocabulary_size=300)})
    run = store.create(config, name="own", threads=1)
    corpus = prepare(config.data, store.corpora)
    (run.folder / "corpus.json").write_text(f'{{"digest": "{corpus.digest}"}}')
    with History(run.folder) as lines:
        for step in range(1, 30):
            row = {"kind": "step", "step": step, "tokens": 32 * step, "seconds": step, "tokens_per_second": 64.0}
            lines.append(row)
    point = taken(store.find(run.id))
    assert point is not None
    assert (point.seconds, point.run, point.threads) == (0.5, run.id, 1)
    remember(run)
    assert not read_speed(store.root).measured  # nothing that it could be added to
    write_speed(store.root, Speed((Point("step", "x", 1, point.work, 1.0),), measured=True))
    remember(store.find(run.id))
    assert read_speed(store.root).points[-1] == point
