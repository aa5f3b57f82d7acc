"""The figures of counting: how often words occur, which follows which, and words as vectors. Knows numpy, no torch."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from pages.ui.charts import Colors, layout
from pages.ui.text import _, number

_MOST_POINTS = 400
_LABELLED = (1, 2, 4, 8, 20, 60, 200, 700, 2500)


def shown(text: str) -> str:
    """A word on an axis or in a hover: signs that Plotly would read as tags made harmless, white space to be seen."""
    visible = text.replace("\n", "↵").replace("\t", "⇥") or "␣"
    return visible.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def zipf(words: Sequence[str], counts: Sequence[int], slope: float, intercept: float, colors: Colors) -> go.Figure:
    """Words, the most frequent first, with their counts, and the line ln count = intercept + slope · ln rank."""
    ranks = np.unique(np.geomspace(1, len(words), _MOST_POINTS).round().astype(int)) if words else np.array([], int)
    figure = go.Figure(layout=layout(colors))
    ends = np.array([1, max(2, len(words))], dtype=float)
    figure.add_scatter(
        x=ends, y=np.exp(intercept + slope * np.log(ends)), mode="lines", hoverinfo="skip",
        line={"color": colors.held_out, "dash": "dash", "width": 1.5},
    )  # fmt: skip
    figure.add_scatter(
        x=ranks, y=[counts[rank - 1] for rank in ranks], mode="markers", marker={"size": 5, "color": colors.training},
        customdata=[shown(words[rank - 1]) for rank in ranks],
        hovertemplate=_("“{word}” is word number {rank}: it stands here {count} times.", word="%{customdata}", rank="%{x:,}", count="%{y:,}") + "<extra></extra>",
    )  # fmt: skip
    for rank in _LABELLED:
        if rank <= len(words):
            figure.add_annotation(
                x=np.log10(rank), y=np.log10(max(1, counts[rank - 1])), text=shown(words[rank - 1][:14]), showarrow=False,
                xanchor="left", yanchor="bottom", xshift=3, yshift=3, font={"size": 12.5, "color": colors.text},
            )  # fmt: skip
    figure.add_annotation(
        xref="paper", yref="paper", x=0.98, y=0.97, xanchor="right", yanchor="top", showarrow=False, align="right",
        text=_("slope {slope}", slope=f"{slope:.2f}".replace("-", "−")), font={"size": 15, "color": colors.held_out},
    )  # fmt: skip
    figure.update_layout(
        margin={"l": 58, "r": 24, "t": 12, "b": 46},
        xaxis={"type": "log", "title": {"text": _("rank (1: the most frequent word)")}, "showgrid": True, "dtick": 1},
        yaxis={"type": "log", "title": {"text": _("occurrences")}, "dtick": 1},
    )  # fmt: skip
    return figure


def grid(
    values: NDArray[np.float64], rows: Sequence[str], columns: Sequence[str], hover: str, colors: Colors,
    *, title_x: str = "", title_y: str = "", diverging: bool = False, written: bool = False,
) -> go.Figure:  # fmt: skip
    """A heatmap with a word for every row and column. `hover` has %{y}, %{x} and %{z}; points carry (row, column)."""
    figure = go.Figure(layout=layout(colors))
    limit = float(np.abs(values).max(initial=0)) or 1.0
    # Numbered places: a word may stand on an axis twice, and Plotly would take "12" for a number.
    figure.add_heatmap(
        z=values, zmin=-limit if diverging else 0, zmax=limit, xgap=1, ygap=1, showscale=False,
        colorscale=[[at / (len(colors.scale) - 1), color] for at, color in enumerate(colors.scale)],
        text=[[number(float(value)) if written else "" for value in row] for row in values] if written else None,
        texttemplate="%{text}" if written else None,
        customdata=[[[shown(row), shown(column)] for column in columns] for row in rows],
        hovertemplate=hover + "<extra></extra>",
    )  # fmt: skip
    figure.update_layout(
        margin={"l": 84, "r": 12, "t": 84, "b": 10},
        xaxis={"tickvals": list(range(len(columns))), "ticktext": [shown(word) for word in columns], "side": "top", "tickangle": -55, "title": {"text": title_x, "standoff": 4}},
        yaxis={"tickvals": list(range(len(rows))), "ticktext": [shown(word) for word in rows], "autorange": "reversed", "showgrid": False, "title": {"text": title_y}},
    )  # fmt: skip
    return figure
