"""The estimate before the start: what it counts, how it moves with the knobs, and that it is quick."""

from pathlib import Path

import pytest

from llm_core.config import DataConfig, RunConfig, load_recipe
from llm_core.data.corpora import CORPORA
from llm_core.data.prepare import lengths, prepare
from llm_core.models.size import count_parameters
from llm_core.models.work import Work
from llm_core.runs import text_size as sizes
from llm_core.runs.estimate import estimate, items_of, sized, snapshots
from llm_core.runs.history import History
from llm_core.runs.speed import Point, Speed
from llm_core.runs.taken import step_seconds
from llm_core.runs.text_size import TextSize, size_of, text_size
from tests.messages import RECIPES

KIND = "decoder next_token"
SPEED = Speed(
    tuple(Point("step", KIND, 1, Work(1e9 * n, 1e7 * n, 500), 0.05 * n) for n in (1, 2, 4)),
    {"prepare text": 1e-6, "prepare grammar": 1e-6, "count": 1e-6}, 400_000_000, measured=True,
)  # fmt: skip
TEXT = TextSize(characters=300_000, training=100_000, held_out=10_000, row=None)


def recipe(name: str) -> RunConfig:
    return load_recipe(next(path for path in RECIPES if path.stem == name))


def told(config: RunConfig, text: TextSize = TEXT, speed: Speed = SPEED):  # type: ignore[no-untyped-def]
    return estimate(config, text, speed, threads=1)


def with_training(config: RunConfig, **changes: object) -> RunConfig:
    return config.model_copy(update={"training": config.training.model_copy(update=changes)})


def test_tokens_epochs_and_parameters_are_those_of_the_settings() -> None:
    config = recipe("gpt")
    found = told(config)
    assert found.tokens == 500 * 12 * 128
    assert found.epochs == pytest.approx(found.tokens / 100_000)
    assert found.parameters == count_parameters(sized(config))
    assert found.low < found.seconds < found.high
    assert found.measured


def test_twice_the_steps_take_about_twice_the_time_and_a_time_limit_takes_itself() -> None:
    config = recipe("gpt")
    one, two = told(config), told(with_training(config, steps=1000))
    assert 1.7 < (two.seconds - two.preparing) / (one.seconds - one.preparing) < 2.1
    limited = told(with_training(config, seconds=60.0))
    assert limited.seconds == pytest.approx(60 + limited.preparing)
    assert limited.tokens > 0


def test_what_is_prepared_already_takes_no_time_again(tmp_path: Path) -> None:
    config = recipe("gpt")
    (tmp_path / "baselines.json").write_text("{}")
    assert told(config).preparing == pytest.approx(0.11 + 0.11)
    assert told(config, TextSize(300_000, 100_000, 10_000, None, tmp_path)).preparing == 0


def test_the_parts_are_counted_as_often_as_the_loop_does_them() -> None:
    config = with_training(recipe("gpt"), steps=100, evaluation_every=30, sample_every=50, checkpoint_every=40)
    items = items_of(config, sized(config), TEXT)
    assert [(item.part, item.times) for item in items[:4]] == [("step", 100), ("evaluation", 4), ("evaluation", 1), ("sample", 3)]  # fmt: skip
    logarithmic = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96]
    assert snapshots(100, 40) == len({0, 40, 80, 100, *logarithmic})
    assert snapshots(1, 10) == 2
    assert items[2].work.operations > items[1].work.operations  # the last look is at all of the held-out text


def test_memory_grows_with_the_batch_and_is_no_less_than_that_of_the_worker() -> None:
    config = recipe("gpt")
    assert told(config).memory > SPEED.resident
    assert told(with_training(config, batch_size=120)).memory > 1.5 * told(config).memory


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_has_an_estimate(path: Path, tmp_path: Path) -> None:
    config = load_recipe(path)
    text = text_size(config.data, tmp_path)
    found = told(config, text)
    assert 0 < found.seconds < 100_000


@pytest.mark.parametrize(
    "name", ["stories-en", "headlines-zh", "labelled-reviews-en", "parallel-en-zh", "copy", "word-induction"]
)
def test_the_length_of_a_text_that_is_written_here_is_known_before_it_is_written(name: str, tmp_path: Path) -> None:
    known = dict(CORPORA[name].defaults["data"])
    data = DataConfig(corpus=name, **{**known, "documents": 300})
    corpus = prepare(data, tmp_path)
    exact, guess = size_of(corpus), text_size(data, tmp_path / "none")
    assert guess.folder is None
    assert guess.training == pytest.approx(exact.training, rel=0.25)
    assert guess.row == pytest.approx(exact.row, rel=0.25)
    assert guess.characters == pytest.approx(max(exact.characters, guess.characters * 0.9), rel=0.25)
    recorded = text_size(data, tmp_path)
    assert recorded.folder == corpus.folder
    assert recorded.training == pytest.approx(exact.training, rel=0.25)


def test_the_length_of_a_real_text_is_known_and_that_of_ones_own_is_guessed(tmp_path: Path) -> None:
    data = recipe("gpt").data
    corpus = prepare(data, tmp_path)
    guess = text_size(data, tmp_path / "none")
    assert guess.training + guess.held_out == pytest.approx(len(corpus.training) + len(corpus.held_out), rel=0.1)
    own = text_size(data, tmp_path, characters=sum(corpus.characters))
    assert own.training + own.held_out == pytest.approx(guess.training + guess.held_out, rel=0.01)
    assert text_size(data, tmp_path).training == len(corpus.training)
    assert lengths(corpus.training).sum() == len(corpus.training)
    assert set(sizes._DOCUMENT) == {name for name, corpus in CORPORA.items() if corpus.read is None}


def test_the_time_of_a_step_is_read_off_a_history_without_the_looks(tmp_path: Path) -> None:
    with History(tmp_path) as lines:
        lines.append({"kind": "evaluation", "step": 0, "loss": 3.0})
    rows = [
        {
            "kind": "step",
            "step": n,
            "tokens": 100 * n,
            "seconds": 1.0 * n,
            "tokens_per_second": 200.0 if n % 2 else 400.0,
        }
        for n in range(1, 30)
    ]
    assert step_seconds(rows) in (0.25, 0.375, 0.5)
    assert step_seconds(rows[:10]) is None
