"""The confusion matrix, whose cells open the texts behind them, and the scores of every class."""

from functools import partial

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from llm_core.data.table_writing import as_table
from llm_core.evaluate.classification import Labels, behind, confusion
from pages.ui.charts import Colors, layout
from pages.ui.classify.families import title
from pages.ui.classify.scored import Scored, as_python, percent
from pages.ui.classify.text_list import text_list
from pages.ui.corpus.figures import shown
from pages.ui.drawing import drawing
from pages.ui.glossary import meaning
from pages.ui.sheet import Cell, Column, Row, sheet
from pages.ui.state import CLASSIFY_CELL_KEY
from pages.ui.text import _, number

MOST_NUMBERED = 20
"""Classes up to which every cell carries its count; beyond, the pointer tells it."""
_MOST_OFFERED = 100
_LONGEST_NAME = 18


def show(scored: Scored, family: str) -> None:
    """The matrix of the chosen family, the texts of the chosen cell, and the table of classes."""
    counts = confusion(scored.labels, scored.predicted[family], len(scored.names))
    classes = len(scored.names)
    drawing(
        "classify_confusion", (scored.run, family), partial(figure, counts, scored.names),
        label=_("Confusion matrix of {family}: label by what it was called", family=title(family)),
        height=min(190 + 44 * classes, 760), least_width=min(150 + 44 * classes, 900), code=python(scored, family), table=csv(counts, scored.names),
        name=f"terrarium-confusion-{scored.run}-{family}", on_picked=choose,
    )  # fmt: skip
    st.caption(_("A row is a label, a column what the family called it; on the diagonal it is right. The stronger the colour, the larger the share of its row. Click a cell to read its texts."))  # fmt: skip
    _texts(scored, family, counts)
    st.subheader(_("Every class"))
    columns, rows = table(scored, family)
    sheet(
        "classify_classes", columns, rows, label=_("Scores of every class"), csv=classes_csv(scored, family),
        code=python(scored, family), name=f"terrarium-classes-{scored.run}-{family}",
    )  # fmt: skip


def choose(cell: object) -> None:
    """Look at the texts of a cell that was clicked: [label, called, ...]; for callbacks."""
    if isinstance(cell, list) and len(cell) >= 2 and all(type(place) is int for place in cell[:2]):
        st.session_state[CLASSIFY_CELL_KEY] = f"{cell[0]}.{cell[1]}"


def cells(counts: Labels) -> list[str]:
    """The cells that hold texts, as "label.called": mistakes first, the most frequent at the top."""
    places = [(int(label), int(called)) for label, called in np.argwhere(counts > 0)]
    places.sort(key=lambda place: (place[0] == place[1], -counts[place]))
    return [f"{label}.{called}" for label, called in places]


def _texts(scored: Scored, family: str, counts: Labels) -> None:
    known = cells(counts)
    if st.session_state.get(CLASSIFY_CELL_KEY) not in known:
        st.session_state[CLASSIFY_CELL_KEY] = known[0]
    offered = known[:_MOST_OFFERED]
    if st.session_state[CLASSIFY_CELL_KEY] not in offered:
        offered.append(st.session_state[CLASSIFY_CELL_KEY])
    names = scored.names

    def named(cell: str) -> str:
        label, called = map(int, cell.split("."))
        count = number(int(counts[label, called]))
        if label == called:
            return _("{name}, rightly: {count}", name=names[label], count=count)
        return _("{name}, called {called}: {count}", name=names[label], called=names[called], count=count)

    cell = st.selectbox(
        _("Texts of the cell"), offered, key=CLASSIFY_CELL_KEY, format_func=named, persist_state="session"
    )
    label, called = map(int, cell.split("."))
    positions = behind(scored.labels, scored.predicted[family], label, called)
    # The surest first: of mistakes these are the most telling.
    surest = positions[np.argsort(-scored.probabilities[family][positions, called], kind="stable")]
    text_list("classify_cell_texts", scored, family, surest.tolist(), caption=named(cell))


