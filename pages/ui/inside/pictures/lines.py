"""A few lines over the places of a model, each with its name at its end."""

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from pages.ui.charts import Colors, layout
from pages.ui.inside.pictures.grid import safe
from pages.ui.text import _

_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x")
_APART = 0.075


@dataclass(frozen=True)
class Line:
    """A name, and a value at each place."""

    name: str
    values: Sequence[float]


def lines(drawn: Sequence[Line], places: Sequence[str], title: str, colors: Colors) -> go.Figure:
    """Shares between 0 and 1 as lines; the first is what is explained."""
    made = go.Figure(layout=layout(colors))
    ends = []
    for at, line in enumerate(drawn):
        color = colors.categories[at % len(colors.categories)]
        made.add_scatter(
            x=list(range(len(places))), y=list(line.values), mode="lines+markers", line={"color": color, "width": 2.2},
            marker={"symbol": _SYMBOLS[at % len(_SYMBOLS)], "size": 8}, customdata=[safe(place) for place in places],
            hovertemplate=_("“{token}”: {share}, {place}", token=safe(line.name), share="%{y:.3~p}", place="%{customdata}") + "<extra></extra>",
        )  # fmt: skip
        ends.append((float(line.values[-1]), line.name, color))
    low = -1.0
    for value, name, color in sorted(ends):
        low = max(value, low + _APART)  # labels never stand on each other
        made.add_annotation(
            xref="paper", x=1, xanchor="left", xshift=8, y=low, text=safe(name), showarrow=False, font={"color": color, "family": "monospace"},
        )  # fmt: skip
    made.update_layout(
        margin={"l": 58, "r": 110, "t": 12, "b": 74},
        xaxis={"tickmode": "array", "tickvals": list(range(len(places))), "ticktext": [safe(place) for place in places], "tickangle": -30 if len(places) > 6 else 0},
        yaxis={"range": [-0.03, 1.06], "tickformat": ".0%", "title": {"text": title, "standoff": 8}},
    )  # fmt: skip
    return made
