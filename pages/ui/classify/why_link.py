"""What the panel "why" looks at, in the address: language-free codes, checked like anything else from outside.

A text of the test part is named by its row, another one stands there itself; one that is too long for an address is left
out of it.
"""

from collections.abc import Sequence

import streamlit as st

from pages.ui.address import Linked, follow_address, one_of, whole, write_address
from pages.ui.classify.scored import Scored
from pages.ui.state import (
    CLASSIFY_WHY_CLASS_KEY,
    CLASSIFY_WHY_FAMILIES_KEY,
    CLASSIFY_WHY_LINK_KEY,
    CLASSIFY_WHY_METHOD_KEY,
    CLASSIFY_WHY_TEXT_KEY,
)

LONGEST_LINKED = 2_000
_ROW, _TEXT = "row.", "text."


def _linked(found: Scored, methods: Sequence[str], longest: int) -> Linked:
    def text(written: str) -> str | None:
        row = written.removeprefix(_ROW)
        if written.startswith(_ROW):
            known = {str(row): place for place, row in enumerate(found.rows)}
            return found.texts[known[row]][:longest] if row in known else None
        return written.removeprefix(_TEXT)[:LONGEST_LINKED] if written.startswith(_TEXT) else None

    def families(written: str) -> list[str] | None:
        named = written.split(",")
        return named if set(named) <= set(found.usable) and len(set(named)) == len(named) else None

    return {
        "why": (CLASSIFY_WHY_TEXT_KEY, text),
        "why_families": (CLASSIFY_WHY_FAMILIES_KEY, families),
        "why_class": (CLASSIFY_WHY_CLASS_KEY, whole(most=len(found.names) - 1)),
        "why_method": (CLASSIFY_WHY_METHOD_KEY, one_of(*methods)),
    }


def follow(found: Scored, methods: Sequence[str], longest: int) -> None:
    """Take what is explained from another address; call before any widget. `longest`: characters of a text at the most."""
    follow_address(_linked(found, methods, longest), CLASSIFY_WHY_LINK_KEY)


def write(found: Scored, place: int | None, usual: tuple[list[str], int], methods: Sequence[str]) -> None:
    """Put what is explained into the address, the text always. place: of the text in the test part · usual: the families and
    the class that the panel begins with."""
    state = st.session_state
    text, families, target = (state[key] for key in (CLASSIFY_WHY_TEXT_KEY, CLASSIFY_WHY_FAMILIES_KEY, CLASSIFY_WHY_CLASS_KEY))  # fmt: skip
    link = {}
    if place is not None:
        link["why"] = f"{_ROW}{found.rows[place]}"
    elif len(text) <= LONGEST_LINKED:
        link["why"] = f"{_TEXT}{text}"
    if list(families) != usual[0] and families:
        link["why_families"] = ",".join(families)
    if target != usual[1]:
        link["why_class"] = str(target)
    if (method := state.get(CLASSIFY_WHY_METHOD_KEY)) not in (None, methods[0]):
        link["why_method"] = str(method)
    write_address(_linked(found, methods, len(text)), link, CLASSIFY_WHY_LINK_KEY)
