"""Geometry: where vectors lie. One of four pictures: a map, neighbours and analogies, a path, likeness of layers."""

from pages.ui.inside import geometry_alike, geometry_map, geometry_near, geometry_path
from pages.ui.inside.choices import SHOWN
from pages.ui.inside.computed import Predicted
from pages.ui.inside.controls import choice
from pages.ui.inside.selection import Selection
from pages.ui.state import INSIDE_SHOWN_KEY
from pages.ui.text import _

_SHOWS = {
    "map": geometry_map.show, "near": geometry_near.show, "path": geometry_path.show, "alike": geometry_alike.show,
}  # fmt: skip


def show(selection: Selection, predicted: Predicted) -> None:
    """Which picture, and the picture. Raises UserError."""
    _SHOWS[choice(_("Picture"), INSIDE_SHOWN_KEY, SHOWN)](selection, predicted)
