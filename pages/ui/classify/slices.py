"""Accuracy on parts of the test texts: by length, by a word, by a column of the table."""

from collections.abc import Sequence
from functools import partial
from typing import Literal

import numpy as np
import plotly.graph_objects as go
import streamlit as st
from numpy.typing import NDArray

from llm_core.data.table_writing import as_table
from llm_core.evaluate.slices import LengthSlice, Slice, by_column, by_length, by_word
from pages.ui.charts import Colors, layout
from pages.ui.classify.families import LOOKS, color, title
from pages.ui.classify.scored import Scored, as_python, percent, spread
from pages.ui.classify.text_list import text_list
from pages.ui.corpus.figures import shown
from pages.ui.drawing import drawing
from pages.ui.state import CLASSIFY_COLUMN_KEY, CLASSIFY_PART_KEY, CLASSIFY_SLICE_KEY, CLASSIFY_WORD_KEY
from pages.ui.text import _, number

By = Literal["length", "word", "column"]
BY: tuple[By, ...] = ("length", "word", "column")
LONGEST_WORD = 60
_LONGEST_NAME = 28


def show(scored: Scored, family: str) -> None:
    """The parts with their intervals, and the mistakes in the chosen one."""
    names: dict[By, str] = {"length": _("By length"), "word": _("By a word"), "column": _("By a column")}
    left, right = st.columns([1.2, 1], gap="medium", vertical_alignment="bottom")
    st.session_state.setdefault(CLASSIFY_SLICE_KEY, "length")
    with left:
        by: By = st.segmented_control(
            _("Parts"), BY, key=CLASSIFY_SLICE_KEY, required=True, format_func=names.__getitem__, persist_state="session",
            on_change=lambda: st.session_state.pop(CLASSIFY_PART_KEY, None),
        ) or "length"  # fmt: skip
    with right:
        found = parts(scored, family, by)
    if found is None:
        return
    labels, slices, code = found
    drawing(
        "classify_slices", (scored.run, family, by, labels), partial(figure, scored, family, labels, slices),
        label=_("Accuracy of {family} on parts of the texts, with 95 % intervals", family=title(family)), height=80 + 46 * len(slices), least_width=560,
        code=code, table=csv(labels, slices), name=f"terrarium-slices-{scored.run}-{family}", on_picked=choose,
    )  # fmt: skip
    st.caption(_("A dot is the accuracy on one part, the line its 95 % interval (Wilson); the upright line is all test texts. Where many parts are looked at, one of them looks odd by chance. Click a dot to read what is wrong there."))  # fmt: skip
    chosen = st.session_state.get(CLASSIFY_PART_KEY)
    at = chosen if isinstance(chosen, int) and 0 <= chosen < len(slices) else None
    if at is None:
        return
    right_ones = scored.right(family)
    wrong = [int(place) for place in slices[at].positions if not right_ones[place]]
    text_list("classify_slice_texts", scored, family, wrong, caption=_("Wrong in this part: {part}", part=labels[at]))


def choose(part: object) -> None:
    """Look at the mistakes of a part that was clicked; for callbacks."""
    if type(part) is int:
        st.session_state[CLASSIFY_PART_KEY] = part


def parts(scored: Scored, family: str, by: By) -> tuple[tuple[str, ...], Sequence[Slice], str] | None:
    """Draw what is still to be chosen; the parts with their names and the same in Python, or None without a choice."""
    right = scored.right(family)
    preamble = f"right = predict(race.predictions({family!r})) == test.labels\n"
    if by == "length":
        slices = by_length(scored.texts, right)
        code = preamble + "for part in by_length(test.texts, right):\n    print(part.shortest, part.longest, part.accuracy, part.interval)\n"  # fmt: skip
        return tuple(map(_lengths, slices)), slices, _python(scored, "by_length", code)
    if by == "word":
        word = st.text_input(
            _("Word"), key=CLASSIFY_WORD_KEY, max_chars=LONGEST_WORD, persist_state="session",
            placeholder=_("for instance: not"), help=_("A word by itself, large or small letters alike; Chinese characters anywhere."),
        ).strip()  # fmt: skip
        if not word:
            st.caption(_("Type a word: the texts that hold it are compared with those that do not."))
            return None
        code = preamble + f"for part in by_word(test.texts, right, {word!r}):\n    print(len(part.positions), part.accuracy, part.interval)\n"  # fmt: skip
        names = (_("with “{word}”", word=word), _("without “{word}”", word=word))
        return names, by_word(scored.texts, right, word), _python(scored, "by_word", code)
    return _columns(scored, right, preamble)


