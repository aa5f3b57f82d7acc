"""What ships in `assets/models/` is whole, small, made of what the program has now, and as good as its card says."""

import json
import platform
from pathlib import Path
from typing import Any

import pytest

from llm_core.data.prepare import corpus_digest, prepare
from llm_core.evaluate.language_model import score
from llm_core.runs.store import BUNDLED_MODELS, Store
from llm_core.training.atomic import verify

RECIPES = Path(__file__).parents[1] / "assets" / "recipes"
FOLDERS = sorted(path for path in BUNDLED_MODELS.iterdir() if path.is_dir()) if BUNDLED_MODELS.is_dir() else []
each_model = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)


def card_of(folder: Path) -> dict[str, Any]:
    card: dict[str, Any] = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    return card


def size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def test_all_together_take_at_most_60_megabytes() -> None:
    assert sum(size(folder) for folder in FOLDERS) <= 60_000_000


@each_model
def test_a_model_is_small_and_every_snapshot_whole(folder: Path) -> None:
    assert size(folder) <= 8_000_000
    steps = sorted(int(path.name) for path in (folder / "steps").iterdir())
    assert len(steps) >= 3
    assert steps[0] == 0
    assert steps[-1] == card_of(folder)["steps"]
    for step in steps:
        verify(folder / "steps" / f"{step:08d}")


@each_model
def test_a_model_is_made_of_a_recipe_and_a_text_that_are_there_unchanged(folder: Path) -> None:
    card = card_of(folder)
    run = Store().find(folder.name)
    assert run.read_only
    assert run.problem is None
    assert (RECIPES / f"{card['recipe']}.toml").is_file()
    assert run.digest == card["corpus_digest"]
    if card["python"] != platform.python_version():
        pytest.skip(f"the text comes out of Python {card['python']}; this is {platform.python_version()}")
    assert corpus_digest(run.config.data) == card["corpus_digest"], "stale: run `make models`"


@each_model
def test_a_model_is_as_good_as_its_card_says_and_better_than_counting(folder: Path, tmp_path: Path) -> None:
    card = card_of(folder)
    if card["python"] != platform.python_version():
        pytest.skip(f"the text comes out of Python {card['python']}; this is {platform.python_version()}")
    store = Store()
    run = store.find(folder.name)
    model, _ = store.model(run)
    found = score(model, prepare(run.config.data, tmp_path))
    assert found.loss == pytest.approx(card["validation_loss"], abs=0.01)
    assert found.bits_per_character == pytest.approx(card["bits_per_character"], abs=0.01)
    assert found.loss < card["baselines"]["ngram"]
