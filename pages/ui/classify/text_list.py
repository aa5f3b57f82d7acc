"""A list of test texts with their labels and what a family made of them: what stands behind a number."""

from collections.abc import Sequence

import streamlit as st

from llm_core.data.table_writing import as_table
from pages.ui.classify.scored import Scored, percent
from pages.ui.sheet import Cell, Column, Row, sheet
from pages.ui.text import _, number

MOST = 200
"""Texts that are shown; the file to take away has all."""
LONGEST = 600


def text_list(
    key: str,
    scored: Scored,
    family: str,
    positions: Sequence[int],
    *,
    caption: str,
    suggested: Sequence[int] | None = None,
) -> None:
    """Show texts by their positions in the test part. `suggested`: classes to show in place of what the family says."""
    called = [int(scored.predicted[family][at]) for at in positions] if suggested is None else list(suggested)
    if not len(positions):
        st.caption(_("No text is here."))
        return
    columns = [
        Column(_("Row"), _("As a spreadsheet counts the rows of the table.")),
        Column(_("Text"), kind="long"),
        Column(_("Label"), kind="text"),
        Column(_("Called"), _("What the family says of it."), "text") if suggested is None else Column(_("Looks like"), _("The class that the family is sure of."), "text"),
    ]  # fmt: skip
    rows = [
        Row(str(at), _cells(scored, family, int(at), guess))
        for at, guess in zip(positions[:MOST], called[:MOST], strict=True)
    ]
    if len(positions) > len(rows):
        caption += " " + _(
            "The first {shown} of {all} are shown; the file has all.", shown=len(rows), all=len(positions)
        )
    sheet(key, columns, rows, label=caption, caption=caption)
    st.download_button(
        _("Take these texts away (CSV)"), lambda: b"\xef\xbb\xbf" + csv(scored, family, positions, called).encode("utf-8", "replace"),
        file_name=f"terrarium-texts-{scored.run}-{family}.csv", mime="text/csv", key=f"{key}_csv", on_click="ignore", type="tertiary",
        icon=":material/download:",
    )  # fmt: skip


def _cells(scored: Scored, family: str, at: int, guess: int) -> tuple[Cell, ...]:
    label = int(scored.labels[at])
    row = scored.probabilities[family][at]
    text = scored.texts[at]
    return (
        Cell(number(scored.rows[at]), value=scored.rows[at]),
        Cell(text[:LONGEST] + "…" if len(text) > LONGEST else text, value=text[:LONGEST]),
        Cell(scored.names[label], percent(float(row[label])), float(row[label])),
        Cell(scored.names[guess], percent(float(row[guess])), float(row[guess])),
    )


def csv(scored: Scored, family: str, positions: Sequence[int], called: Sequence[int]) -> str:
    """The same as a table, whole texts and all of them; a cell that a spreadsheet would run is written as text."""
    heads = ("row", "text", "label", "called", "probability_of_label", "probability_of_called")
    return as_table(
        heads,
        (
            (
                scored.rows[at], scored.texts[at], scored.names[scored.labels[at]], scored.names[guess],
                float(scored.probabilities[family][at][scored.labels[at]]), float(scored.probabilities[family][at][guess]),
            )
            for at, guess in zip(positions, called, strict=True)
        ),
    )  # fmt: skip
