"""What augmentation was worth: each family with copies of the training texts and without, on the same test texts."""

from collections.abc import Sequence
from functools import partial

import plotly.graph_objects as go
import streamlit as st

from llm_core.data.table_writing import as_table
from llm_core.evaluate.bootstrap import Interval
from llm_core.runs.augmentation_effect import Effect
from pages.ui import forms
from pages.ui.charts import Colors, layout
from pages.ui.classify.families import LOOKS, color, sign, title
from pages.ui.classify.scored import Scored, as_python, percent, points, spread
from pages.ui.drawing import drawing
from pages.ui.glossary import meanings
from pages.ui.sheet import Cell, Column, Row, sheet
from pages.ui.text import _, number


def show(scored: Scored, family: str) -> None:
    """The verdict, both accuracies of every family, and the table with the test."""
    found = scored.effects
    if not found:
        st.info(_("Here stands what augmentation was worth, as soon as a family has finished with and without."))
        return
    st.markdown(verdict(scored), help=meanings("McNemar", "interval"))
    drawing(
        "classify_augmentation_picture", (scored.run, found), partial(figure, found),
        label=_("Accuracy of every family with and without augmentation, with 95 % intervals"), height=110 + 62 * len(found), least_width=560,
        code=python(scored), table=csv(found), name=f"terrarium-augmentation-{scored.run}",
    )  # fmt: skip
    columns, rows = table(found)
    sheet(
        "classify_augmentation", columns, rows, label=_("Every family with and without augmentation"), chosen=family,
        caption=_("Both were given the same time and the same texts to learn from, and were tested on the same {texts} others.", texts=number(len(scored.labels))),
    )  # fmt: skip
    st.caption(_("The intervals tell how much these numbers would vary with other test texts, not with another training: another seed can move them as well."))  # fmt: skip


def verdict(scored: Scored) -> str:
    """Whom it helped and whom it harmed, said only where the test says so."""
    kind = _(forms.CHOICES[scored.augmentation])
    proven = [effect for effect in scored.effects if effect.proven]
    helped = _("; ").join(title(effect.family) for effect in proven if effect.difference > 0)
    harmed = _("; ").join(title(effect.family) for effect in proven if effect.difference < 0)
    parts = [_("Added to the training texts: {kind}.", kind=kind)]
    parts += [_("Better with them: **{families}**.", families=helped)] if helped else []
    parts += [_("Worse with them: **{families}**.", families=harmed)] if harmed else []
    if not proven:
        parts.append(_("There is no evidence that this changed any family: on {texts} texts the differences may be luck (McNemar’s exact test, corrected for {families} families).", texts=number(len(scored.labels)), families=len(scored.effects)))  # fmt: skip
    return " ".join(parts)


def figure(found: Sequence[Effect], colors: Colors) -> go.Figure:
    """Two marks for every family, hollow without and filled with augmentation, each with its interval."""
    made = go.Figure(layout=layout(colors))
    places = list(range(len(found)))[::-1]
    for place, effect in zip(places, found, strict=True):
        shade, symbol = color(effect.family, colors), LOOKS[effect.family].symbol
        both = (
            (_("without"), effect.without, effect.without_reach, 0.13, f"{symbol}-open", "top center"),
            (_("with"), effect.accuracy, effect.reach, -0.13, symbol, "bottom center"),
        )
        for name, accuracy, reach, off, mark, beside in both:
            made.add_scatter(
                x=[100 * accuracy], y=[place + off], mode="markers+text", text=[f"{percent(accuracy)} {name}"], textposition=beside,
                textfont={"size": 11}, marker={"symbol": mark, "size": 10, "color": shade, "line": {"width": 2}},
                error_x=_bar(accuracy, reach, shade),
                hovertemplate=_("{family}, {which} augmentation: {accuracy}; with other texts it would be {interval}.", family=title(effect.family), which=name, accuracy=percent(accuracy), interval=spread(reach.low, reach.high)) + "<extra></extra>",
            )  # fmt: skip
    made.update_layout(
        margin={"l": 190, "r": 40, "t": 20, "b": 46}, xaxis={"title": {"text": _("accuracy on the test texts (%)")}, "showgrid": True},
        yaxis={"tickmode": "array", "tickvals": places, "ticktext": [title(effect.family) for effect in found], "showgrid": False, "range": [-0.7, len(found) - 0.2]},
    )  # fmt: skip
    return made


def _bar(accuracy: float, reach: Interval, shade: str) -> dict[str, object]:
    return {
        "type": "data", "symmetric": False, "array": [100 * (reach.high - accuracy)], "arrayminus": [100 * (accuracy - reach.low)],
        "color": shade, "thickness": 1.6, "width": 4,
    }  # fmt: skip


def table(found: Sequence[Effect]) -> tuple[list[Column], list[Row]]:
    """The families, the one that gained most first."""
    columns = [
        Column(_("Family"), kind="text"),
        Column(_("With"), _("Accuracy when it learned from copies as well.")),
        Column(_("Without"), _("Accuracy when it learned from the texts alone.")),
        Column(_("Difference"), _("In percentage points, with the interval of the difference on the same texts.")),
        Column(_("Only right with"), _("Test texts that it has right with augmentation alone.")),
        Column(_("Only right without"), _("Test texts that it has right without augmentation alone.")),
        Column("p", _("McNemar’s exact test, corrected for all families; below it the value for this one alone.")),
    ]
    rows = []
    for effect in sorted(found, key=lambda effect: -effect.difference):
        apart = effect.difference_reach
        cells = (
            Cell(title(effect.family), value=title(effect.family)),
            Cell(percent(effect.accuracy), spread(effect.reach.low, effect.reach.high), effect.accuracy),
            Cell(percent(effect.without), spread(effect.without_reach.low, effect.without_reach.high), effect.without),
            Cell(points(effect.difference), _("{low} to {high}", low=points(apart.low), high=points(apart.high)), effect.difference),
            Cell(number(effect.only_with), value=effect.only_with),
            Cell(number(effect.only_without), value=effect.only_without),
            Cell(number(effect.adjusted), number(effect.p), effect.adjusted),
        )  # fmt: skip
        rows.append(Row(effect.family, cells, sign(effect.family)))
    return columns, rows


def csv(found: Sequence[Effect]) -> str:
    """Everything in exact numbers."""
    known = [{"family": effect.family, "accuracy": effect.accuracy, **effect.figures} for effect in found]
    return as_table(tuple(known[0]), (tuple(each.values()) for each in known))


def python(scored: Scored) -> str:
    """The same for a notebook or a script."""
    lines = """\
for effect in effects(race):
    print(effect.family, effect.accuracy, effect.without, effect.difference_reach, effect.p, effect.adjusted)
"""
    return as_python(scored.run, "from llm_core.runs.augmentation_effect import effects", lines)
