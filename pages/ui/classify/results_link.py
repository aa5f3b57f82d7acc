"""What is looked at of a race's results, in the address: language-free codes, checked like anything else from outside.

The race itself is written into the address by what shows it.
"""

import re

import streamlit as st

from pages.ui.address import Linked, asked_for, like, one_of, text_of, whole, write_address
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


def _known(found: Scored) -> Linked:
    return {
        "view": (CLASSIFY_VIEW_KEY, one_of("families", "augmentation", "confusion", "curves", "calibration", "threshold", "sizes", "slices", "errors")),
        "family": (CLASSIFY_FAMILY_KEY, one_of(*found.families)),
        "cell": (CLASSIFY_CELL_KEY, like(_CELL)),
        "class": (CLASSIFY_CLASS_KEY, whole(most=len(found.names) - 1)),
        "curve": (CLASSIFY_CURVE_KEY, one_of("roc", "precision_recall")),
        "threshold": (CLASSIFY_THRESHOLD_KEY, whole(most=100)),
        "by": (CLASSIFY_SLICE_KEY, one_of(*BY)),
        "word": (CLASSIFY_WORD_KEY, text_of(LONGEST_WORD)),
        "column": (CLASSIFY_COLUMN_KEY, one_of(*found.table.columns)),
        "part": (CLASSIFY_PART_KEY, whole(most=999)),
    }  # fmt: skip


_OF_VIEW = {
    "confusion": ("cell",), "curves": ("class", "curve"), "threshold": ("class", "threshold"),
    "slices": ("by", "word", "column", "part"),
}  # fmt: skip
"""What each view adds to view and family."""


def follow(found: Scored) -> None:
    """Take the view from the address when it is not the one that this page wrote itself; call before any widget."""
    known = _known(found)
    for name, text in asked_for(known, CLASSIFY_RESULTS_LINK_KEY).items():
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
    write_address(known, link, CLASSIFY_RESULTS_LINK_KEY)
