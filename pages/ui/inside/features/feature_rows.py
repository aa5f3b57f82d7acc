"""How a sparse autoencoder learns, whole or as far as a worker has come, and how often its features speak: beside its control,
whose directions were drawn at random."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import log10

import numpy as np
import plotly.graph_objects as go

from llm_core.data.table_writing import as_table
from llm_core.errors import N_
from llm_core.runs.history import Row
from llm_core.runs.inquired import InquiryConfig
from llm_core.runs.inquiry import Answer
from pages.ui.charts import Colors, layout
from pages.ui.inside.pictures.grid import safe

HEIGHT = 260
_WORDS = {
    "learnt": N_("features"), "random": N_("random directions"), "updates": N_("updates"), "unexplained": N_("variance not explained"),
    "at": N_("After {update} updates {share} are not explained; {active} features speak at a token, {dead} are dead."),
    "density": N_("share of tokens at which a feature speaks"), "count": N_("features"),
    "bin": N_("{count} features speak at {low} to {high} of tokens"),
}  # fmt: skip
"""Translated where they are drawn, which is not always in a session."""
_BINS = 16

Words = Callable[[str], str]


@dataclass(frozen=True)
class Label:
    """A label of a grammar, and the features that tell it, the best first: by number, with the area under the ROC curve,
    the shares of such tokens and of others at which each speaks. `random`: the area of the control's best."""

    about: str
    label: str
    tokens: int
    features: tuple[int, ...]
    areas: tuple[float, ...]
    on: tuple[float, ...]
    elsewhere: tuple[float, ...]
    random: float


def report_of(answer: Answer, of: str) -> Row | None:
    """What was measured of the features, "learnt", or of the control, "random"; None before it is known."""
    return next((row for row in answer.rows if row.get("kind") == "report" and row.get("of") == of), None)


def labels_of(answer: Answer) -> tuple[Label, ...]:
    """In the order of their properties."""
    return tuple(
        Label(
            row["about"], row["label"], row["tokens"], tuple(row["features"]), tuple(row["areas"]), tuple(row["on"]),
            tuple(row["elsewhere"]), row["random"],
        )
        for row in answer.rows if row.get("kind") == "label"
    )  # fmt: skip


def told_by(labels: Sequence[Label], least: float = 0.8) -> dict[int, Label]:
    """By feature the label that it tells best, where it does so well."""
    best: dict[int, tuple[float, Label]] = {}
    for label in labels:
        for feature, area in zip(label.features, label.areas, strict=True):
            if area >= max(least, best.get(feature, (0.0, label))[0]):
                best[feature] = area, label
    return {feature: label for feature, (_area, label) in best.items()}


def curve(rows: Sequence[Row], words: Words, colors: Colors) -> go.Figure:
    """The share of variance that is not explained, update by update, of the features and of the control."""
    made = go.Figure(layout=layout(colors))
    for of, color, dash in (("learnt", colors.training, "solid"), ("random", colors.quiet, "dash")):
        steps = [row for row in rows if row.get("kind") == "step" and row.get("of") == of]
        if not steps:
            continue
        said = words(_WORDS["at"])
        made.add_scatter(
            x=[row["update"] for row in steps], y=[max(row["unexplained"], 1e-6) for row in steps], mode="lines", line={"color": color, "width": 2.2, "dash": dash},
            hovertext=[safe(said.format(update=row["update"], share=_percent(row["unexplained"]), active=f"{row['active']:.3g}", dead=row["dead"])) for row in steps],
            hovertemplate="%{hovertext}<extra></extra>",
        )  # fmt: skip
        made.add_annotation(
            xref="paper", x=1, xanchor="left", xshift=6, y=log10(max(steps[-1]["unexplained"], 1e-6)), text=safe(words(_WORDS[of])),
            showarrow=False, font={"color": color},
        )  # fmt: skip
    made.update_layout(
        margin={"l": 64, "r": 128, "t": 10, "b": 46}, xaxis={"title": {"text": safe(words(_WORDS["updates"])), "standoff": 6}, "rangemode": "tozero"},
        yaxis={"type": "log", "dtick": "D2", "tickformat": ".1~%", "title": {"text": safe(words(_WORDS["unexplained"])), "standoff": 8}},
    )  # fmt: skip
    return made


def densities(learnt: Sequence[float], random: Sequence[float], words: Words, colors: Colors) -> go.Figure:
    """How many features speak how often, on a log axis; those that never do are left out."""
    made = go.Figure(layout=layout(colors))
    alive = [[value for value in values if value > 0] for values in (learnt, random)]
    low = min((min(values) for values in alive if values), default=1e-4)
    edges = np.geomspace(low * 0.999, 1.0, _BINS + 1)
    middles = np.sqrt(edges[1:] * edges[:-1]).tolist()
    counts = [np.histogram(values, edges)[0].tolist() for values in alive]
    said = words(_WORDS["bin"])
    made.add_bar(
        x=middles, y=counts[0], width=(edges[1:] - edges[:-1]).tolist(), marker={"color": colors.held_out, "line": {"width": 0}},
        hovertext=[safe(said.format(count=count, low=_percent(edges[at]), high=_percent(edges[at + 1]))) for at, count in enumerate(counts[0])],
        hovertemplate="%{hovertext}<extra></extra>",
    )  # fmt: skip
    made.add_scatter(x=middles, y=counts[1], mode="lines", line={"color": colors.quiet, "width": 1.6, "dash": "dash", "shape": "hvh"}, hoverinfo="skip")  # fmt: skip
    if any(counts[1]):
        top = int(np.argmax(counts[1]))
        made.add_annotation(x=log10(middles[top]), y=counts[1][top], yshift=10, text=safe(words(_WORDS["random"])), showarrow=False, font={"color": colors.quiet})  # fmt: skip
    made.update_layout(
        margin={"l": 58, "r": 16, "t": 18, "b": 46}, bargap=0,
        xaxis={"type": "log", "tickformat": ".2~%", "title": {"text": safe(words(_WORDS["density"])), "standoff": 6}},
        yaxis={"title": {"text": safe(words(_WORDS["count"])), "standoff": 8}},
    )  # fmt: skip
    return made


def _percent(value: float) -> str:
    return f"{100 * value:.3g} %"


def curve_csv(rows: Sequence[Row]) -> str:
    """A row for each update that was noted."""
    columns = ("of", "update", "loss", "unexplained", "active", "dead")
    return as_table(columns, (tuple(row[name] for name in columns) for row in rows if row.get("kind") == "step"))


# ---- what the route draws while a worker is at it


def figure(config: InquiryConfig, answer: Answer, words: Words, colors: Colors) -> go.Figure:
    """The curve as far as it goes."""
    return curve(answer.rows, words, colors)


def csv(config: InquiryConfig, answer: Answer) -> str:
    """The same as a table."""
    return curve_csv(answer.rows)


def height(config: InquiryConfig, answer: Answer) -> int:
    """Pixels."""
    return HEIGHT


def points(config: InquiryConfig, answer: Answer) -> int:
    """How many updates there are to draw."""
    return sum(row.get("kind") == "step" for row in answer.rows)
