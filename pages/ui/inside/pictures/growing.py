"""Bars that grow while a worker is at it: one for each piece that is known, each with its name in a hover."""

from collections.abc import Sequence

import plotly.graph_objects as go

from pages.ui.charts import Colors, layout
from pages.ui.inside.pictures.grid import safe


def growing(values: Sequence[float], names: Sequence[str], shades: str | Sequence[str], axis: str, colors: Colors) -> go.Figure:  # fmt: skip
    """`values` and `names` of the bars in their order, `shades` of all or of each; `axis`: what is measured."""
    made = go.Figure(layout=layout(colors))
    made.add_bar(
        x=list(range(len(values))), y=list(values), customdata=list(map(safe, names)), marker_color=shades,
        hovertemplate="%{customdata}<br>%{y:+.3~f}<extra></extra>",
    )  # fmt: skip
    made.update_layout(margin={"l": 60, "r": 20, "t": 14, "b": 30}, yaxis={"title": {"text": axis, "standoff": 8}}, xaxis={"showticklabels": False})  # fmt: skip
    return made
