"""One value among others of its kind, as marks on a line: what a control looks like."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from pages.ui.charts import Colors, layout
from pages.ui.inside.pictures.grid import safe
from pages.ui.inside.words import signed


def strip(chosen: float, others: Sequence[float], title: str, names: tuple[str, str], colors: Colors) -> go.Figure:
    """The chosen one as a large mark with its name, the others small; `names` of the one and of the others."""
    made = go.Figure(layout=layout(colors))
    # Spread a little up and down, so that marks on the same place are seen; the same each time.
    heights = np.random.default_rng(0).uniform(-0.35, 0.35, len(others))
    made.add_scatter(
        x=list(others), y=heights.tolist(), mode="markers", marker={"size": 9, "color": colors.quiet, "opacity": 0.55, "symbol": "circle-open"},
        hovertext=[f"{safe(names[1])}: {signed(value)}" for value in others], hovertemplate="%{hovertext}<extra></extra>",
    )  # fmt: skip
    made.add_scatter(
        x=[chosen], y=[0], mode="markers+text", marker={"size": 14, "color": colors.held_out, "symbol": "diamond"},
        text=[safe(names[0])], textposition="top center", textfont={"color": colors.held_out}, cliponaxis=False,
        hovertext=[f"{safe(names[0])}: {signed(chosen)}"], hovertemplate="%{hovertext}<extra></extra>",
    )  # fmt: skip
    made.add_shape(type="line", x0=0, x1=0, yref="paper", y0=0, y1=1, line={"color": colors.quiet, "width": 1})
    made.update_layout(
        margin={"l": 30, "r": 30, "t": 14, "b": 50},
        xaxis={"showgrid": True, "title": {"text": safe(title), "standoff": 8}}, yaxis={"visible": False, "range": [-1, 1.2]},
    )  # fmt: skip
    return made
