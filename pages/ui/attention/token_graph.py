"""The graph of tokens and layers that information flows through, after Abnar & Zuidema, "Quantifying Attention Flow in
Transformers" (2020): a node is a token after a layer, a line from one layer to the next is as strong as the attention.

Arrays and Plotly, no widget and no torch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from llm_core.errors import N_
from pages.ui.charts import Colors, layout
from pages.ui.text import _

Floats = NDArray[np.floating[Any]]

WAYS = {"rollout": N_("Rollout"), "flow": N_("Maximum flow"), "head": N_("This head")}
"""Each way to say how much of one token is in another: its name in links, and on screen."""

THRESHOLDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
USUAL_THRESHOLD = 0.01
"""The weights from which on lines can be drawn."""

MOST = 64
"""Tokens that are drawn."""
ROW, FOOT, LABELS = 22, 44, 132
"""Pixels: the height of a token, the room for the names of the layers, and that for the tokens beside the picture."""
_LONGEST_LABEL = 14
_WIDTHS = 6
_HOVERED = 800
_SIGNS = str.maketrans({" ": "·", "\n": "↵", "\t": "⇥", "\r": "␍", "\u00a0": "⍽", "\u3000": "□"})


@dataclass(frozen=True)
class Lines:
    """Lines between nodes, all arrays (lines,): from a token in one column into a token in a later one.

    Columns count from 0, the input; column k stands after layer k - 1. Tokens are places in the whole text.
    """

    from_column: NDArray[np.intp]
    from_token: NDArray[np.intp]
    into_column: NDArray[np.intp]
    into_token: NDArray[np.intp]
    weight: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.weight)

    def among(self, chosen: NDArray[np.bool_]) -> "Lines":
        """Those lines that are chosen (lines,)."""
        return Lines(self.from_column[chosen], self.from_token[chosen], self.into_column[chosen], self.into_token[chosen], self.weight[chosen])  # fmt: skip


def between(weights: Floats, from_column: int, into_column: int, least: float) -> Lines:
    """The lines from one column into another that weigh at least so much: weights (into tokens, from tokens)."""
    into, from_ = np.nonzero(weights >= least)
    count = len(into)
    return Lines(
        np.full(count, from_column), from_, np.full(count, into_column), into, weights[into, from_].astype(float)
    )


def together(parts: Sequence[Lines]) -> Lines:
    """Several bundles of lines as one."""
    return Lines(
        np.concatenate([part.from_column for part in parts]), np.concatenate([part.from_token for part in parts]),
        np.concatenate([part.into_column for part in parts]), np.concatenate([part.into_token for part in parts]),
        np.concatenate([part.weight for part in parts]),
    )  # fmt: skip


def graph(steps: Floats, least: float) -> Lines:
    """The lines of the whole graph: steps (layers, T, T), in each layer the share that a row takes from each column."""
    return together([between(step, layer, layer + 1, least) for layer, step in enumerate(steps)])


def paths(steps: Floats, column: int, token: int, least: float) -> tuple[Lines, Floats]:
    """The lines by which attention rollout reaches a node, each with the share of the whole that goes along it; and
    what of the whole comes from each token of the input, (T,): the node's row of the rollout.

    Rollout multiplies the layers: the share of input token j in the node is the sum over all paths between them, and
    all paths that share a line are summed in it. So the lines between any two columns sum up to 1.
    """
    held = np.zeros(steps.shape[1])
    held[token] = 1.0
    found = []
    for layer in reversed(range(column)):
        along = held[:, None] * steps[layer]  # (T into, T from)
        found.append(between(along, layer, layer + 1, least))
        held = along.sum(0)
    return together(found), held


def drawn(tokens: int) -> NDArray[np.intp]:
    """The places that are drawn of so many tokens: all of them, or the first, at which much attention rests, and the
    last ones."""
    if tokens <= MOST:
        return np.arange(tokens)
    return np.concatenate((np.zeros(1, dtype=int), np.arange(tokens - MOST + 1, tokens)))


@dataclass(frozen=True)
class Picture:
    """What is drawn. `left` and `right`: the tokens of the first and the last column, at the places `left_places` and
    `right_places` that are drawn. `columns`: their names. `chosen`: the node that the lines lead to, if it is one, and
    then `shares`: how much of it is from each of the tokens of the first column."""

    lines: Lines
    left: Sequence[str]
    right: Sequence[str]
    left_places: NDArray[np.intp]
    right_places: NDArray[np.intp]
    columns: Sequence[str]
    chosen: tuple[int, int] | None = None
    shares: Floats | None = None

    @property
    def rows(self) -> int:
        return max(len(self.left_places), len(self.right_places))

    @property
    def height(self) -> int:
        """Pixels."""
        return ROW * self.rows + FOOT

    def places(self, column: int) -> NDArray[np.intp]:
        return self.left_places if column == 0 else self.right_places


def visible(lines: Lines, left: NDArray[np.intp], right: NDArray[np.intp]) -> Lines:
    """The lines whose ends are both drawn, of the places in the first column and of those in the others."""
    starts = np.where(lines.from_column == 0, np.isin(lines.from_token, left), np.isin(lines.from_token, right))
    return lines.among(starts & np.isin(lines.into_token, right))


def readable(token: str) -> str:
    """A token as a label: what cannot be seen is shown by a sign, what is long is cut."""
    text = token.translate(_SIGNS)
    return text if len(text) <= _LONGEST_LABEL else text[: _LONGEST_LABEL - 1] + "…"


def safe(text: str) -> str:
    """Plotly reads a few tags in texts."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def token_of(picture: Picture, column: int, token: int) -> str:
    """The token of a node."""
    return (picture.left if column == 0 else picture.right)[token]


