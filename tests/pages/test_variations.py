"""Each variation of a recipe changes the one idea that it names, and nothing else."""

import pytest

from llm_core.config import RunConfig
from llm_core.data.corpora import with_corpus
from llm_core.errors import UserError
from pages.ui.recipes import recipes
from pages.ui.variations import Variation, differences, has, scaled, value_at, variations, variations_of

ALL = {variation.name: variation for variation in variations()}
OFFERED = [
    (recipe.name, name, recipe.config, changed)
    for recipe in recipes().values()
    for name, (_variation, changed) in variations_of(recipe.config).items()
]


def parts(config: RunConfig) -> tuple[object, ...]:
    return config.data, config.model, config.training


@pytest.mark.parametrize(("recipe", "name", "config", "changed"), OFFERED, ids=[f"{each[0]}-{each[1]}" for each in OFFERED])  # fmt: skip
def test_a_variation_differs_in_just_what_it_says(
    recipe: str, name: str, config: RunConfig, changed: RunConfig
) -> None:
    variation = ALL[name]
    said = {path.partition(".")[2] for path in (*variation.given, *variation.times)}
    found = {each.name: each for each in differences(parts(config), parts(changed))}  # type: ignore[arg-type]
    assert found
    assert set(found) <= said
    for path, value in variation.given.items():
        if has(changed, path) and value_at(config, path) != value:
            assert value_at(changed, path) == value
    for path, factor in variation.times.items():
        if path.partition(".")[2] in found:
            assert value_at(changed, path) == pytest.approx(value_at(config, path) * factor)
    assert config.data.corpus == changed.data.corpus
    RunConfig.model_validate(changed.model_dump())


def test_every_variation_is_offered_somewhere_and_every_recipe_offers_some() -> None:
    texts = {"stories-en", "python-reference", "cloze-en-zh"}
    seen: set[str] = set()
    for recipe in recipes().values():
        seen |= set(variations_of(recipe.config))
        assert len(variations_of(recipe.config)) >= 2, recipe.name
        for text in texts:
            try:
                seen |= set(variations_of(with_corpus(recipe.config, text)))
            except UserError:
                continue
    assert seen == set(ALL)


def test_one_rate_alone_is_changed_where_there_is_one_optimizer() -> None:
    gpt2, gpt = recipes()["gpt2"].config, recipes()["gpt"].config
    high = ALL["rate-high"]
    for config, names in ((gpt2, {"learning_rate"}), (gpt, {"learning_rate", "muon_learning_rate"})):
        changed = high.of(config)
        assert changed is not None
        assert {each.name for each in differences(parts(config), parts(changed))} == names  # type: ignore[arg-type]


def test_what_changes_nothing_or_cannot_be_is_not_offered() -> None:
    config = recipes()["gpt"].config
    assert Variation("x", "", "", given={"model.width": config.model.width}).of(config) is None  # type: ignore[union-attr]
    assert Variation("x", "", "", given={"model.heads": 3}).of(config) is None
    assert Variation("x", "", "", given={"model.order": 2}).of(config) is None
    assert ALL["tiny-text"].of(config) is None  # a real text is as long as it is
    assert ALL["one-head"].of(recipes()["qwen"].config) is None  # two heads share keys and values


def test_whole_numbers_stay_whole() -> None:
    assert (scaled(12, 0.25), scaled(1, 0.25), scaled(0.02, 10), scaled(None, 2), scaled(0, 2)) == (
        3,
        1,
        0.2,
        None,
        None,
    )


def test_every_recipe_says_what_it_will_show() -> None:
    for recipe in recipes().values():
        assert recipe.shows.endswith((".", "?"))
    for variation in ALL.values():
        assert variation.title
        assert variation.shows.endswith((".", "?"))
