"""All heads and feed-forward layers as a grid: a row for each layer, a column for each head; a click chooses one."""

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING

import numpy as np

from pages.ui.inside.pictures.grid import Grid
from pages.ui.inside.places import name_of
from pages.ui.inside.selection import Selection, choose_piece
from pages.ui.inside.words import signed
from pages.ui.text import _

if TYPE_CHECKING:
    from llm_core.interpret.components import Component

FEED_FORWARD = 1_000
"""Stands for a feed-forward layer where a head's number stands."""
PARTS = ("decoder", "encoder", "cross")
_MOST_NUMBERED = 14


def head_grid(
    values: "Mapping[Component, float]", selection: Selection, said: Callable[[str, str], str], *, bar: str = "", off: Collection[str] = ()
) -> Grid:  # fmt: skip
    """The heads and feed-forward layers among these components. `said` puts a name and a value into a sentence; heads
    that are `off` are crossed."""
    drawn = [component for component in values if component.kind in ("head", "feed_forward")]
    columns = sorted({_column(component) for component in drawn})
    layers = 1 + max((component.layer or 0 for component in drawn), default=0)
    shape = layers, len(columns)
    numbers, texts, hovers = np.full(shape, np.nan), np.full(shape, "", object), np.full(shape, "", object)
    picks = [[[PARTS.index(part), layer, index] for _group, part, index in columns] for layer in range(layers)]
    for component in drawn:
        place = component.layer or 0, columns.index(_column(component))
        value = values[component]
        numbers[place] = value
        texts[place] = ("✕ " if str(component) in off else "") + signed(value)
        hovers[place] = said(name_of(component), signed(value))
    most = float(np.nanmax(np.abs(numbers), initial=1e-6))
    chosen = (2 if selection.part == "cross" else 1, selection.part, selection.head)
    return Grid(
        values=numbers, low=-most, high=most, signed=True, hovers=hovers.tolist(), picks=picks,
        texts=texts.tolist() if len(columns) <= _MOST_NUMBERED else None,
        rows=[_("layer {layer}", layer=layer) for layer in range(layers)],
        columns=[_name(part, index) for _group, part, index in columns], bar=bar, bar_format="+.2~f", upward=True,
        marked=(selection.layer, columns.index(chosen)) if chosen in columns else None, cell_width=66, level=True,
    )  # fmt: skip


def _column(component: "Component") -> tuple[int, str, int]:
    """Where a component stands: its group, part and number."""
    if component.kind == "feed_forward":
        return 3, component.part, FEED_FORWARD
    return 2 if component.part == "cross" else 1, component.part, component.index or 0


def _name(part: str, index: int) -> str:
    if index == FEED_FORWARD:
        return _("feed-forward")
    return _("cross {head}", head=index) if part == "cross" else _("head {head}", head=index)


def picked_head(picked: object) -> tuple[str, int, int] | None:
    """Part, layer and head of a cell that was clicked; None for what is none. What comes from the browser is checked."""
    if not (isinstance(picked, list) and len(picked) == 3 and all(type(each) is int and each >= 0 for each in picked)):
        return None
    part, layer, head = picked
    return (PARTS[part], layer, head) if part < len(PARTS) and layer < 1000 else None


def pick_head(picked: object) -> None:
    """Look at the piece that was clicked; of a feed-forward layer at its layer."""
    found = picked_head(picked)
    if found is not None:
        part, layer, head = found
        choose_piece(layer, None if head == FEED_FORWARD else head, None if head == FEED_FORWARD else part)
