"""What the settings that are swept, and the values on their axes, are called on screen."""

from collections.abc import Callable

from llm_core.errors import N_
from llm_core.runs.swept import Setting
from pages.ui.text import number

Words = Callable[[str], str]
"""Translates a template; figures are drawn where there is no session."""

TITLES: dict[Setting, str] = {
    "training.learning_rate": N_("Learning rate"), "model.width": N_("Width"), "model.layers": N_("Layers"),
    "data.documents": N_("Documents"),
}  # fmt: skip


def value_of(setting: Setting, value: float) -> str:
    """A value as it stands on an axis."""
    return f"{value:g}" if setting == "training.learning_rate" else number(int(value))


def cell_name(settings: tuple[Setting, ...], values: tuple[float, ...], words: Words) -> str:
    """A cell by its values: "Learning rate 0.01, Width 32"."""
    named = zip(settings, values, strict=True)
    return ", ".join(f"{words(TITLES[setting])} {value_of(setting, value)}" for setting, value in named)
