"""The figures of counting: how often words occur, which follows which, and words as vectors. Knows numpy, no torch."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from pages.ui.charts import Colors, layout
from pages.ui.text import _

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
    *, title_x: str = "", title_y: str = "",
) -> go.Figure:  # fmt: skip
    """A heatmap with a word for every row and column. `hover` has %{y}, %{x} and %{z}; points carry (row, column)."""
    figure = go.Figure(layout=layout(colors))
    # Numbered places: Plotly would take a word like "12" for a number.
    figure.add_heatmap(
        z=values, zmin=0, zmax=float(values.max(initial=0)) or 1.0, xgap=1, ygap=1, showscale=False,
        colorscale=_steps(colors.scale),
        customdata=[[[shown(row), shown(column)] for column in columns] for row in rows],
        hovertemplate=hover + "<extra></extra>",
    )  # fmt: skip
    figure.update_layout(
        margin={"l": 84, "r": 12, "t": 84, "b": 10},
        xaxis={"tickvals": list(range(len(columns))), "ticktext": [shown(word) for word in columns], "side": "top", "tickangle": -55, "title": {"text": title_x, "standoff": 4}},
        yaxis={"tickvals": list(range(len(rows))), "ticktext": [shown(word) for word in rows], "autorange": "reversed", "showgrid": False, "title": {"text": title_y}},
    )  # fmt: skip
    return figure


def vectors(
    words: Sequence[str], ids: Sequence[int], size: int, rows: NDArray[np.float64], colors: Colors
) -> go.Figure:
    """Words as one-hot rows over learned rows, each beside its cosine similarities.

    `ids`: their numbers among `size` tokens · `rows` (words, width).
    """
    names = [shown(word) for word in words]
    places = list(range(len(words)))
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    directions = rows / np.where(lengths > 0, lengths, 1)
    figure = go.Figure(layout=layout(colors))
    for place in places:
        figure.add_scatter(
            x=[0, size - 1], y=[place, place], mode="lines", line={"color": colors.grid, "width": 7}, hoverinfo="skip",
            xaxis="x", yaxis="y",
        )  # fmt: skip
    figure.add_scatter(
        x=list(ids), y=places, mode="markers", xaxis="x", yaxis="y", customdata=names,
        marker={"symbol": "square", "size": 9, "color": colors.scale[-2]},
        hovertemplate=_("“{word}”: 1 at place {place}, 0 everywhere else.", word="%{customdata}", place="%{x}") + "<extra></extra>",
    )  # fmt: skip
    limit = float(np.abs(rows).max(initial=0)) or 1.0
    _block(
        figure,
        rows,
        limit,
        "x3",
        "y3",
        False,
        names,
        _("“{word}”: {value} in dimension {place}", word="%{customdata}", value="%{z:.3f}", place="%{x}"),
        colors,
    )
    said = _(
        "“{word}” and “{other}”: cosine {value}", word="%{customdata[0]}", other="%{customdata[1]}", value="%{z:.2f}"
    )
    for values, x, y in ((np.eye(len(words)), "x2", "y2"), (directions @ directions.T, "x4", "y4")):
        pairs = [[[one, other] for other in names] for one in names]
        _block(figure, values, 1.0, x, y, True, pairs, said, colors)
    plain = {**layout(colors)["yaxis"], "showgrid": False}
    ticks = {**plain, "tickvals": places, "ticktext": names, "range": [len(words) - 0.5, -0.5]}
    across = {
        "tickvals": places,
        "ticktext": names,
        "showgrid": False,
        "tickangle": -55,
        "side": "top",
        "domain": [0.66, 1],
    }
    figure.update_layout(
        margin={"l": 84, "r": 10, "t": 84, "b": 46},
        xaxis={"domain": [0, 0.58], "anchor": "y", "range": [-size * 0.01, size * 1.01], "title": {"text": _("one-hot: as many places as there are tokens ({size})", size=size)}},
        yaxis={**ticks, "domain": [0.6, 1]},
        xaxis2={**across, "anchor": "y2"}, yaxis2={**ticks, "domain": [0.6, 1], "anchor": "x2", "showticklabels": False},
        xaxis3={**plain, "domain": [0, 0.58], "anchor": "y3", "title": {**plain["title"], "text": _("learned: {width} dimensions", width=rows.shape[1])}, "showgrid": False},
        yaxis3={**ticks, "domain": [0, 0.4], "anchor": "x3"},
        xaxis4={**across, "anchor": "y4", "showticklabels": False}, yaxis4={**ticks, "domain": [0, 0.4], "anchor": "x4", "showticklabels": False},
    )  # fmt: skip
    return figure


def _block(
    figure: go.Figure, values: NDArray[np.float64], limit: float, x: str, y: str, written: bool, custom: Sequence[object],
    hover: str, colors: Colors,
) -> None:  # fmt: skip
    """A heatmap of values with a sign."""
    data = custom if written else [[name] * values.shape[1] for name in custom]
    figure.add_heatmap(
        z=values, zmin=-limit, zmax=limit, xaxis=x, yaxis=y, showscale=False, colorscale=_steps(colors.differences),
        xgap=1 if written else 0, ygap=1, customdata=data, hovertemplate=hover + "<extra></extra>",
        texttemplate="%{z:.2f}" if written and len(values) <= 10 else None, textfont={"size": 11},
    )  # fmt: skip


def _steps(scale: Sequence[str]) -> list[list[object]]:
    """Colours at even distances."""
    return [[at / (len(scale) - 1), color] for at, color in enumerate(scale)]
