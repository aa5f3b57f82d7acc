"""A text brings its own defaults along, for every recipe, and leaves what it does not name."""

from pathlib import Path

import pytest

from llm_core.config import DataConfig, RunConfig, TrainingConfig, load_recipe, parse
from llm_core.data.annotated import ASKED
from llm_core.data.corpora import CORPORA, with_corpus

RECIPES = sorted((Path(__file__).parents[2] / "assets" / "recipes").glob("*.toml"))


# Some texts say what is asked of them, and only the recipes for it go with them: see the tests of pairs and of tasks.
def particular(kind: str) -> str:
    return kind if kind in ("parallel", *ASKED) else "any text"


FITTING = [
    (recipe, name)
    for recipe in RECIPES
    for name, corpus in CORPORA.items()
    if particular(load_recipe(recipe).data.rows.replace("pairs", "parallel")) == particular(corpus.kind)
]


@pytest.mark.parametrize(("recipe", "name"), FITTING, ids=[f"{recipe.stem} {name}" for recipe, name in FITTING])
def test_every_recipe_goes_with_every_text_of_its_kind(recipe: Path, name: str) -> None:
    before = load_recipe(recipe)
    config = with_corpus(before, name)
    assert config.data.corpus == name
    assert config.model.family == before.model.family
    given = CORPORA[name].defaults
    for section, part in (("model", config.model), ("data", config.data), ("training", config.training)):
        old = getattr(before, section).model_dump()
        named = {key: value for key, value in given.get(section, {}).items() if key in old}
        # Of the body of a model for a task only what is named changes, too.
        named = {key: old[key] | value if isinstance(value, dict) else value for key, value in named.items()}
        expected = old | named
        assert part.model_dump() == expected | ({"corpus": name} if section == "data" else {})


def test_a_text_of_ones_own_has_no_defaults() -> None:
    before = RunConfig(data=DataConfig(tokenizer="word"), training=TrainingConfig(batch_size=7))
    config = with_corpus(before, "my.txt")
    assert config.data == before.data.model_copy(update={"corpus": "my.txt"})
    assert (config.model, config.training) == (before.model, before.training)


def test_stories_begin_with_their_name_and_nothing_else_does() -> None:
    assert [name for name in CORPORA if name.startswith("stories")] == ["stories-en", "stories-zh"]
    assert (CORPORA["stories-en"].language, CORPORA["stories-zh"].language) == ("en", "zh")


def test_settings_without_what_came_later_are_still_read() -> None:
    old = RunConfig().model_dump(mode="json")
    del old["data"]["rows"], old["data"]["documents"]
    assert parse(RunConfig, old) == RunConfig()
