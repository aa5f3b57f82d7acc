"""Bars with a sign: what adds is blue and points up, what takes away is brown and points down."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from pages.ui.charts import Colors, layout
from pages.ui.inside.pictures.grid import safe
from pages.ui.inside.words import signed

_MOST_NUMBERED = 30


@dataclass(frozen=True)
class Bar:
    """One bar: its name, its value, what else the pointer is told, and what a click gives back."""

    name: str
    value: float
    note: str = ""
    picks: int | None = None


def upright(bars: Sequence[Bar], title: str, colors: Colors) -> go.Figure:
    """Bars side by side, in order."""
    made = _figure(bars, colors, sideways=False)
    made.update_layout(
        margin={"l": 62, "r": 16, "t": 18, "b": 92},
        xaxis={**_ticks(bars), "tickangle": -40}, yaxis={"title": {"text": safe(title), "standoff": 8}},
    )  # fmt: skip
    return made


def across(bars: Sequence[Bar], title: str, colors: Colors) -> go.Figure:
    """Bars below each other, the first at the top."""
    made = _figure(bars, colors, sideways=True)
    wide = max((sum(2 if ord(sign) > 0x2E80 else 1 for sign in bar.name) for bar in bars), default=0)
    made.update_layout(
        margin={"l": 20 + round(6.8 * wide), "r": 46, "t": 8, "b": 46},
        xaxis={"showgrid": True, "title": {"text": safe(title), "standoff": 6}, "range": _room([bar.value for bar in bars])},
        yaxis={**_ticks(bars), "autorange": "reversed", "showgrid": False},
    )  # fmt: skip
    return made


def _figure(bars: Sequence[Bar], colors: Colors, *, sideways: bool) -> go.Figure:
    made = go.Figure(layout=layout(colors))
    places, values = list(range(len(bars))), [bar.value for bar in bars]
    said = [f"{safe(bar.name)}: {signed(bar.value)}" + (f"<br>{safe(bar.note)}" if bar.note else "") for bar in bars]
    numbers: dict[str, Any] = {}
    if len(bars) <= _MOST_NUMBERED:
        numbers = {"text": [signed(value) for value in values], "textposition": "outside", "cliponaxis": False, "textfont": {"size": 11, "color": colors.quiet}}  # fmt: skip
    made.add_bar(
        x=values if sideways else places, y=places if sideways else values, orientation="h" if sideways else "v",
        marker={"color": [colors.differences[-2] if value >= 0 else colors.differences[1] for value in values], "line": {"width": 0}},
        customdata=[bar.picks for bar in bars], hovertext=said, hovertemplate="%{hovertext}<extra></extra>", **numbers,
    )  # fmt: skip
    zero = {"type": "line", "line": {"color": colors.quiet, "width": 1}}
    if sideways:
        made.add_shape(**zero, x0=0, x1=0, yref="paper", y0=0, y1=1)
    else:
        made.add_shape(**zero, y0=0, y1=0, xref="paper", x0=0, x1=1)
    return made


def _room(values: Sequence[float]) -> list[float]:
    """From the least to the greatest value, and room for the numbers that stand outside the bars."""
    low, high = min(0.0, *values, 0.0), max(0.0, *values, 0.0)
    room = 0.2 * (high - low or 1.0)
    return [low - room if low < 0 else low, high + room if high > 0 else high]


def _ticks(bars: Sequence[Bar]) -> dict[str, Any]:
    """Numbered places: two tokens may be the same."""
    return {
        "tickmode": "array",
        "tickvals": list(range(len(bars))),
        "ticktext": [safe(bar.name) for bar in bars],
        "showgrid": False,
    }
