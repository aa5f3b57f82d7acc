"""Put a race to use: type a text and see what every family says, classify a whole file, take the classifier along."""

import numpy as np
import streamlit as st

from llm_core.errors import UserError
from llm_core.evaluate.classification import Floats
from llm_core.runs.raced import Race
from pages.ui.classify import use_file
from pages.ui.classify.families import sign, title
from pages.ui.classify.scored import percent
from pages.ui.faults import refuse
from pages.ui.panels import take_away
from pages.ui.sheet import Cell, Column, Row, sheet
from pages.ui.state import CLASSIFY_FAMILY_KEY, CLASSIFY_SAID_KEY, CLASSIFY_TYPED_KEY, inference
from pages.ui.text import _

LONGEST = 20_000
MOST_CLASSES = 8
"""Columns of classes beside each other; of more, those are shown that some family finds likeliest."""


def show(race: Race) -> None:
    """The section; nothing is seen before a family has finished."""
    if not race.usable:
        return
    st.subheader(_("Use it"), anchor="use")
    try:
        text = _typed(race)
        if text.strip():
            typed(race, text)
        else:
            st.caption(_("Type a text, and every family says what it is."))
        family = chosen_family(race)
        use_file.show(race, family)
        _take_along(race, family, text)
    except UserError as error:
        refuse(error)


def chosen_family(race: Race) -> str:
    """The family that is looked at in the results, or else the one with the highest accuracy whose classifier is there."""
    family = st.session_state.get(CLASSIFY_FAMILY_KEY)
    if family in race.usable:
        return str(family)
    return max(race.usable, key=lambda name: float(race.results[name]["accuracy"]))


def _typed(race: Race) -> str:
    if CLASSIFY_TYPED_KEY not in st.session_state:
        st.session_state[CLASSIFY_TYPED_KEY] = race.prepared.test.texts[0][:LONGEST]
    return str(
        st.text_area(
            _("A text"), key=CLASSIFY_TYPED_KEY, max_chars=LONGEST, height=90, persist_state="session",
            placeholder=_("Type a text, and every family says what it is."),
        )
    )  # fmt: skip


def typed(race: Race, text: str) -> None:
    """What every family says of one text, side by side."""
    identity = (race.run.id, race.usable, text)
    before, found = st.session_state.get(CLASSIFY_SAID_KEY, (None, {}))
    if before != identity:
        found = answers(race, text)
        st.session_state[CLASSIFY_SAID_KEY] = identity, found
    columns, rows = table(race.names, found)
    sheet(
        "classify_typed_table", columns, rows, label=_("What every family says of the text"),
        caption=_("The probability that each family gives to each class."),
    )  # fmt: skip


def answers(race: Race, text: str) -> dict[str, Floats]:
    """The probabilities (K,) that every family whose classifier is there gives to a text.

    What a family said of the first test text is known, so that a page that has just been opened loads no model.
    """
    if text == race.prepared.test.texts[0]:
        kept = {family: race.predictions(family) for family in race.usable}
        return {family: found[0] for family, found in kept.items() if found is not None}
    with inference():
        return {family: race.classifier(family).probabilities([text])[0] for family in race.usable}


def table(names: tuple[str, ...], found: dict[str, Floats]) -> tuple[list[Column], list[Row]]:
    """Families by classes; of many classes the likeliest."""
    most = np.max(list(found.values()), axis=0)
    kept = sorted(np.argsort(-most, kind="stable")[:MOST_CLASSES].tolist())
    columns = [
        Column(_("Family"), kind="text"),
        Column(_("Says"), kind="text"),
        *(Column(names[at], kind="share") for at in kept),
    ]
    rows = []
    for family, row in found.items():
        best = int(row.argmax())
        shares = [Cell(percent(float(row[at])), value=float(row[at]), share=float(row[at])) for at in kept]
        says = Cell(names[best], percent(float(row[best])), names[best])
        rows.append(Row(family, (Cell(title(family), value=title(family)), says, *shares), sign(family)))
    return columns, rows


def _take_along(race: Race, family: str, text: str) -> None:
    child = race.children[family]
    st.markdown(_("What {family} has learned is kept in this folder, with all that it takes to go on using it:", family=title(family)))  # fmt: skip
    st.code(str(child.folder / "classifier"), language=None, wrap_lines=True)
    st.markdown(_("On the command line:"))
    st.code(f'python -m llm_core classify {child.id} --text "…"', language="shell", wrap_lines=True)
    take_away("classify_use_foot", files={}, code=as_python(race, family, text))


def as_python(race: Race, family: str, text: str) -> str:
    """A script that classifies a text, and every text of a table, just as the page does."""
    column = race.prepared.text_column
    return f"""\
import sys
from pathlib import Path

from llm_core.data.table_reading import read_table
from llm_core.data.table_writing import as_table
from llm_core.runs.raced import open_race
from llm_core.runs.store import Store

race = open_race(Store().find({race.run.id!r}))
classifier = race.classifier({family!r})
for name, probability in zip(classifier.names, classifier.probabilities([{text!r}])[0]):
    print(name, probability)

for file in sys.argv[1:]:
    table = read_table(Path(file))
    place = table.columns.index({column!r})
    rows = [row for row in table.rows if (row[place] or "").strip()]
    probabilities = classifier.probabilities([row[place] for row in rows])
    predicted = [(*row, classifier.names[each.argmax()], each.max()) for row, each in zip(rows, probabilities)]
    text = as_table((*table.columns, "predicted", "probability"), predicted)
    Path(file).with_suffix(".predicted.csv").write_text(text, encoding="utf-8")
"""
