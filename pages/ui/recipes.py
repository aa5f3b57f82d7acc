"""The recipes that come with the program: settings that work, each with a title and a sentence."""

import functools
import tomllib
from dataclasses import dataclass
from pathlib import Path

from llm_core.config import RunConfig, load_recipe

FOLDER = Path(__file__).resolve().parents[2] / "assets" / "recipes"
FIRST = "gpt"


@dataclass(frozen=True)
class Recipe:
    """`title`, `description` and `shows`, what one will see, are English templates, to be translated where they are shown."""

    name: str
    title: str
    description: str
    shows: str
    config: RunConfig


@functools.cache
def recipes() -> dict[str, Recipe]:
    """All recipes by name, the usual one first."""
    found = {}
    for path in sorted(FOLDER.glob("*.toml"), key=lambda path: (path.stem != FIRST, path.stem)):
        about = tomllib.loads(path.read_text(encoding="utf-8"))["about"]
        found[path.stem] = Recipe(path.stem, about["title"], about["description"], about["shows"], load_recipe(path))
    return found
