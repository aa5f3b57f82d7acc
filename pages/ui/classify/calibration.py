"""Whether a family is as often right as it says: the reliability diagram, the calibration error, and the log loss."""

from functools import partial

import plotly.graph_objects as go
import streamlit as st

from llm_core.data.table_writing import as_table
from llm_core.evaluate.calibration import BINS, Calibration, calibration, log_loss
from pages.ui.charts import Colors, layout
from pages.ui.classify.families import color, sign, title
from pages.ui.classify.scored import Scored, as_python, percent
from pages.ui.drawing import drawing
from pages.ui.glossary import meaning
from pages.ui.sheet import Cell, Column, Row, sheet
from pages.ui.text import _, number


def show(scored: Scored, family: str) -> None:
    """The diagram of the chosen family, and the numbers of all."""
    found = {name: calibration(scored.labels, scored.probabilities[name]) for name in scored.families}
    st.markdown(verdict(scored, family, found[family]))
    drawing(
        "classify_calibration", (scored.run, family), partial(figure, found[family], family),
        label=_("How often {family} is right, by how sure it was", family=title(family)), height=440, code=python(scored, family),
        table=csv(found[family]), name=f"terrarium-calibration-{scored.run}-{family}",
    )  # fmt: skip
    columns = [
        Column(_("Family"), kind="text"),
        Column(_("Calibration error"), meaning("calibration"), "share"),
        Column(_("Says, on average"), _("The mean probability of the class that it chose.")),
        Column(_("Is right")),
        Column(_("Log loss"), meaning("log loss")),
    ]
    rows = []
    for name in sorted(scored.families, key=lambda name: found[name].error):
        error, sure = found[name].error, float(scored.probabilities[name].max(axis=1).mean())
        right, loss = scored.reports[name].accuracy, log_loss(scored.labels, scored.probabilities[name])
        cells = (
            Cell(title(name), value=title(name)), Cell(percent(error), value=error, share=error), Cell(percent(sure), value=sure),
            Cell(percent(right), value=right), Cell(number(loss), value=loss),
        )  # fmt: skip
        rows.append(Row(name, cells, sign(name)))
    sheet("classify_calibrations", columns, rows, label=_("Calibration of every family"), chosen=family)
    st.caption(_("Measured on the {texts} texts of the test part, which no family has learned from, on the probabilities just as each family gives them: none was made milder or sharper afterwards.", texts=number(len(scored.labels))))  # fmt: skip


def verdict(scored: Scored, family: str, found: Calibration) -> str:
    """How far what it says is from what is, in one sentence."""
    sure = float(scored.probabilities[family].max(axis=1).mean())
    right = scored.reports[family].accuracy
    way = _("On the whole it is too sure of itself.") if sure > right else _("On the whole it is less sure than it might be.")  # fmt: skip
    text = _("What **{family}** says is off by {error} on average: it is {sure} sure and {right} right.", family=title(family), error=percent(found.error), sure=percent(sure), right=percent(right))  # fmt: skip
    return f"{text} {way}" if abs(sure - right) >= 0.005 else text


def figure(found: Calibration, family: str, colors: Colors) -> go.Figure:
    """Bars of accuracy by confidence with the diagonal where both agree; below, how many texts stand in each bin."""
    made = go.Figure(layout=layout(colors))
    held = [each for each in found.bins if each.count]
    middles = [(each.low + each.high) / 2 for each in held]
    width = 0.92 / BINS
    made.add_scatter(
        x=[0, 1], y=[0, 1], mode="lines", line={"color": colors.quiet, "dash": "dot", "width": 1.4}, hoverinfo="skip"
    )  # fmt: skip
    made.add_bar(
        x=middles, y=[each.accuracy for each in held], width=width, marker={"color": color(family, colors), "opacity": 0.45, "line": {"color": color(family, colors), "width": 1.5}},
        customdata=[[each.count, each.confidence, each.low, each.high] for each in held],
        hovertemplate=_("{count} texts on which it was {low} to {high} sure, {sure} on average: {right} are right.", count="%{customdata[0]:,}", low="%{customdata[2]:.0%}", high="%{customdata[3]:.0%}", sure="%{customdata[1]:.1%}", right="%{y:.1%}") + "<extra></extra>",
    )  # fmt: skip
    made.add_scatter(
        x=[each.confidence for each in held], y=[each.accuracy for each in held], mode="markers", hoverinfo="skip",
        marker={"symbol": "line-ew-open", "size": 12, "color": colors.text},
    )  # fmt: skip
    made.add_bar(
        x=middles, y=[each.count for each in held], width=width, yaxis="y2", marker={"color": colors.quiet}, hoverinfo="skip"
    )  # fmt: skip
    made.add_annotation(
        x=0.02, y=0.98, xref="x", yref="y", xanchor="left", yanchor="top", showarrow=False,
        text=_("calibration error {error}", error=percent(found.error)), font={"size": 14, "color": colors.text},
    )  # fmt: skip
    axis = layout(colors)["yaxis"]
    made.update_layout(
        margin={"l": 58, "r": 20, "t": 12, "b": 48}, bargap=0,
        xaxis={"range": [0, 1], "title": {"text": _("how sure it is")}, "tickformat": ".0%", "anchor": "y2"},
        yaxis={"range": [0, 1.02], "domain": [0.3, 1], "title": {"text": _("how often it is right")}, "tickformat": ".0%"},
        yaxis2={**axis, "domain": [0, 0.22], "title": {**axis["title"], "text": _("texts")}, "nticks": 3},
    )  # fmt: skip
    return made


def csv(found: Calibration) -> str:
    """The bins in exact numbers."""
    return as_table(
        ("low", "high", "texts", "confidence", "accuracy"),
        ((each.low, each.high, each.count, each.confidence, each.accuracy) for each in found.bins),
    )


def python(scored: Scored, family: str) -> str:
    """The same for a notebook or a script."""
    lines = f"""\
probabilities = race.predictions({family!r})
found = calibration(test.labels, probabilities)
print(found.error, log_loss(test.labels, probabilities))
for each in found.bins:
    print(each)
"""
    return as_python(scored.run, "from llm_core.evaluate.calibration import calibration, log_loss", lines)
