"""Geometry: where vectors lie. One of four pictures: a map, neighbours and analogies, a path, likeness of layers."""

from pages.ui.inside.choices import SHOWN
from pages.ui.inside.computed import Predicted
from pages.ui.inside.controls import choice
from pages.ui.inside.geometry.geometry_alike import show as show_alike
from pages.ui.inside.geometry.geometry_map import show as show_map
from pages.ui.inside.geometry.geometry_near import show as show_near
from pages.ui.inside.geometry.geometry_path import show as show_path
from pages.ui.inside.selection import Selection
from pages.ui.state import INSIDE_SHOWN_KEY
from pages.ui.text import _

_SHOWS = {"map": show_map, "near": show_near, "path": show_path, "alike": show_alike}


def show(selection: Selection, predicted: Predicted) -> None:
    """Which picture, and the picture. Raises UserError."""
    _SHOWS[choice(_("Picture"), INSIDE_SHOWN_KEY, SHOWN)](selection, predicted)
