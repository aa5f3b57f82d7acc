"""Figures. One look for all: no box, thin grid, labels at the lines, colours that keep their meaning on every page.

`LIGHT` and `DARK` go to the browser with the live component, which draws by itself; `curve` draws the same picture as
a Plotly figure for a file to take away. Knows records and arrays, not torch.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import plotly.graph_objects as go

FONT = (
    "-apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'Liberation Sans', system-ui, 'PingFang SC', 'Hiragino Sans GB', "
    "'Microsoft YaHei', 'Noto Sans CJK SC', 'Source Han Sans SC', sans-serif"
)


@dataclass(frozen=True)
class Colors:
    """What each colour stands for. Blue, moss and ochre stay apart for colour-blind eyes; each line is labelled too."""

    background: str
    text: str
    quiet: str
    grid: str
    training: str
    held_out: str
    ngram: str
    uniform: str
    floor: str
    categories: tuple[str, ...]
    """For kinds without an order; readable as text."""
    scale: tuple[str, ...]
    """For shares and probabilities: one hue, away from the paper."""
    differences: tuple[str, ...]
    """For what has a sign: two hues, neutral in the middle."""


LIGHT = Colors(
    "#faf6ec", "#2b2a25", "#6b6658", "#e6dfcd", "#4f6b35", "#2f5f8f", "#94650c", "#767162", "#77508f",
    ("#4f6b35", "#2f5f8f", "#94650c", "#77508f", "#a63c2a", "#246c68", "#6b6658"),
    ("#f7f3e7", "#e2e6c9", "#cddab0", "#b6cc97", "#9dbb7e", "#84a966", "#6b9450", "#547d3d", "#3e642c", "#294a1d"),
    ("#8a4a12", "#ad6a26", "#cb8f4e", "#e2b886", "#f7f3e7", "#a3c0d8", "#709dc2", "#4178a6", "#225583"),
)  # fmt: skip
DARK = Colors(
    "#0e1411", "#e3e7dc", "#9aa49c", "#222d26", "#a3c17a", "#8ab4dc", "#dcb457", "#96a097", "#c3a0da",
    ("#a3c17a", "#8ab4dc", "#dcb457", "#c3a0da", "#e08a76", "#76c4bf", "#9aa49c"),
    ("#121a15", "#22331f", "#2f4727", "#3e5c31", "#50733e", "#658b4d", "#7ca260", "#95b977", "#b1cf93", "#d2e5b8"),
    ("#f0b878", "#cf9350", "#a3713a", "#735129", "#121a15", "#2c5170", "#40739e", "#6499c6", "#97c2e8"),
)  # fmt: skip


def faint(color: str) -> str:
    """A colour, as #rrggbb, that lets through what lies under it.

    >>> faint("#ff8000")
    'rgba(255,128,0,0.18)'
    """
    red, green, blue = (int(color[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.18)"


def layout(colors: Colors) -> dict[str, Any]:
    """The template: everything about a figure that is not its data."""
    axis = {
        "gridcolor": colors.grid, "gridwidth": 1, "zeroline": False, "showline": False, "ticks": "",
        "tickfont": {"size": 12, "color": colors.quiet}, "title": {"font": {"size": 12.5, "color": colors.quiet}},
        "automargin": False,
    }  # fmt: skip
    return {
        "autosize": True,
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": FONT, "size": 13, "color": colors.text},
        "showlegend": False,
        "margin": {"l": 58, "r": 132, "t": 12, "b": 46},
        "hoverlabel": {
            "bgcolor": colors.background, "bordercolor": colors.quiet,
            "font": {"family": FONT, "size": 13, "color": colors.text}, "align": "left",
        },
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": colors.quiet, "activecolor": colors.text},
        "dragmode": "zoom",
        "separators": ".,",
        "xaxis": {**axis, "showgrid": False},
        "yaxis": axis,
    }  # fmt: skip


def themes() -> dict[str, Any]:
    """Both looks, for a component that follows the theme of the browser."""
    return {
        name: {"colors": asdict(colors), "layout": layout(colors)}
        for name, colors in (("light", LIGHT), ("dark", DARK))
    }


def curve(rows: Iterable[Mapping[str, Any]], words: Callable[[str], str]) -> go.Figure:
    """The loss curve of a run from the rows of its history, on paper. `words` translates the names of the lines."""
    rows = list(rows)
    steps = [row for row in rows if row.get("kind") == "step" and row.get("loss") is not None]
    evaluations = [row for row in rows if row.get("kind") == "evaluation" and row.get("loss") is not None]
    figure = go.Figure(layout=layout(LIGHT))
    figure.update_layout(
        paper_bgcolor=LIGHT.background, height=520, margin={"t": 40},
        xaxis_title_text=words("step"), yaxis_title_text=words("loss"),
    )  # fmt: skip
    ends: list[tuple[str, float, str]] = []
    for name, series, color in (("training", steps, LIGHT.training), ("held_out", evaluations, LIGHT.held_out)):
        if not series:
            continue
        figure.add_scatter(
            x=[row["step"] for row in series], y=[row["loss"] for row in series], name=words(name), line_color=color,
            mode="lines" if name == "training" else "lines+markers",
        )  # fmt: skip
        ends.append((name, series[-1]["loss"], color))
    baselines = {row["name"]: row["loss"] for row in rows if row.get("kind") == "baseline"}
    for name, color, dash in (
        ("uniform", LIGHT.uniform, "dot"),
        ("unigram", LIGHT.categories[5], "dashdot"),
        ("ngram", LIGHT.ngram, "dash"),
        ("floor", LIGHT.floor, "solid"),
    ):
        if baselines.get(name) is not None:
            figure.add_hline(y=baselines[name], line={"color": color, "dash": dash, "width": 1.4})
            ends.append((name, baselines[name], color))
    for name, loss, color in ends:
        figure.add_annotation(
            xref="paper", x=1, xanchor="left", xshift=8, y=loss, text=words(name), showarrow=False, font_color=color
        )
    return figure