def _columns(
    scored: Scored, right: NDArray[np.bool_], preamble: str
) -> tuple[tuple[str, ...], Sequence[Slice], str] | None:
    columns = scored.table.columns
    if st.session_state.get(CLASSIFY_COLUMN_KEY) not in columns:
        st.session_state[CLASSIFY_COLUMN_KEY] = scored.label_column if scored.label_column in columns else columns[0]
    column = st.selectbox(_("Column"), columns, key=CLASSIFY_COLUMN_KEY, persist_state="session")
    values = scored.column(column)
    code = (
        preamble
        + f"""\
table = race.prepared.test_table
place = table.columns.index({column!r})
cells = {{number: row[place] for number, row in zip(table.numbers, table.rows)}}
for part in by_column([cells[number] for number in test.rows], right):
    print(repr(part.name), len(part.positions), part.accuracy, part.interval)
"""
    )
    slices = by_column(values, right)
    return tuple(part.name or _("(empty)") for part in slices), slices, _python(scored, "by_column", code)


def _lengths(part: LengthSlice) -> str:
    if part.shortest == part.longest:
        return _("{count} characters", count=part.shortest)
    return _("{shortest} to {longest} characters", shortest=part.shortest, longest=part.longest)


def figure(scored: Scored, family: str, labels: tuple[str, ...], slices: Sequence[Slice], colors: Colors) -> go.Figure:
    """A dot with its interval for every part, the first at the top; points carry the place of their part."""
    made = go.Figure(layout=layout(colors))
    whole = scored.reports[family].accuracy
    made.add_vline(x=100 * whole, line={"color": colors.quiet, "dash": "dot", "width": 1.4})
    held = [(at, part) for at, part in enumerate(slices) if len(part.positions)]
    reach = [part.interval for _at, part in held]
    short = [shown(name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…") for name in labels]
    shade = color(family, colors)
    made.add_scatter(
        x=[100 * part.accuracy for _at, part in held], y=[at for at, _part in held], mode="markers+text",
        text=[_("{share} of {count}", share=percent(part.accuracy), count=number(len(part.positions))) for _at, part in held], textposition="top center",
        marker={"symbol": LOOKS[family].symbol, "size": 11, "color": shade}, customdata=[at for at, _part in held],
        error_x={"type": "data", "symmetric": False, "array": [100 * (ends.high - part.accuracy) for ends, (_at, part) in zip(reach, held, strict=True)], "arrayminus": [100 * (part.accuracy - ends.low) for ends, (_at, part) in zip(reach, held, strict=True)], "color": shade, "thickness": 2, "width": 5},
        hovertext=[_("{part}: {share} of {count} texts are right; with other texts it would be {interval}.", part=short[at], share=percent(part.accuracy), count=number(len(part.positions)), interval=spread(ends.low, ends.high)) for ends, (at, part) in zip(reach, held, strict=True)],
        hovertemplate="%{hovertext}<extra></extra>",
    )  # fmt: skip
    made.update_layout(
        margin={"l": 190, "r": 30, "t": 26, "b": 46}, xaxis={"title": {"text": _("accuracy (%)")}, "showgrid": True},
        yaxis={"tickvals": list(range(len(labels))), "ticktext": short, "range": [len(labels) - 0.5, -0.6], "showgrid": False},
    )  # fmt: skip
    return made


def csv(labels: tuple[str, ...], slices: Sequence[Slice]) -> str:
    """The parts in exact numbers."""
    return as_table(
        ("part", "texts", "right", "accuracy", "low", "high"),
        (
            (name, len(part.positions), part.right, part.accuracy, part.interval.low, part.interval.high)
            for name, part in zip(labels, slices, strict=True)
        ),
    )


def _python(scored: Scored, function: str, lines: str) -> str:
    imports = f"""\
from llm_core.evaluate.classification import predict
from llm_core.evaluate.slices import {function}"""
    return as_python(scored.run, imports, lines)
