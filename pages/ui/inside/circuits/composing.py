"""Which heads can hear which, by their weights: composition scores as an arc diagram over the layers, beside a baseline."""

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from llm_core.data.table_writing import as_table
from pages.ui.charts import Colors, layout
from pages.ui.inside.computed import KEPT, Asked
from pages.ui.inside.pictures.grid import safe
from pages.ui.inside.pictures.head_grid import PARTS
from pages.ui.inside.places import name_of
from pages.ui.state import inference, store
from pages.ui.text import _, number

if TYPE_CHECKING:
    from llm_core.interpret.circuits.composition import Composition
    from llm_core.interpret.components import Component

AIM = 30
_ROW = 62  # pixels
_CLASSES = 5

Pair = tuple["Component", "Component", float]


@lru_cache(maxsize=KEPT)
def compositions(asked: Asked) -> "Composition":
    """The scores of all pairs, of no text. Raises UserError."""
    with inference():
        from llm_core.interpret.circuits.composition import composition

        return composition(store().model(store().find(asked.run), asked.step)[0])


def pairs(found: "Composition", kind: str, threshold: float) -> list[Pair]:
    """The pairs that score so much or more, the highest first: the earlier head, the later one, the score."""
    scores: NDArray[np.float32] = found.scores[kind]  # type: ignore[index]
    there = np.argwhere(np.nan_to_num(scores, nan=-1.0) >= threshold)
    kept = [(found.heads[row], found.heads[column], float(scores[row, column])) for row, column in there]
    return sorted(kept, key=lambda pair: -pair[2])


def usual(found: "Composition", kind: str) -> float:
    """The threshold, in steps of 0.005, at which about `AIM` pairs are left."""
    scores = found.scores[kind]  # type: ignore[index]
    known = np.sort(scores[np.isfinite(scores)])[::-1]
    if not len(known):
        return 0.0
    return float(np.floor(200 * known[min(AIM, len(known)) - 1]) / 200)


def highest(found: "Composition", kind: str) -> float:
    """The highest score of a pair; 0 where no pair can hear each other."""
    return max((score for *_pair, score in pairs(found, kind, 0.0)), default=0.0)


def rows_of(found: "Composition") -> "dict[tuple[str, int], int]":
    """How high the heads of each part and layer are drawn."""
    order = {"encoder": 0, "decoder": 1, "cross": 1}
    known = {(head.part, head.layer or 0) for head in found.heads}
    ranked = sorted(known, key=lambda each: (order[each[0]], each[1], each[0] == "cross"))
    return {each: at for at, each in enumerate(ranked)}


def height(found: "Composition") -> int:
    """Pixels."""
    return 70 + _ROW * max(3, len(rows_of(found)))


def figure(found: "Composition", shown: list[Pair], marked: str, colors: Colors) -> go.Figure:
    """Heads as dots, layer above layer, and a line for each pair, the wider the higher its score; `marked` is a head."""
    made = go.Figure(layout=layout(colors))
    rows = rows_of(found)

    def place(head: "Component") -> tuple[int, int]:
        return head.index or 0, rows[head.part, head.layer or 0]

    top = max((score for *_pair, score in shown), default=1.0)
    low = min((score for *_pair, score in shown), default=0.0)
    for step in range(_CLASSES):
        some = [
            pair for pair in shown if step == min(_CLASSES - 1, int(_CLASSES * (pair[2] - low) / max(top - low, 1e-9)))
        ]
        if not some:
            continue
        x: list[float | None] = []
        y: list[float | None] = []
        for first, second, _score in some:
            (x0, y0), (x1, y1) = place(first), place(second)
            # Bent a little, so that lines over several layers pass beside the heads between.
            bend = 0.22 * (y1 - y0 > 1)
            x += [x0, (x0 + x1) / 2 + bend, x1, None]
            y += [y0, (y0 + y1) / 2, y1, None]
        made.add_scatter(x=x, y=y, mode="lines", line={"color": colors.training, "width": 1 + 1.3 * step, "shape": "spline"}, opacity=0.65, hoverinfo="skip")  # fmt: skip
    if shown:
        made.add_scatter(
            x=[(place(first)[0] + place(second)[0]) / 2 + 0.22 * (place(second)[1] - place(first)[1] > 1) for first, second, _score in shown],
            y=[(place(first)[1] + place(second)[1]) / 2 for first, second, _score in shown],
            mode="markers", marker={"color": colors.training, "size": 7, "line": {"color": colors.background, "width": 1}},
            customdata=[_pick(second) for _first, second, _score in shown],
            hovertext=[safe(_("{later} hears {earlier}: {score}", later=name_of(second), earlier=name_of(first), score=number(score))) for first, second, score in shown],
            hovertemplate="%{hovertext}<extra></extra>",
        )  # fmt: skip
    made.add_scatter(
        x=[place(head)[0] for head in found.heads], y=[place(head)[1] for head in found.heads], mode="markers+text",
        marker={"color": [colors.held_out if str(head) == marked else colors.text for head in found.heads], "size": 13},
        text=[str(head.index) for head in found.heads], textposition="middle left", textfont={"size": 11, "color": colors.quiet},
        customdata=[_pick(head) for head in found.heads], hovertext=[safe(name_of(head)) for head in found.heads],
        hovertemplate="%{hovertext}<extra></extra>", cliponaxis=False,
    )  # fmt: skip
    names = [_("cross, layer {layer}", layer=layer) if part == "cross" else _("encoder, layer {layer}", layer=layer) if part == "encoder" else _("layer {layer}", layer=layer) for part, layer in rows]  # fmt: skip
    most = max(head.index or 0 for head in found.heads)
    made.update_layout(
        margin={"l": 130, "r": 24, "t": 20, "b": 46},
        xaxis={"title": {"text": _("head"), "standoff": 6}, "dtick": 1, "showgrid": False, "range": [-0.6, most + 0.6]},
        yaxis={"tickmode": "array", "tickvals": list(rows.values()), "ticktext": [safe(name) for name in names], "showgrid": False, "range": [-0.5, max(rows.values()) + 0.5]},
    )  # fmt: skip
    return made


def _pick(head: "Component") -> list[int]:
    return [PARTS.index(head.part), head.layer or 0, head.index or 0]


def as_csv(found: "Composition", kind: str) -> str:
    """A row for each pair that can hear each other, whatever its score."""
    shown = pairs(found, kind, 0.0)
    return as_table(("earlier", "later", kind), ((str(first), str(second), float(f"{score:.6g}")) for first, second, score in shown))  # fmt: skip
