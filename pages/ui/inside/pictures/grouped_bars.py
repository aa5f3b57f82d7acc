"""The same numbers of two or three things side by side: a group of bars for each name, a pattern as well as a colour each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from pages.ui.charts import Colors, layout
from pages.ui.inside.pictures.grid import safe
from pages.ui.inside.words import signed

_PATTERNS = ("", "", "/")


@dataclass(frozen=True)
class Series:
    """A name, and a value for each group; None where there is none."""

    name: str
    values: Sequence[float | None]


def grouped(names: Sequence[str], series: Sequence[Series], title: str, colors: Colors, *, sideways: bool = False, shares: bool = False) -> go.Figure:  # fmt: skip
    """`sideways`: bars lie below each other, the first at the top; `shares`: values are shares of 1, else they have a sign."""
    made = go.Figure(layout=layout(colors))
    places = list(range(len(names)))
    shades = (colors.quiet, colors.training, colors.ngram)
    for number, each in enumerate(series):
        values = list(each.values)
        said = [
            f"{safe(name)}: {_written(value, shares)} ({safe(each.name)})"
            for name, value in zip(names, values, strict=True)
        ]
        made.add_bar(
            x=values if sideways else places, y=places if sideways else values, orientation="h" if sideways else "v", name=safe(each.name),
            marker={"color": shades[number], "line": {"width": 0}, "pattern": {"shape": _PATTERNS[number], "fillmode": "overlay", "fgcolor": colors.background, "fgopacity": 0.6, "size": 6}},
            hovertext=said, hovertemplate="%{hovertext}<extra></extra>",
        )  # fmt: skip
    wide = max((sum(2 if ord(sign) > 0x2E80 else 1 for sign in name) for name in names), default=0)
    ticks: dict[str, Any] = {"tickmode": "array", "tickvals": places, "ticktext": [safe(name) for name in names], "showgrid": False}  # fmt: skip
    value_axis: dict[str, Any] = {"title": {"text": safe(title), "standoff": 6}, "showgrid": True}
    if shares:
        value_axis |= {"tickformat": ".0%", "rangemode": "tozero"}
    made.update_layout(
        barmode="group", bargap=0.28, bargroupgap=0.06, showlegend=True,
        legend={"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom", "font": {"size": 12}, "traceorder": "normal"},
        margin={"l": 24 + round(7.2 * wide) if sideways else 62, "r": 16, "t": 36, "b": 46 if sideways else 92},
        xaxis=value_axis if sideways else {**ticks, "tickangle": -40},
        yaxis={**ticks, "autorange": "reversed"} if sideways else value_axis,
    )  # fmt: skip
    return made


def _written(value: float | None, shares: bool) -> str:
    if value is None:
        return "–"
    return f"{100 * value:.3g} %" if shares else signed(value)
