"""What probes get right layer by layer, whole or as far as a worker has come: lines, the same on the page and in the route."""

from collections.abc import Callable
from dataclasses import dataclass

import plotly.graph_objects as go

from llm_core.data.table_writing import as_table
from llm_core.errors import N_
from llm_core.runs.history import Row
from llm_core.runs.inquired import InquiryConfig
from llm_core.runs.inquiry import Answer
from pages.ui.charts import Colors, layout
from pages.ui.inside.pictures.grid import safe

HEIGHT = 340
_APART = 0.065
_WORDS = {
    "embedding": N_("embedding"), "layer": N_("layer {layer}"), "axis": N_("share of tokens"), "accuracy": N_("probe"),
    "control": N_("control task"), "selectivity": N_("selectivity"), "majority": N_("most frequent"), "by_word": N_("word alone"),
    "said_accuracy": N_("{place}: the probe is right at {share} of tokens, between {low} and {high}."),
    "said_control": N_("{place}: with labels drawn at random for each word, a probe is right at {share}."),
    "said_selectivity": N_("{place}: {share} are left when what is learned by heart is taken off."),
    "said_majority": N_("Always saying the most frequent label is right at {share}."),
    "said_by_word": N_("Who sees the word alone, and not its text, is right at {share}."),
}  # fmt: skip
"""Translated where they are drawn, which is not always in a session."""

Words = Callable[[str], str]


@dataclass(frozen=True)
class Layers:
    """The rows of kind "probe" so far, by place, and what stood before them."""

    asked: Row
    rows: tuple[Row, ...]

    @property
    def places(self) -> list[int]:
        """Layers, -1 for the embedding."""
        return [layer_of(str(row["place"])) for row in self.rows]


def layers_of(answer: Answer) -> Layers | None:
    """None before there is a row."""
    asked = next((row for row in answer.rows if row.get("kind") == "asked"), None)
    rows = tuple(row for row in answer.rows if row.get("kind") == "probe")
    return None if asked is None or not rows else Layers(asked, rows)


def layer_of(place: str) -> int:
    """Of a place by name, as `decoder.2.residual_after`; -1 for the embedding."""
    named = place.split(".")
    return int(named[1]) if len(named) == 3 else -1


def lines(found: Layers, words: Words, colors: Colors, marked: int | None = None) -> go.Figure:
    """Accuracy with its interval, control and selectivity over the layers; `marked`: the place that is looked at."""
    say: Callable[..., str] = lambda key, **values: words(_WORDS[key]).format(**values)  # noqa: E731
    names = [say("embedding") if layer < 0 else say("layer", layer=layer) for layer in found.places]
    x = list(range(len(names)))
    made = go.Figure(layout=layout(colors))
    values = {name: [float(row[name]) for row in found.rows] for name in ("accuracy", "control", "low", "high")}
    values["selectivity"] = [one - other for one, other in zip(values["accuracy"], values["control"], strict=True)]
    ends = []
    for name, color, symbol, dash in (
        ("accuracy", colors.training, "circle", "solid"), ("control", colors.ngram, "square", "solid"),
        ("selectivity", colors.held_out, "diamond", "solid"),
    ):  # fmt: skip
        errors = {}
        if name == "accuracy":
            errors = {"error_y": {
                "type": "data", "symmetric": False, "color": color, "thickness": 1.2, "width": 3,
                "array": [high - value for high, value in zip(values["high"], values[name], strict=True)],
                "arrayminus": [value - low for low, value in zip(values["low"], values[name], strict=True)],
            }}  # fmt: skip
        made.add_scatter(
            x=x, y=values[name], mode="lines+markers", line={"color": color, "width": 2.2, "dash": dash}, **errors,
            marker={"symbol": symbol, "size": 8}, customdata=found.places,
            hovertext=[
                safe(say(f"said_{name}", place=place, share=_percent(value), low=_percent(low), high=_percent(high)))
                for place, value, low, high in zip(names, values[name], values["low"], values["high"], strict=True)
            ],
            hovertemplate="%{hovertext}<extra></extra>",
        )  # fmt: skip
        ends.append((values[name][-1], say(name), color))
    for name, dash in (("majority", "dot"), ("by_word", "dash")):
        value = float(found.rows[0][name])
        made.add_scatter(
            x=[-0.4, len(x) - 0.6], y=[value, value], mode="lines", line={"color": colors.quiet, "width": 1.4, "dash": dash},
            hovertext=safe(say(f"said_{name}", share=_percent(value))), hovertemplate="%{hovertext}<extra></extra>",
        )  # fmt: skip
        ends.append((value, say(name), colors.quiet))
    low = min(0.0, *values["selectivity"]) - 0.03
    label_ends(made, ends, low)
    if marked in found.places:
        at = found.places.index(marked)
        made.add_shape(type="line", x0=at, x1=at, yref="paper", y0=0, y1=1, layer="below", line={"color": colors.quiet, "width": 7}, opacity=0.25)  # fmt: skip
    made.update_layout(
        margin={"l": 58, "r": 118, "t": 12, "b": 46 if len(x) < 7 else 74},
        xaxis={"tickmode": "array", "tickvals": x, "ticktext": [safe(name) for name in names], "tickangle": -30 if len(x) > 6 else 0, "range": [-0.4, len(x) - 0.6]},
        yaxis={"range": [low, 1.06], "tickformat": ".0%", "title": {"text": safe(say("axis")), "standoff": 8}},
    )  # fmt: skip
    return made


def label_ends(made: go.Figure, ends: list[tuple[float, str, str]], low: float) -> None:
    """Names at the ends of lines, never on each other: pushed up from below, and back where they leave the picture."""
    ordered = sorted(ends)
    heights: list[float] = []
    for value, _name, _color in ordered:
        heights.append(max(value, heights[-1] + _APART if heights else low + 0.02))
    top = 1.04
    for at in reversed(range(len(heights))):
        heights[at] = min(heights[at], top)
        top = heights[at] - _APART
    for value, (_value, name, color) in zip(heights, ordered, strict=True):
        made.add_annotation(
            xref="paper", x=1, xanchor="left", xshift=8, y=value, text=safe(name), showarrow=False, font={"color": color}
        )  # fmt: skip


def _percent(value: float) -> str:
    return f"{100 * value:.3g} %".replace("-", "−")


def as_csv(found: Layers) -> str:
    """A row for each place."""
    columns = ("accuracy", "low", "high", "control", "majority", "by_word", "tokens")
    rows = (
        (str(row["place"]), *(float(f"{float(row[name]):.7g}") for name in columns), float(f"{row['accuracy'] - row['control']:.7g}"))
        for row in found.rows
    )  # fmt: skip
    return as_table(("place", *columns, "selectivity"), rows)


# ---- what the route draws while a worker is at it


def figure(config: InquiryConfig, answer: Answer, words: Words, colors: Colors) -> go.Figure:
    """The layers that are there, without anything marked."""
    found = layers_of(answer)
    return go.Figure() if found is None else lines(found, words, colors)


def csv(config: InquiryConfig, answer: Answer) -> str:
    """The layers that are there as a table."""
    found = layers_of(answer)
    return "" if found is None else as_csv(found)


def height(config: InquiryConfig, answer: Answer) -> int:
    """Pixels."""
    return HEIGHT


def points(config: InquiryConfig, answer: Answer) -> int:
    """How many layers are there."""
    return sum(row.get("kind") == "probe" for row in answer.rows)