def figure(counts: Labels, names: tuple[str, ...], colors: Colors) -> go.Figure:
    """A heatmap of the shares of each row, counts written in the cells; points carry label, called, count and support."""
    support = counts.sum(axis=1, keepdims=True)
    shares = np.where(support > 0, counts / np.maximum(support, 1), 0.0)
    made = go.Figure(layout=layout(colors))
    places = range(len(names))
    short = [shown(name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…") for name in names]
    made.add_heatmap(
        z=shares, zmin=0, zmax=1, xgap=1, ygap=1, showscale=False,
        colorscale=[[at / (len(colors.scale) - 1), color] for at, color in enumerate(colors.scale)],
        customdata=[[[label, called, int(counts[label, called]), int(support[label, 0])] for called in places] for label in places],
        hovertemplate=_("{count} of {all} texts labelled “{label}” are called “{called}” ({share}).", count="%{customdata[2]:,}", all="%{customdata[3]:,}", label="%{y}", called="%{x}", share="%{z:.1%}") + "<extra></extra>",
    )  # fmt: skip
    if len(names) <= MOST_NUMBERED:
        for label in places:
            for called in places:
                # On strong colour the paper is easier to read than the ink.
                strong = shares[label, called] > 0.55
                made.add_annotation(
                    x=called, y=label, text=number(int(counts[label, called])), showarrow=False,
                    font={"size": 13, "color": colors.background if strong else colors.text},
                )  # fmt: skip
    made.update_layout(
        margin={"l": 140, "r": 16, "t": 110, "b": 12},
        xaxis={"tickvals": list(places), "ticktext": short, "side": "top", "tickangle": -40, "title": {"text": _("called"), "standoff": 4}},
        yaxis={"tickvals": list(places), "ticktext": short, "autorange": "reversed", "showgrid": False, "title": {"text": _("label"), "standoff": 6}},
    )  # fmt: skip
    return made


def table(scored: Scored, family: str) -> tuple[list[Column], list[Row]]:
    """Every class with its scores, those with most texts first."""
    columns = [
        Column(_("Class"), kind="text"),
        Column(_("Precision"), meaning("precision"), "share"),
        Column(_("Recall"), meaning("recall"), "share"),
        Column("F1", meaning("F1"), "share"),
        Column(_("Texts"), _("How many test texts have this label.")),
        Column(_("Called so"), _("How many test texts the family gave this label.")),
    ]
    report = scored.reports[family]
    order = sorted(range(len(scored.names)), key=lambda at: -report.classes[at].support)
    rows = []
    for at in order:
        scores = report.classes[at]
        shares = (scores.precision, scores.recall, scores.f1)
        cells = [Cell(percent(share), value=share, share=share) if scores.occurs else Cell("–") for share in shares]
        counts = [Cell(number(count), value=count) for count in (scores.support, scores.called)]
        rows.append(Row(str(at), (Cell(scored.names[at], value=scored.names[at]), *cells, *counts)))
    for name, mean in ((_("Macro average"), report.macro), (_("Micro average"), report.micro)):
        shares = (mean.precision, mean.recall, mean.f1)
        numbers = [Cell(percent(share), value=share, share=share) for share in shares]
        rows.append(
            Row(name, (Cell(name), *numbers, Cell(number(report.count)), Cell(number(report.count))), quiet=True)
        )
    return columns, rows


def csv(counts: Labels, names: tuple[str, ...]) -> str:
    """The matrix: a row a label."""
    return as_table(("label", *names), ((name, *map(int, row)) for name, row in zip(names, counts, strict=True)))


def classes_csv(scored: Scored, family: str) -> str:
    """The table of classes in exact numbers."""
    classes = scored.reports[family].classes
    return as_table(
        ("class", "precision", "recall", "f1", "texts", "called"),
        ((name, each.precision, each.recall, each.f1, each.support, each.called) for name, each in zip(scored.names, classes, strict=True)),
    )  # fmt: skip


def python(scored: Scored, family: str) -> str:
    """The same for a notebook or a script."""
    lines = f"""\
predicted = predict(race.predictions({family!r}))
print(test.names)
print(confusion(test.labels, predicted, len(test.names)))
for name, scores in zip(test.names, report(test.labels, predicted, len(test.names)).classes):
    print(name, scores)
"""
    return as_python(scored.run, "from llm_core.evaluate.classification import confusion, predict, report", lines)
