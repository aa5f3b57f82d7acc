"""What is looked at of a race's results, in the address: language-free codes, checked like anything else from outside.

The race itself is written into the address by what shows it.
"""

import re
from collections.abc import Callable
from typing import Any

import streamlit as st

from pages.ui.classify.scored import Scored
from pages.ui.classify.slices import BY, LONGEST_WORD
from pages.ui.state import (
    CLASSIFY_CELL_KEY,
    CLASSIFY_CLASS_KEY,
    CLASSIFY_COLUMN_KEY,
    CLASSIFY_CURVE_KEY,
    CLASSIFY_FAMILY_KEY,
    CLASSIFY_PART_KEY,
    CLASSIFY_RESULTS_LINK_KEY,
    CLASSIFY_SLICE_KEY,
    CLASSIFY_THRESHOLD_KEY,
    CLASSIFY_VIEW_KEY,
    CLASSIFY_WORD_KEY,
)

_CELL = re.compile(r"[0-9]{1,3}\.[0-9]{1,3}")


def _whole(most: int) -> Callable[[str], int | None]:
    def read(text: str) -> int | None:
        return int(text) if text.isascii() and text.isdigit() and len(text) < 5 and int(text) <= most else None

    return read


def _of(*values: str) -> Callable[[str], str | None]:
    return {value: value for value in values}.get


def _known(found: Scored) -> dict[str, tuple[str, Callable[[str], Any]]]:
    """Name in the address to session key and reader; a reader gives None for what it does not take."""
    return {
        "view": (CLASSIFY_VIEW_KEY, _of("families", "confusion", "curves", "calibration", "threshold", "sizes", "slices", "errors")),
        "family": (CLASSIFY_FAMILY_KEY, _of(*found.families)),
        "cell": (CLASSIFY_CELL_KEY, lambda text: text if _CELL.fullmatch(text) else None),
        "class": (CLASSIFY_CLASS_KEY, _whole(len(found.names) - 1)),
        "curve": (CLASSIFY_CURVE_KEY, _of("roc", "precision_recall")),
        "threshold": (CLASSIFY_THRESHOLD_KEY, _whole(100)),
        "by": (CLASSIFY_SLICE_KEY, _of(*BY)),
        "word": (CLASSIFY_WORD_KEY, lambda text: text[:LONGEST_WORD]),
        "column": (CLASSIFY_COLUMN_KEY, _of(*found.table.columns)),
        "part": (CLASSIFY_PART_KEY, _whole(999)),
    }  # fmt: skip


_OF_VIEW = {
    "confusion": ("cell",), "curves": ("class", "curve"), "threshold": ("class", "threshold"),
    "slices": ("by", "word", "column", "part"),
}  # fmt: skip
"""What each view adds to view and family."""


def follow(found: Scored) -> None:
    """Take the view from the address when it is not the one that this page wrote itself; call before any widget."""
    known = _known(found)
    asked = {name: st.query_params[name] for name in known if name in st.query_params}
    if asked and asked != st.session_state.get(CLASSIFY_RESULTS_LINK_KEY):
        for name, text in asked.items():
            key, read = known[name]
            if (value := read(text)) is not None:
                st.session_state[key] = value


def write(found: Scored) -> None:
    """Put what is seen into the address; what is usual stays out."""
    known = _known(found)
    view = st.session_state[CLASSIFY_VIEW_KEY]
    link = {} if view == "families" else {"view": view}
    if st.session_state[CLASSIFY_FAMILY_KEY] != found.ranked[0]:
        link["family"] = st.session_state[CLASSIFY_FAMILY_KEY]
    for name in _OF_VIEW.get(view, ()):
        if (value := st.session_state.get(known[name][0])) not in (None, ""):
            link[name] = str(value)
    for name in known:
        if name not in link and name in st.query_params:
            del st.query_params[name]
    if any(st.query_params.get(name) != value for name, value in link.items()):
        st.query_params.update(link)
    st.session_state[CLASSIFY_RESULTS_LINK_KEY] = link
