"""The way of a token through the layers, in one plane or space for all of them, with what lies near it at each place."""

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from llm_core.data.table_writing import as_table
from pages.ui.attention.words import token_label
from pages.ui.charts import LIGHT, Colors
from pages.ui.drawing import drawing
from pages.ui.faults import as_text
from pages.ui.inside import python
from pages.ui.inside.choices import AXES, PLANES
from pages.ui.inside.computed import KEPT, Asked, Predicted
from pages.ui.inside.controls import choice
from pages.ui.inside.geometry.geometry_map import words_in
from pages.ui.inside.pictures.scatter import HEIGHT, Points, figure
from pages.ui.inside.selection import Selection, choose_token, intact
from pages.ui.inside.vectors import cloud, place_name, states, wanted
from pages.ui.state import INSIDE_AXES_KEY, INSIDE_PLANE_KEY, inference
from pages.ui.text import _, number

if TYPE_CHECKING:
    from llm_core.interpret.geometry.geometry import Paths


@lru_cache(maxsize=KEPT)
def paths_of(asked: Asked, dimensions: int, plane: str) -> "Paths":
    """Of all tokens of the text. Raises UserError."""
    found = states(asked)
    with inference():
        from llm_core.interpret.geometry.geometry import paths

        return paths(found.of_one_length(), dimensions, plane)  # type: ignore[arg-type]


def show(selection: Selection, predicted: Predicted) -> None:
    """The choices, the paths, and the stations of the chosen one. Raises UserError."""
    places = st.columns([3, 2, 3], vertical_alignment="bottom")
    with places[0]:
        plane = choice(_("Axes"), INSIDE_PLANE_KEY, PLANES, _("Along which the tokens of the text vary most: at all places together, or after the last layer."))  # fmt: skip
    with places[1]:
        axes = int(choice(_("Dimensions"), INSIDE_AXES_KEY, AXES))
    with places[2]:
        language = words_in(selection)
    asked = intact(selection)
    found = paths_of(asked, axes, plane)
    at = min(selection.token or 0, len(found.tokens) - 1)
    points = points_of(found, at)
    drawing(
        "inside_geometry_path", (selection, plane, axes), lambda colors: _figure(points, colors),
        label=_("The way of each token through the layers, the chosen one strong"), height=HEIGHT, code=as_python(selection, plane, axes),
        table=as_csv(found), name=f"terrarium-paths-{selection.run}-{selection.step}", on_picked=lambda picked: pick(picked, found),
    )  # fmt: skip
    st.caption(as_text(_("The axes show {share} % of how the vectors vary; what happens in other directions is not seen. All vectors are brought to one length, as the norm before each layer does it. A click chooses another token.", share=f"{100 * float(found.explained.sum()):.3g}")))  # fmt: skip
    _stations(found, at, asked, language)


def _figure(points: Points, colors: Colors) -> go.Figure:
    return figure(points, "light" if colors is LIGHT else "dark", colors)


def points_of(found: "Paths", at: int) -> Points:
    """Every token a line from place to place; the chosen one first, with the names of the places."""
    places, count, _dimensions = found.points.shape
    flat = found.points.reshape(places * count, -1)
    order = [at, *(token for token in range(count) if token != at)]
    lines = [([place * count + token for place in range(places)], _names(places) if token == at else [""] * places) for token in order]  # fmt: skip
    hovers = [
        _("“{token}”, {place}: cosine to where it began {turned}", token=token_label(found.tokens[token]), place=place_name(place - 1), turned=float(found.turned[place, token]))
        for place in range(places)
        for token in range(count)
    ]  # fmt: skip
    titles = [
        _("axis {number}: {share} % of the variance", number=axis + 1, share=f"{100 * float(share):.3g}")
        for axis, share in enumerate(found.explained)
    ]
    return Points(flat, hovers, [token for _place in range(places) for token in range(count)], (), titles, paths=lines)


def _names(places: int) -> list[str]:
    return [_("embedding") if place == 0 else str(place - 1) for place in range(places)]


def pick(picked: object, found: "Paths") -> None:
    """A point was clicked: its token is chosen. What comes from the browser is checked."""
    if type(picked) is int and 0 <= picked < len(found.tokens):
        choose_token(picked)


def _stations(found: "Paths", at: int, asked: Asked, language: str) -> None:
    """At each place: the token of other texts that lies nearest."""
    from llm_core.interpret.geometry.geometry import neighbours_of

    here, rows = states(asked), []
    for place in range(len(found.places)):
        others = cloud(wanted(asked, "states", place - 1, language))
        near = neighbours_of(others.vectors, here.states[place, at], 3)
        shown = _(", ").join(f"{token_label(others.tokens[row])} ({number(cosine)})" for row, cosine in zip(near.ids, near.cosines, strict=True))  # fmt: skip
        rows.append(
            {
                _("place in the model"): place_name(place - 1),
                _("length"): number(float(np.linalg.norm(here.states[place, at]))),
                _("cosine to where it began"): number(float(found.turned[place, at])),
                _("nearest tokens of other texts (cosine)"): shown,
                _("cosine of all others"): f"{number(near.mean)} ± {number(near.deviation)}",
            }
        )
    st.dataframe(rows, hide_index=True, width="stretch")


def as_csv(found: "Paths") -> str:
    """A row for each place and token."""
    places, count, dimensions = found.points.shape
    rows = (
        (str(found.places[place]), token, found.tokens[token], *(float(f"{value:.6g}") for value in found.points[place, token]),
         float(f"{found.turned[place, token]:.6g}"))
        for place in range(places)
        for token in range(count)
    )  # fmt: skip
    return as_table(("place", "position", "token", *(f"axis_{axis + 1}" for axis in range(dimensions)), "cosine_to_begin"), rows)  # fmt: skip


def as_python(selection: Selection, plane: str, axes: int) -> str:
    """The same for a notebook."""
    imports = ["from llm_core.interpret.components import streams", "from llm_core.interpret.geometry.geometry import paths", "from llm_core.interpret.geometry.hidden_states import hidden_states"]  # fmt: skip
    return f"""\
{python.preamble(selection.intact, imports)}\
found = paths(hidden_states(model, [reading], streams(model)[0]).of_one_length(), {axes}, {plane!r})
print(found.explained)
for place, points in zip(found.places, found.points):
    print(place, points[{selection.token or 0}].round(3))
"""
