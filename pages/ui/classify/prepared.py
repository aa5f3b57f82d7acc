"""What a table holds, before anything is learned from it: its labels counted, its split, its troubles, its first rows."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import plotly.graph_objects as go
import streamlit as st

from llm_core.config import TableConfig
from llm_core.data.labelled import Prepared, Trouble
from llm_core.data.table_examples import EXAMPLES
from llm_core.data.table_writing import as_table
from pages.ui.charts import Colors, layout
from pages.ui.classify.table import prepared
from pages.ui.drawing import drawing
from pages.ui.faults import as_text
from pages.ui.sheet import Cell, Column, Row, sheet
from pages.ui.text import _, number

MOST_BARS = 20
_ROWS_NAMED = 12
_FIRST_ROWS = 6
_LONGEST_TEXT = 240

Counts = Mapping[str, tuple[int, int]]
"""For each label how many texts are learned from, and how many are tested with."""


def show(config: TableConfig | None, raced: str | None) -> None:
    """Draw what is to be seen of the chosen table; folded away where it is the one of the race that is looked at.

    raced: the file of that race, None where there is none.
    """
    if config is None:
        return
    # A race keeps a copy of a person's file, under the file's own name.
    if raced is None or Path(raced).name != Path(config.file).name:
        show_prepared(config)
        return
    with st.expander(_("The chosen table"), key="classify_table_open", on_change="rerun") as opened:
        if opened.open:
            show_prepared(config)


def show_prepared(config: TableConfig) -> None:
    """Draw it. Raises UserError as `prepared`."""
    found = prepared(config)
    st.markdown(
        _("**{texts}** texts with **{labels}** labels: {training} to learn from, {test} to test with.",
          texts=len(found.training) + len(found.test), labels=len(found.names), training=len(found.training), test=len(found.test))
    )  # fmt: skip
    counts = counted(found)
    shown = dict(sorted(counts.items(), key=lambda entry: -sum(entry[1]))[:MOST_BARS]) if len(counts) > MOST_BARS else counts  # fmt: skip
    drawing(
        "classify_table_labels", (config, tuple(counts.items())), partial(figure, shown),
        label=_("How many texts each label has, to learn from and to test with"), height=74 + 24 * len(shown),
        table=as_table(("label", "training", "test"), [(name, *both) for name, both in counts.items()]),
        code=python(config), name="terrarium-labels",
    )  # fmt: skip
    if len(shown) < len(counts):
        st.caption(_("The {shown} largest of {all} labels; the CSV has them all.", shown=len(shown), all=len(counts)))
    for trouble in found.troubles:
        st.markdown(":material/info: " + as_text(told(trouble)))
    _first_rows(found)


def counted(found: Prepared) -> Counts:
    """The labels of both parts."""
    test = found.test.counts
    return {name: (count, test[name]) for name, count in found.training.counts.items()}


def told(trouble: Trouble) -> str:
    """A trouble in the language of the page, with the first of its rows."""
    sentence = _(trouble.template, **trouble.values)
    if not trouble.rows:
        return sentence
    rows = ", ".join([str(row) for row in trouble.rows[:_ROWS_NAMED]])
    more = len(trouble.rows) - _ROWS_NAMED
    if more > 0:
        return sentence + " " + _("Rows {rows} and {more} more.", rows=rows, more=more)
    return sentence + " " + (_("Row {rows}.", rows=rows) if len(trouble.rows) == 1 else _("Rows {rows}.", rows=rows))


def figure(counts: Counts, colors: Colors) -> go.Figure:
    """A bar for each label, its two parts one after the other."""
    made = go.Figure(layout=layout(colors))
    # Places, not names, on the axis: a label may be anything, and two may begin alike.
    places = list(range(len(counts)))
    parts = ((_("to learn from"), colors.training), (_("to test with"), colors.held_out))
    hover = _(
        "{count} texts with the label “{label}” {part}", count="%{x:,}", label="%{customdata}", part="%{fullData.name}"
    )
    for part, (name, color) in enumerate(parts):
        made.add_bar(
            y=places, x=[both[part] for both in counts.values()], orientation="h", name=name, marker_color=color,
            customdata=[plain(label) for label in counts], hovertemplate=hover + "<extra></extra>",
            text=[number(sum(both)) for both in counts.values()] if part else None, textposition="outside",
            marker_pattern_shape="/" if part else "", cliponaxis=False,
        )  # fmt: skip
    made.update_layout(
        barmode="stack", bargap=0.35, showlegend=True, margin={"l": 132, "r": 56, "t": 34, "b": 8},
        legend={"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "traceorder": "normal"},
        xaxis={"visible": False, "rangemode": "tozero"},
        yaxis={"tickmode": "array", "tickvals": places, "ticktext": [plain(label, 16) for label in counts], "autorange": "reversed", "showgrid": False},
    )  # fmt: skip
    return made


def plain(label: str, longest: int = 60) -> str:
    """A label in a picture: Plotly reads a few tags and character references as markup, so what begins them goes."""
    short = label if len(label) <= longest else label[: longest - 1] + "…"
    return " ".join(short.split()).replace("&", "&amp;").replace("<", "&lt;")


def python(config: TableConfig) -> str:
    """The same in Python; a file of one's own stands where one has it."""
    settings = config.model_dump(exclude_defaults=True)
    if config.file not in EXAMPLES:
        settings["file"] = "table" + config.file[config.file.rfind(".") :]
    if config.test_file is not None:
        settings["test_file"] = "test" + config.test_file[config.test_file.rfind(".") :]
    settings = {"file": config.file} | settings
    given = ", ".join(f"{name}={value!r}" for name, value in settings.items())
    return f"""from llm_core.config import TableConfig
from llm_core.data.table_preparing import prepare_table

prepared = prepare_table(TableConfig({given}))
print(prepared.training.counts, prepared.test.counts)
for trouble in prepared.troubles:
    print(trouble, trouble.rows)
"""


def _first_rows(found: Prepared) -> None:
    """The first texts as they were read, so that a wrong column or encoding is seen."""
    tested = set(found.test.rows) if found.test_table is found.table else set()
    part = {True: _("to test with"), False: _("to learn from")}
    placed = sorted(
        (row, text, found.names[label])
        for labelled in ((found.training, found.test) if tested else (found.training,))
        for row, text, label in zip(labelled.rows, labelled.texts, labelled.labels.tolist(), strict=True)
        if row <= found.table.numbers[min(len(found.table), 4 * _FIRST_ROWS) - 1]
    )[:_FIRST_ROWS]
    sheet(
        "classify_table_rows",
        [Column(_("Row")), Column(_("Text"), kind="long"), Column(_("Label"), kind="text"), Column(_("Part"), kind="text")],
        [
            Row(str(row), (Cell(str(row), value=row), Cell(_shortened(text)), Cell(_shortened(label)), Cell(part[row in tested])))
            for row, text, label in placed
        ],
        label=_("The first rows of the table"), caption=_("The first rows, as they were read."),
    )  # fmt: skip


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT] + "…"
