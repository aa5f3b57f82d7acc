"""What is left of agreement when what a probe reads is taken out, layer by layer: the same on the page and in the route."""

from collections.abc import Callable

import plotly.graph_objects as go

from llm_core.data.table_writing import as_table
from llm_core.errors import N_
from llm_core.runs.history import Row
from llm_core.runs.inquired import InquiryConfig
from llm_core.runs.inquiry import Answer
from pages.ui.charts import Colors, layout
from pages.ui.inside.pictures.grid import safe
from pages.ui.inside.probes.probe_rows import label_ends, layer_of

HEIGHT = 320
_WORDS = {
    "embedding": N_("embedding"), "layer": N_("layer {layer}"), "axis": N_("share of texts"), "probe": N_("probe"),
    "after": N_("agrees without it"), "random": N_("without random ones"), "before": N_("agrees"),
    "said_probe": N_("{place}: the probe reads the number in {share} of texts; when it is taken out, a new probe still in {left}."),
    "said_after": N_("{place}: without what the probe reads the right word is ahead in {share} of texts, by {lead} logits."),
    "said_random": N_("{place}: without as many random directions the right word is ahead in {share} of texts."),
    "said_before": N_("With everything in place the right word is ahead in {share} of texts, by {lead} logits."),
}  # fmt: skip
"""Translated where they are drawn, which is not always in a session."""

Words = Callable[[str], str]


def rows_of(answer: Answer) -> list[Row]:
    """The places so far."""
    return [row for row in answer.rows if row.get("kind") == "removal"]


def lines(rows: list[Row], words: Words, colors: Colors) -> go.Figure:
    """What the probe reads, and how often the right word is ahead: with it, without it, without random directions."""
    say: Callable[..., str] = lambda key, **values: words(_WORDS[key]).format(**values)  # noqa: E731
    names = [
        say("embedding") if layer < 0 else say("layer", layer=layer)
        for layer in (layer_of(row["place"]) for row in rows)
    ]
    x = list(range(len(rows)))
    chance = [sum(row["random"]) / max(1, len(row["random"])) for row in rows]
    made, ends = go.Figure(layout=layout(colors)), []
    for name, values, color, symbol in (
        ("probe", [row["probe"] for row in rows], colors.training, "circle"),
        ("random", chance, colors.ngram, "square"),
        ("after", [row["after"] for row in rows], colors.held_out, "diamond"),
    ):
        errors = {}
        if name == "random":
            errors = {"error_y": {
                "type": "data", "symmetric": False, "color": color, "thickness": 1.2, "width": 3,
                "array": [max(row["random"], default=mean) - mean for row, mean in zip(rows, chance, strict=True)],
                "arrayminus": [mean - min(row["random"], default=mean) for row, mean in zip(rows, chance, strict=True)],
            }}  # fmt: skip
        made.add_scatter(
            x=x, y=values, mode="lines+markers", line={"color": color, "width": 2.2}, marker={"symbol": symbol, "size": 8}, **errors,
            hovertext=[
                safe(say(f"said_{name}", place=place, share=_percent(value), left=_percent(row["left"]), lead=f"{row['lead_after']:.2f}"))
                for place, value, row in zip(names, values, rows, strict=True)
            ],
            hovertemplate="%{hovertext}<extra></extra>",
        )  # fmt: skip
        ends.append((float(values[-1]), say(name), color))
    before, said = rows[0]["before"], say("said_before", share=_percent(rows[0]["before"]), lead=f"{rows[0]['lead_before']:.2f}")  # fmt: skip
    made.add_scatter(
        x=[-0.4, len(x) - 0.6], y=[before, before], mode="lines", line={"color": colors.quiet, "width": 1.4, "dash": "dash"},
        hovertext=safe(said), hovertemplate="%{hovertext}<extra></extra>",
    )  # fmt: skip
    ends.append((float(before), say("before"), colors.quiet))
    label_ends(made, ends, -0.03)
    made.update_layout(
        margin={"l": 58, "r": 148, "t": 12, "b": 46 if len(x) < 7 else 74},
        xaxis={"tickmode": "array", "tickvals": x, "ticktext": [safe(name) for name in names], "tickangle": -30 if len(x) > 6 else 0, "range": [-0.4, len(x) - 0.6]},
        yaxis={"range": [-0.03, 1.06], "tickformat": ".0%", "title": {"text": safe(say("axis")), "standoff": 8}},
    )  # fmt: skip
    return made


def _percent(value: float) -> str:
    return f"{100 * value:.3g} %"


def as_csv(rows: list[Row]) -> str:
    """A row for each place."""
    columns = ("probe", "low", "high", "left", "before", "after", "lead_before", "lead_after", "texts")
    given = (
        (row["place"], *(float(f"{float(row[name]):.7g}") for name in columns), min(row["random"], default=""), max(row["random"], default=""))
        for row in rows
    )  # fmt: skip
    return as_table(("place", *columns, "random_least", "random_most"), given)


# ---- what the route draws while a worker is at it


def figure(config: InquiryConfig, answer: Answer, words: Words, colors: Colors) -> go.Figure:
    """The places that are there."""
    return lines(rows_of(answer), words, colors)


def csv(config: InquiryConfig, answer: Answer) -> str:
    """The places that are there as a table."""
    return as_csv(rows_of(answer))


def height(config: InquiryConfig, answer: Answer) -> int:
    """Pixels."""
    return HEIGHT


def points(config: InquiryConfig, answer: Answer) -> int:
    """How many places are there."""
    return len(rows_of(answer))