def figure(picture: Picture, colors: Colors) -> go.Figure:
    """Columns from left to right, tokens from top to bottom. A node's `customdata` is its column and its token."""
    last = len(picture.columns) - 1
    drawing = go.Figure(layout=layout(colors))
    drawing.update_layout(
        margin={"l": LABELS, "r": LABELS, "t": 8, "b": FOOT - 8}, hovermode="closest", dragmode=False,
        xaxis={
            "range": [-0.06 * last, 1.06 * last], "tickvals": list(range(last + 1)), "ticktext": [safe(name) for name in picture.columns],
            "showgrid": False, "fixedrange": True, "side": "bottom",
        },
        yaxis={"range": [picture.rows - 0.4, -0.6], "visible": False, "fixedrange": True},
    )  # fmt: skip
    _lines(drawing, picture, colors)
    _nodes(drawing, picture, colors)
    _tokens(drawing, picture, colors)
    return drawing


def _row_of(picture: Picture, column: NDArray[np.intp], token: NDArray[np.intp]) -> NDArray[np.intp]:
    left, right = np.searchsorted(picture.left_places, token), np.searchsorted(picture.right_places, token)
    rows: NDArray[np.intp] = np.where(column == 0, left, right)
    return rows


def _lines(drawing: go.Figure, picture: Picture, colors: Colors) -> None:
    """Lines of like weight are one trace: Plotly has one width a trace."""
    lines = picture.lines
    if not len(lines):
        return
    start, end = _row_of(picture, lines.from_column, lines.from_token), _row_of(picture, lines.into_column, lines.into_token)  # fmt: skip
    strongest = max(float(lines.weight.max()), 1e-9)
    bucket = np.minimum((lines.weight / strongest * _WIDTHS).astype(int), _WIDTHS - 1)
    for width in range(_WIDTHS):
        of = np.flatnonzero(bucket == width)
        nothing = np.full(len(of), None)
        share = (width + 0.6) / _WIDTHS
        drawing.add_scatter(
            name="lines", mode="lines", hoverinfo="skip", opacity=0.22 + 0.68 * share,
            x=np.stack((lines.from_column[of], lines.into_column[of], nothing), 1).ravel().tolist(),
            y=np.stack((start[of], end[of], nothing), 1).ravel().tolist(),
            line={"color": colors.training, "width": 0.7 + 6 * share},
        )  # fmt: skip
    order = np.argsort(-lines.weight)[:_HOVERED]
    hints = [
        _("From “{token}” into “{other}”: {share}", token=safe(readable(token_of(picture, lines.from_column[n], lines.from_token[n]))), other=safe(readable(token_of(picture, lines.into_column[n], lines.into_token[n]))), share=float(lines.weight[n]))
        for n in order
    ]  # fmt: skip
    # Hover reaches points, not lines: a third of the way, where lines into one token are still apart.
    drawing.add_scatter(
        name="hints", mode="markers", opacity=0, marker={"size": 11}, hoverinfo="text", hovertext=hints,
        x=(lines.from_column[order] + (lines.into_column[order] - lines.from_column[order]) / 3).tolist(),
        y=(start[order] + (end[order] - start[order]) / 3).tolist(),
    )  # fmt: skip


