"""Whatever settings cannot work together, the refusal names the nearest that do, and each of them does."""

from typing import Any

import pytest

from llm_core.config import DataConfig, RunConfig, TransformerConfig, load_recipe, parse, with_vocabulary_size
from llm_core.data.generated import check_rows
from llm_core.data.prepare import require_window
from llm_core.data.tokenizers import check_vocabulary
from llm_core.errors import UserError
from llm_core.models.size import check_size
from tests.messages import RECIPES

RECIPE = {path.stem: load_recipe(path) for path in RECIPES}


def changed(config: RunConfig, changes: dict[str, Any]) -> dict[str, Any]:
    """The values of a config with some laid over it, by their paths."""
    values: dict[str, Any] = config.model_dump()
    for path, value in changes.items():
        section, _, name = path.partition(".")
        inside = values[section]
        (inside["body"] if name not in inside else inside)[name] = value
    return values


def refused(recipe: str, changes: dict[str, Any]) -> UserError:
    with pytest.raises(UserError) as caught:
        parse(RunConfig, changed(RECIPE[recipe], changes))
    return caught.value


@pytest.mark.parametrize(
    ("recipe", "changes", "expected"),
    [
        ("gpt", {"model.width": 100, "model.heads": 3}, {"model.heads": (2, 5), "model.width": (96, 102)}),
        ("gpt", {"model.width": 37}, {"model.width": (32, 40)}),
        ("gpt", {"model.heads": 6}, {"model.heads": (4, 8), "model.width": (120, 132)}),
        ("gpt", {"model.width": 12, "model.heads": 4}, {"model.heads": (3, 6), "model.width": (8, 16), "model.position": ("learned",)}),
        ("gpt", {"model.position": "sinusoidal", "model.width": 15, "model.heads": 5}, {"model.width": (10, 20), "model.position": ("learned",)}),
        ("qwen", {"model.key_value_heads": 3}, {"model.key_value_heads": (2, 4)}),
        ("tag", {"model.width": 90}, {"model.heads": (3, 5), "model.width": (88, 96)}),
        ("gpt", {"training.learning_rate": 0.0}, {"training.learning_rate": (0.003,)}),
        ("gpt", {"training.batch_size": 0}, {"training.batch_size": (1,)}),
        ("gpt", {"training.batch_size": 10**9}, {"training.batch_size": (4096,)}),
        ("gpt", {"model.layers": 10**6}, {"model.layers": (64,)}),
        ("gpt", {"model.dropout": 1.5}, {"model.dropout": (0.9,)}),
        ("gpt", {"training.steps": 10**12}, {"training.steps": (10_000_000,)}),
        ("gpt", {"data.rows": "labelled"}, {"data.rows": ("labelled", "windows"), "recipe": ("classify",)}),
        ("gpt", {"data.rows": "pairs"}, {"data.rows": ("pairs", "windows"), "recipe": ("translate",)}),
        ("cloze", {"data.mask_token": False}, {"data.mask_token": (True,)}),
    ],
)  # fmt: skip
def test_a_refusal_names_the_nearest_that_work(recipe: str, changes: dict[str, Any], expected: dict[str, Any]) -> None:
    error = refused(recipe, changes)
    assert error.suggestions == expected
    for path, values in error.suggestions.items():
        for value in values:
            if path == "recipe":
                assert value in RECIPE
                continue
            if path == "data.rows" and value != "windows":
                continue  # right for a text that has them
            parse(RunConfig, changed(RECIPE[recipe], {**changes, path: value}))


@pytest.mark.parametrize("width", range(20, 60, 3))
@pytest.mark.parametrize("heads", [3, 4, 5])
def test_every_width_and_head_count_that_fails_comes_with_some_that_work(width: int, heads: int) -> None:
    for position in ("rotary", "sinusoidal", "learned"):
        changes = {"model.width": width, "model.heads": heads, "model.position": position}
        if width % heads == 0 and (position == "learned" or width % (2 * heads) == 0):
            parse(RunConfig, changed(RECIPE["gpt"], changes))
            continue
        if position == "sinusoidal" and width % heads == 0 and width % 2 == 0:
            continue
        ways = refused("gpt", changes).suggestions
        assert ways["model.width"]
        for path, values in ways.items():
            for value in values:
                parse(RunConfig, changed(RECIPE["gpt"], {**changes, path: value}))


def test_a_model_that_is_too_large_names_the_largest_that_is_not() -> None:
    model = TransformerConfig(width=1024, layers=12, heads=8, vocabulary_size=4096)
    with pytest.raises(UserError) as caught:
        check_size(model)
    ways = caught.value.suggestions
    (width,), (layers,) = ways["model.width"], ways["model.layers"]
    check_size(model.model_copy(update={"width": width}))
    check_size(model.model_copy(update={"layers": layers}))
    with pytest.raises(UserError):
        check_size(model.model_copy(update={"width": width + 16}))  # the next that its heads divide
    with pytest.raises(UserError):
        check_size(model.model_copy(update={"layers": layers + 1}))
    assert "data.vocabulary_size" not in ways  # no vocabulary is small enough
    with pytest.raises(UserError) as caught:
        check_size(with_vocabulary_size(TransformerConfig(width=1024, layers=1), 100_000))
    (size,) = caught.value.suggestions["data.vocabulary_size"]
    check_size(with_vocabulary_size(TransformerConfig(width=1024, layers=1), int(size or 0)))


def test_texts_and_rows_and_vocabularies_name_what_works() -> None:
    with pytest.raises(UserError) as caught:
        require_window(50, 64)
    assert caught.value.suggestions == {"model.context": (48,)}
    require_window(50, 48)
    with pytest.raises(UserError) as caught:
        check_vocabulary("bpe", 100)
    (least,) = caught.value.suggestions["data.vocabulary_size"]
    check_vocabulary("bpe", int(least or 0))
    with pytest.raises(UserError) as caught:
        check_rows(DataConfig(corpus="entities-en"))
    assert caught.value.suggestions == {"recipe": ("tag",), "data.rows": ("tagged",)}
