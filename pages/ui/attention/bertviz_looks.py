"""The colours of the house for bertviz's views, light and dark."""

from typing import Any

from pages.ui.charts import DARK, LIGHT, Colors

_MORE = {"light": ("#b5475f", "#4a4fa3", "#7a6a12"), "dark": ("#f09ab0", "#a6a9f0", "#cbbf6a")}
"""bertviz gives ten heads, or layers, a colour of their own; these stand behind the seven categories of the house."""


def looks() -> dict[str, dict[str, Any]]:
    """For each look: the colours of heads and layers, bertviz's palette, and the variables of the style sheet."""
    return {name: _look(colors, _MORE[name]) for name, colors in (("light", LIGHT), ("dark", DARK))}


def _look(colors: Colors, more: tuple[str, ...]) -> dict[str, Any]:
    palette = {
        "text": colors.text, "selected_text": colors.text, "heading_text": colors.text, "text_highlighted": colors.quiet,
        "background": colors.background, "highlight": colors.grid, "dropdown": colors.text, "icon": colors.quiet,
        "attn": colors.training, "connector": colors.training, "vector_border": colors.grid,
        "pos": colors.differences[-1], "neg": colors.differences[0],
        "text_highlight_left": colors.grid, "text_highlight_right": colors.scale[3],
    }  # fmt: skip
    style = {"paper": colors.background, "text": colors.text, "quiet": colors.quiet, "grid": colors.grid, "accent": colors.training}  # fmt: skip
    return {"heads": [*colors.categories, *more], "palette": palette, "style": style}