def _nodes(drawing: go.Figure, picture: Picture, colors: Colors) -> None:
    """A dot for every token in every column; the larger, the more goes on from it along the lines that are drawn."""
    given = _given(picture)
    strongest = max(max(given.values(), default=0.0), 1e-9)
    at = [(column, int(token)) for column in range(len(picture.columns)) for token in picture.places(column)]
    column, token = (np.array([node[side] for node in at]) for side in (0, 1))
    drawing.add_scatter(
        name="nodes", mode="markers", x=column.tolist(), y=_row_of(picture, column, token).tolist(), customdata=at,
        marker={
            "size": [13 if node == picture.chosen else 6 + 9 * (given.get(node, 0.0) / strongest) ** 0.5 if picture.chosen else 7 for node in at],
            "line": {"width": 0},
            "color": [colors.held_out if node == picture.chosen else colors.training if given.get(node) else colors.quiet for node in at],
            "symbol": ["diamond" if node == picture.chosen else "circle" for node in at], "opacity": 1,
        },
        hoverinfo="text",
        hovertext=[f"{safe(readable(token_of(picture, *node)))} · {safe(picture.columns[node[0]])}" for node in at],
    )  # fmt: skip


def _tokens(drawing: go.Figure, picture: Picture, colors: Colors) -> None:
    """The tokens beside the first and the last column; clicking one means its node in the last."""
    last = len(picture.columns) - 1
    for column, places, tokens, side in ((0, picture.left_places, picture.left, "left"), (last, picture.right_places, picture.right, "right")):  # fmt: skip
        labels = [safe(readable(tokens[place])) for place in places]
        if column == 0 and picture.shares is not None:
            labels = [
                f"{label}  {_percent(picture.shares[place])}" if picture.shares[place] >= 0.005 else label
                for label, place in zip(labels, places, strict=True)
            ]
        drawing.add_scatter(
            name="tokens", mode="text", text=[f"{label} " if side == "left" else f" {label}" for label in labels],
            x=[column + (-0.025 if side == "left" else 0.025) * last] * len(places), y=list(range(len(places))),
            textposition=f"middle {side}", textfont={"size": 13, "color": colors.text}, cliponaxis=False,
            customdata=[(last, int(place)) for place in places], hoverinfo="text", hovertext=labels,
        )  # fmt: skip


def _given(picture: Picture) -> dict[tuple[int, int], float]:
    """How much leaves each node along the lines that are drawn."""
    found: dict[tuple[int, int], float] = {}
    lines = picture.lines
    for column, token, weight in zip(lines.from_column, lines.from_token, lines.weight, strict=True):
        node = int(column), int(token)
        found[node] = found.get(node, 0.0) + float(weight)
    return found


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
