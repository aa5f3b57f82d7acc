"""Every recipe that ships can be read, fits in its promises, and the one for learning speed is nanoGPT's size."""

import tomllib
from pathlib import Path

import pytest

from llm_core.config import NgramConfig, TaskConfig, load_recipe, with_vocabulary_size
from llm_core.models.size import count_parameters

RECIPES = sorted((Path(__file__).parents[2] / "assets" / "recipes").glob("*.toml"))


def test_the_famous_and_our_own_are_there() -> None:
    assert {path.stem for path in RECIPES} >= {"gpt", "characters", "gpt2", "llama", "qwen", "lstm", "ngram"}


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_is_sound_and_says_what_it_is(path: Path) -> None:
    config = load_recipe(path)
    about = tomllib.loads(path.read_text(encoding="utf-8"))["about"]
    assert set(about) == {"title", "description", "shows"}
    assert all(about.values())
    sized = with_vocabulary_size(config.model, config.data.vocabulary_size)
    if isinstance(sized, TaskConfig):
        sized = sized.model_copy(update={"labels": sized.labels or 2})
    parameters = count_parameters(sized)
    assert (
        parameters == 0
        if isinstance(config.model, NgramConfig)
        else (60_000 if path.stem == "attention-only" else 250_000) < parameters < 2_000_000
    )


def test_the_recipe_for_learning_speed_has_nanogpts_parameters_within_five_percent() -> None:
    model = load_recipe(next(path for path in RECIPES if path.stem == "characters")).model
    # 4 layers, width 128, biases off, 65 characters, 64 learned positions, tied output, gains in 9 norms.
    nanogpt = 4 * 12 * 128**2 + (65 + 64) * 128 + 9 * 128
    ours = count_parameters(model.model_copy(update={"vocabulary_size": 67}))
    assert abs(ours / nanogpt - 1) < 0.05
