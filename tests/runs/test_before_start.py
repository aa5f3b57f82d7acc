"""What is refused before a start, each with the nearest settings that work, and each of those does."""

from pathlib import Path
from typing import Any

import pytest

from llm_core.config import RunConfig, load_recipe
from llm_core.errors import UserError
from llm_core.runs.before_start import refuse_memory, refuse_overlap, refuse_settings, tried
from llm_core.runs.estimate import worker_memory
from llm_core.runs.speed import Speed
from llm_core.runs.text_size import TextSize
from tests.messages import RECIPES

TEXT = TextSize(characters=300_000, training=100_000, held_out=10_000, row=None)
SPEED = Speed()


def recipe(name: str, **changes: Any) -> RunConfig:
    config = load_recipe(next(path for path in RECIPES if path.stem == name))
    for path, value in changes.items():
        section, _, field = path.partition("__")
        config = config.model_copy(update={section: getattr(config, section).model_copy(update={field: value})})
    return config


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_may_start_as_it_is(path: Path) -> None:
    config = load_recipe(path)
    refuse_settings(config, TEXT, SPEED)
    assert tried(config, None, "") is None  # its text is known to fit


def test_a_warm_up_and_a_decay_longer_than_the_run_are_shortened() -> None:
    config = recipe("gpt", training__warmup=0.5)
    with pytest.raises(UserError, match="never reach its height") as caught:
        refuse_settings(config, TEXT, SPEED)
    ways = caught.value.suggestions
    assert ways == {"training.warmup": (0.3,), "training.decay": (0.5,), "training.schedule": ("cosine",)}
    for path, (value,) in ways.items():
        refuse_overlap(config.training.model_copy(update={path.partition(".")[2]: value}))


def test_too_much_memory_names_the_batch_the_context_and_the_model_that_fit() -> None:
    config = recipe("gpt", training__batch_size=4096, model__context=1024)
    limit = 4_000_000_000
    with pytest.raises(UserError, match="of memory") as caught:
        refuse_memory(config, TEXT, SPEED, limit)
    ways = caught.value.suggestions
    assert "training.batch_size" in ways
    for path, values in ways.items():
        section, _, name = path.partition(".")
        changes: dict[str, Any] = {
            "training__batch_size": 4096,
            "model__context": 1024,
            f"{section}__{name}": values[0],
        }
        changed = recipe("gpt", **changes)
        assert worker_memory(changed, TEXT, SPEED) <= limit, path
    refuse_memory(recipe("gpt"), TEXT, SPEED, limit)
    with pytest.raises(UserError) as caught:
        refuse_memory(config, TEXT, SPEED, 1)
    assert caught.value.suggestions == {}  # not even the program itself fits


def test_a_model_too_large_at_its_whole_vocabulary_is_refused() -> None:
    with pytest.raises(UserError, match="at most 50,000,000") as caught:
        refuse_settings(recipe("gpt", model__width=512, data__vocabulary_size=100_000), TEXT, SPEED)
    assert set(caught.value.suggestions) == {"model.width", "data.vocabulary_size"}


def test_a_small_text_of_ones_own_is_tried_and_names_the_context_that_fits(tmp_path: Path) -> None:
    raw = b"The cat sat on the mat.\n" * 6
    trial = tried(recipe("gpt"), raw, "a.txt")
    assert trial is not None
    assert trial.fault is not None
    (context,) = trial.fault.suggestions["model.context"]
    again = tried(recipe("gpt", model__context=context), raw, "a.txt")
    assert again is not None
    assert again.fault is None
    assert again.vocabulary < 1024
    assert tried(recipe("gpt"), b"x" * 300_000, "a.txt") is None  # would take long
    broken = tried(recipe("gpt"), b"\xff\xff\xff", "a.txt")
    assert broken is not None
    assert broken.fault is not None


def test_documents_longer_than_the_context_name_one_that_holds_them() -> None:
    config = recipe("cloze", model__context=48)
    trial = tried(config, None, "")
    assert trial is not None
    assert trial.fault is not None
    (context,) = trial.fault.suggestions["model.context"]
    longer = tried(recipe("cloze", model__context=context), None, "")
    assert longer is not None
    assert longer.fault is None
