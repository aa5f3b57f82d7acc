"""How far a direction moves a model and what that costs, whole or as far as a worker has come: curves over the strength,
the same on the page and in the route; and the same by place."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from llm_core.data.table_writing import as_table
from llm_core.errors import N_
from llm_core.runs.history import Row
from llm_core.runs.inquired import InquiryConfig
from llm_core.runs.inquiry import Answer
from pages.ui.charts import Colors, faint, layout
from pages.ui.inside.pictures.grid import safe
from pages.ui.inside.probes.probe_rows import layer_of

_PANEL = 180
_WORDS = {
    "wanted_written": N_("texts with a wanted word"), "wanted_said": N_("probability of what is wanted"), "valid": N_("valid sentences"),
    "loss": N_("loss on other texts (nats)"), "strength": N_("strength, in mean vector lengths"), "this": N_("this direction"),
    "random": N_("random ones"), "said_this": N_("At strength {strength}: {value}"), "said_random": N_("Random directions at strength {strength}: from {low} to {high}"),
    "embedding": N_("embedding"), "layer": N_("layer {layer}"), "said_place": N_("{place}: {value}, random directions {low} to {high}"),
}  # fmt: skip
"""Translated where they are drawn, which is not always in a session."""

Words = Callable[[str], str]


@dataclass(frozen=True)
class Point:
    """One strength, or one place: the direction itself and the random ones; None where it is not known."""

    place: str
    strength: float
    this: float | None
    random: tuple[float, ...]


def points_of(answer: Answer, kind: str, name: str) -> list[Point]:
    """The rows of a kind, "strength" or "place", about "wanted", "valid" or "loss"; those whose own value is known."""
    found: dict[tuple[str, float], tuple[list[float | None], list[float]]] = {}
    for row in answer.rows:
        if row.get("kind") == kind:
            this, others = found.setdefault((row["place"], row["strength"]), ([], []))
            if row["random"] is None:
                this.append(row[name])
            elif row[name] is not None:
                others.append(row[name])
    return [Point(place, strength, this[0] if this else None, tuple(others)) for (place, strength), (this, others) in found.items()]  # fmt: skip


def panels_of(answer: Answer) -> list[str]:
    """What is known of it: "wanted" always, "valid" and "loss" where they can be measured."""
    return [
        name
        for name in ("wanted", "valid", "loss")
        if any(row.get("kind") == "strength" and row[name] is not None for row in answer.rows)
    ]


def curves(answer: Answer, words: Words, colors: Colors, marked: float | None = None) -> go.Figure:
    """A panel for each measure, over the same strengths; `marked`: the strength that is looked at."""
    panels = panels_of(answer)
    made = go.Figure(layout=layout(colors))
    made.update_layout(margin={"l": 62, "r": 104, "t": 22, "b": 46})
    for at, name in enumerate(panels):
        _panel(made, answer, name, at, len(panels), words, colors)
    last = {
        "title": {
            "text": safe(words(_WORDS["strength"])),
            "standoff": 6,
            "font": {"size": 12.5, "color": colors.quiet},
        },
        "showticklabels": True,
    }
    for at in range(len(panels)):
        made.update_layout({f"xaxis{at + 1 if at else ''}": {"matches": None if not at else "x", "range": _range(answer), **(last if at == len(panels) - 1 else {"showticklabels": False})}})  # fmt: skip
    made.add_shape(
        type="line", x0=0, x1=0, xref="x", yref="paper", y0=0, y1=1, line={"color": colors.quiet, "width": 1}
    )
    if marked is not None:
        made.add_shape(type="line", x0=marked, x1=marked, xref="x", yref="paper", y0=0, y1=1, layer="below", line={"color": colors.quiet, "width": 7}, opacity=0.25)  # fmt: skip
    return made


def _panel(made: go.Figure, answer: Answer, name: str, at: int, count: int, words: Words, colors: Colors) -> None:
    known = sorted(points_of(answer, "strength", name), key=lambda point: point.strength)
    axes = {"xaxis": f"x{at + 1 if at else ''}", "yaxis": f"y{at + 1 if at else ''}"}
    shares = name != "loss"

    def say(value: float | None) -> str:
        return "–" if value is None else f"{100 * value:.3g} %" if shares else f"{value:.3g}"

    color = {"wanted": colors.training, "valid": colors.held_out, "loss": colors.ngram}[name]
    beside = [point for point in known if point.random]
    x = [point.strength for point in beside]
    edge = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip"}
    made.add_scatter(x=x, y=[min(point.random) for point in beside], **edge, **axes)
    made.add_scatter(x=x, y=[max(point.random) for point in beside], fill="tonexty", fillcolor=faint(colors.quiet), **edge, **axes)  # fmt: skip
    made.add_scatter(
        x=x, y=[sum(point.random) / len(point.random) for point in beside], mode="lines", line={"color": colors.quiet, "width": 2, "dash": "dash"},
        hovertext=[safe(words(_WORDS["said_random"]).format(strength=f"{point.strength:g}", low=say(min(point.random)), high=say(max(point.random)))) for point in beside],
        hovertemplate="%{hovertext}<extra></extra>", **axes,
    )  # fmt: skip
    own = [point for point in known if point.this is not None]
    made.add_scatter(
        x=[point.strength for point in own], y=[point.this for point in own], mode="lines+markers", line={"color": color, "width": 2.2},
        marker={"size": 7}, hovertext=[safe(words(_WORDS["said_this"]).format(strength=f"{point.strength:g}", value=say(point.this))) for point in own],
        hovertemplate="%{hovertext}<extra></extra>", **axes,
    )  # fmt: skip
    _names(made, own, beside, at, words, color, colors)
    gap, high = 0.09, 1 - at / count
    title = words(_WORDS[_title(answer, name)])
    made.update_layout(
        {
            f"xaxis{at + 1 if at else ''}": {"anchor": f"y{at + 1 if at else ''}", "zeroline": False, "showgrid": False, "tickfont": {"size": 12, "color": colors.quiet}},
            f"yaxis{at + 1 if at else ''}": {
                "domain": [high - 1 / count + (gap if at < count - 1 else 0), high - 0.05], "gridcolor": colors.grid, "zeroline": False,
                "tickfont": {"size": 12, "color": colors.quiet},
                **({"range": [-0.04, 1.06], "tickformat": ".0%"} if shares else {"rangemode": "tozero"}),
            },
        }
    )  # fmt: skip
    made.add_annotation(xref="paper", x=0, xanchor="left", yref="paper", y=high - 0.035, yanchor="bottom", text=f"<b>{safe(title)}</b>", showarrow=False, font={"color": color, "size": 12.5})  # fmt: skip


def _names(made: go.Figure, own: Sequence[Point], beside: Sequence[Point], at: int, words: Words, color: str, colors: Colors) -> None:  # fmt: skip
    """Of both lines at their ends, one above the other."""
    if not own or not beside or own[-1].this is None:
        return
    ends = (own[-1].this, sum(beside[-1].random) / len(beside[-1].random))
    for value, word, shade, above in ((ends[0], "this", color, ends[0] >= ends[1]), (ends[1], "random", colors.quiet, ends[1] > ends[0])):  # fmt: skip
        made.add_annotation(
            xref="paper", x=1, xanchor="left", xshift=8, yref=f"y{at + 1 if at else ''}", y=value, yshift=8 if above else -8,
            text=safe(words(_WORDS[word])), showarrow=False, font={"color": shade, "size": 12},
        )  # fmt: skip


def by_place(answer: Answer, words: Words, colors: Colors, marked: int | None = None) -> go.Figure:
    """What is wanted, at the same strength, by the place that is steered at: a bar each, random directions as marks."""
    known = points_of(answer, "place", "wanted")
    names = [place_words(point.place, words) for point in known]
    made = go.Figure(layout=layout(colors))
    made.add_bar(
        x=list(range(len(known))), y=[point.this for point in known], marker={"color": colors.training, "line": {"width": 0}},
        customdata=[layer_of(point.place) for point in known],
        hovertext=[safe(words(_WORDS["said_place"]).format(place=name, value=_percent(point.this or 0.0), low=_percent(min(point.random, default=0.0)), high=_percent(max(point.random, default=0.0)))) for name, point in zip(names, known, strict=True)],
        hovertemplate="%{hovertext}<extra></extra>",
    )  # fmt: skip
    made.add_scatter(
        x=[at for at, point in enumerate(known) for _ in point.random], y=[value for point in known for value in point.random],
        mode="markers", marker={"size": 9, "color": colors.text, "symbol": "circle-open"}, hoverinfo="skip",
    )  # fmt: skip
    if (at := next((at for at, point in enumerate(known) if layer_of(point.place) == marked), None)) is not None:
        made.add_shape(type="rect", x0=at - 0.45, x1=at + 0.45, yref="paper", y0=0, y1=1, layer="below", line={"width": 0}, fillcolor=faint(colors.quiet))  # fmt: skip
    made.update_layout(
        margin={"l": 58, "r": 16, "t": 12, "b": 60},
        xaxis={"tickmode": "array", "tickvals": list(range(len(known))), "ticktext": [safe(name) for name in names]},
        yaxis={"range": [0, 1.06], "tickformat": ".0%", "title": {"text": safe(words(_WORDS[_title(answer, "wanted")])), "standoff": 8}},
    )  # fmt: skip
    return made


def place_words(place: str, words: Words) -> str:
    """A place of the stream in words."""
    layer = layer_of(place)
    return words(_WORDS["embedding"]) if layer < 0 else words(_WORDS["layer"]).format(layer=layer)


def _title(answer: Answer, name: str) -> str:
    asked: Row = next((row for row in answer.rows if row.get("kind") == "asked"), {})
    return name if name != "wanted" else "wanted_written" if asked.get("writes") else "wanted_said"


def _range(answer: Answer) -> list[float]:
    strengths = [row["strength"] for row in answer.rows if row.get("kind") == "strength"]
    low, high = min(strengths, default=0.0), max(strengths, default=1.0)
    return [low - 0.03, max(high, low + 0.1) + 0.03]


def _percent(value: float) -> str:
    return f"{100 * value:.3g} %"


def as_csv(answer: Answer) -> str:
    """A row for each point; `random` numbers the control and is empty for the direction itself."""
    columns = ("kind", "place", "strength", "random", "wanted", "valid", "loss")
    rows = (tuple("" if row[name] is None else row[name] for name in columns) for row in answer.rows if row.get("kind") in ("strength", "place"))  # fmt: skip
    return as_table(columns, rows)


# ---- what the route draws while a worker is at it


def figure(config: InquiryConfig, answer: Answer, words: Words, colors: Colors) -> go.Figure:
    """The strengths that are there."""
    return curves(answer, words, colors)


def csv(config: InquiryConfig, answer: Answer) -> str:
    """The points that are there as a table."""
    return as_csv(answer)


def height(config: InquiryConfig, answer: Answer) -> int:
    """Pixels."""
    return 60 + _PANEL * max(1, len(panels_of(answer)))


def points(config: InquiryConfig, answer: Answer) -> int:
    """How many points are there."""
    return sum(row.get("kind") in ("strength", "place") for row in answer.rows)
