"""Points in a plane or in space, each group with its colour and sign: how vectors are drawn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from pages.ui.charts import Colors, layout
from pages.ui.inside.pictures.grid import safe

HEIGHT = 580
_FLAT = ("circle", "square", "diamond", "triangle-up", "x", "cross", "star", "hexagon", "triangle-down", "pentagon")
_SOLID = ("circle", "square", "diamond", "x", "cross", "circle-open", "square-open", "diamond-open")


@dataclass(frozen=True)
class Points:
    """`places` (N, 2 or 3) with a sentence each and what a click gives back; `groups`: name to rows and colours by look
    ("light", "dark"); `axes`: their titles. `path`: rows joined by a line, in order, with names; `marked`: a row."""

    places: NDArray[Any]
    hovers: Sequence[str]
    picks: Sequence[int]
    groups: Sequence[tuple[str, Sequence[int], Mapping[str, str]]]
    axes: Sequence[str]
    paths: Sequence[tuple[Sequence[int], Sequence[str]]] = ()
    marked: int | None = None


def figure(points: Points, look: str, colors: Colors) -> go.Figure:
    """The points in a look, "light" or "dark"."""
    solid = points.places.shape[1] == 3
    made = go.Figure(layout=layout(colors))
    symbols, size = (_SOLID, 3.2) if solid else (_FLAT, 6.5)
    for number, (name, rows, by_look) in enumerate(points.groups):
        _add(made, solid, points.places[list(rows)], {
            "mode": "markers", "name": safe(name), "customdata": [points.picks[row] for row in rows],
            "marker": {"size": size, "color": by_look[look], "symbol": symbols[number % len(symbols)], "opacity": 0.75, "line": {"width": 0}},
            "hovertext": [safe(points.hovers[row]).replace("\n", "<br>") for row in rows], "hovertemplate": "%{hovertext}<extra></extra>",
        })  # fmt: skip
    for at, (rows, names) in enumerate(points.paths):
        strong = at == 0
        color = colors.held_out if strong else colors.quiet
        _add(made, solid, points.places[list(rows)], {
            "mode": "lines+markers+text" if any(names) else "lines+markers", "showlegend": False, "opacity": 1.0 if strong else 0.35,
            "line": {"color": color, "width": 4 if strong and solid else 2.4 if strong else 1.2}, "text": [safe(name) for name in names],
            "textposition": "top center", "textfont": {"size": 11.5, "color": color},
            "marker": {"size": (5 if solid else 8) if strong else (2.5 if solid else 4), "color": color},
            "customdata": [points.picks[row] for row in rows],
            "hovertext": [safe(points.hovers[row]).replace("\n", "<br>") for row in rows], "hovertemplate": "%{hovertext}<extra></extra>",
        })  # fmt: skip
    if points.marked is not None:
        _add(made, solid, points.places[[points.marked]], {
            "mode": "markers", "showlegend": False, "hoverinfo": "skip",
            "marker": {"size": 9 if solid else 16, "color": "rgba(0,0,0,0)" if not solid else colors.text, "symbol": "circle-open", "line": {"width": 2.5, "color": colors.text}},
        })  # fmt: skip
    axis = {
        "zeroline": False,
        "showgrid": True,
        "gridcolor": colors.grid,
        "tickfont": {"size": 11, "color": colors.quiet},
    }
    title = [{"text": safe(name), "font": {"size": 12, "color": colors.quiet}} for name in points.axes]
    made.update_layout(
        showlegend=len(points.groups) > 1, margin={"l": 0 if solid else 58, "r": 8, "t": 8, "b": 8 if solid else 46},
        legend={"itemsizing": "constant", "font": {"size": 12, "color": colors.text}, "bgcolor": "rgba(0,0,0,0)", "orientation": "h", "x": 0, "y": 0 if solid else -0.14, "yanchor": "top"},
    )  # fmt: skip
    if solid:
        made.update_layout(scene={
            **{f"{name}axis": {**axis, "title": title[at], "backgroundcolor": "rgba(0,0,0,0)", "showspikes": False} for at, name in enumerate("xyz")},
            "aspectmode": "cube", "camera": {"eye": {"x": 1.7, "y": 1.7, "z": 1.0}},
        })  # fmt: skip
    else:
        made.update_layout(xaxis={**axis, "title": title[0]}, yaxis={**axis, "title": title[1]}, hovermode="closest")
    return made


def _add(made: go.Figure, solid: bool, places: NDArray[Any], how: dict[str, Any]) -> None:
    x, y = places[:, 0].round(4).tolist(), places[:, 1].round(4).tolist()
    if solid:
        made.add_scatter3d(x=x, y=y, z=places[:, 2].round(4).tolist(), **how)
    else:
        made.add_scatter(x=x, y=y, **how)


def groups_of(labels: Sequence[str | None], order: Sequence[str]) -> dict[str | None, NDArray[np.int64]]:
    """The rows of each label in this order, after those without one, which are drawn first and so lie below."""
    known = np.array([label if label is not None else "" for label in labels])
    found: dict[str | None, NDArray[np.int64]] = {None: np.flatnonzero(known == "")}
    found |= {label: np.flatnonzero(known == label) for label in order}
    return {label: rows for label, rows in found.items() if len(rows)}
