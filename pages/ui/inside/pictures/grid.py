"""A grid of cells, each with a colour, a word and a sentence: the one picture that most views of *Inside* share."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from pages.ui.attention.words import token_label
from pages.ui.charts import Colors, layout

_ROW, _ABOVE, _BELOW = 30, 12, 84  # pixels


@dataclass(frozen=True)
class Grid:
    """What is drawn, R rows by C columns. `values` (R, C) give the colour, from `low` to `high`; `signed` ones have two
    hues and a neutral middle. `texts` stand in the cells, `hovers` are sentences, `picks` what a click gives back.
    Rows are drawn from the bottom up where `upward`. `marked`: (row, column) of what is looked at."""

    values: NDArray[Any]
    low: float
    high: float
    hovers: Sequence[Sequence[str]]
    picks: Sequence[Sequence[Sequence[int]]]
    rows: Sequence[str]
    columns: Sequence[str]
    bar: str
    texts: Sequence[Sequence[str]] | None = None
    bar_format: str = ".2~f"
    signed: bool = False
    upward: bool = False
    marked: tuple[int, int] | None = None
    row_title: str = ""
    column_title: str = ""
    cell_width: int = 64
    level: bool = False
    """Column names short enough to be written level."""

    @property
    def height(self) -> int:
        """Pixels."""
        return _ABOVE + _below(self) + max(150, _ROW * len(self.rows))

    @property
    def least_width(self) -> int:
        """Pixels: narrower, and the picture scrolls."""
        return _left(self) + 90 + self.cell_width * len(self.columns)


def figure(grid: Grid, colors: Colors) -> go.Figure:
    """The grid in a look."""
    made = go.Figure(layout=layout(colors))
    scale = colors.differences if grid.signed else colors.scale
    texts: dict[str, Any] = {}
    if grid.texts is not None:
        texts = {"text": [[safe(text) for text in row] for row in grid.texts], "texttemplate": "%{text}", "textfont": {"size": 11.5, "family": "monospace"}}  # fmt: skip
    made.add_heatmap(
        z=np.where(np.isfinite(grid.values), grid.values, np.nan).tolist(), zmin=grid.low, zmax=grid.high, xgap=1, ygap=1,
        colorscale=[[at / (len(scale) - 1), color] for at, color in enumerate(scale)],
        customdata=[[list(pick) for pick in row] for row in grid.picks], hoverongaps=False,
        hovertext=[[safe(text).replace("\n", "<br>") for text in row] for row in grid.hovers], hovertemplate="%{hovertext}<extra></extra>",
        colorbar={
            "thickness": 9, "outlinewidth": 0, "tickformat": grid.bar_format, "tickfont": {"size": 11, "color": colors.quiet},
            "title": {"text": grid.bar, "side": "right", "font": {"size": 11.5, "color": colors.quiet}}, "len": 1, "nticks": 5,
        },
        **texts,
    )  # fmt: skip
    if grid.marked is not None:
        row, column = grid.marked
        made.add_shape(
            type="rect", x0=column - 0.5, x1=column + 0.5, y0=row - 0.5, y1=row + 0.5,
            line={"color": colors.text, "width": 2.5},
        )  # fmt: skip
    made.update_layout(
        margin={"l": _left(grid), "r": 82, "t": _ABOVE, "b": _below(grid)},
        xaxis={**_ticks(grid.columns), "tickangle": 0 if grid.level else -45, "showgrid": False, "title": {"text": grid.column_title, "standoff": 4}},
        yaxis={**_ticks(grid.rows), "showgrid": False, "title": {"text": grid.row_title, "standoff": 4}},
    )  # fmt: skip
    if not grid.upward:
        made.update_yaxes(autorange="reversed")
    return made


def short(token: str, most: int = 9) -> str:
    """A token for a cell or an axis: what cannot be seen is shown by a sign, what is long is cut."""
    label = token_label(token)
    return label if len(label) <= most else label[: most - 1] + "…"


def safe(text: str) -> str:
    """Plotly reads what it writes as a kind of HTML."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _ticks(names: Sequence[str]) -> dict[str, Any]:
    return {"tickmode": "array", "tickvals": list(range(len(names))), "ticktext": [safe(name) for name in names]}


def _below(grid: Grid) -> int:
    return 34 if grid.level else _BELOW


def _left(grid: Grid) -> int:
    wide = max((sum(2 if ord(sign) > 0x2E80 else 1 for sign in name) for name in grid.rows), default=0)
    return 34 + round(6.6 * wide)
