"""How many samples: what may be chosen on the Generate page."""

import streamlit as st

from pages.ui.state import GENERATE_COUNT_KEY
from pages.ui.text import _

COUNTS = (8, 16, 32, 64)


def count_chosen() -> int:
    """The control."""
    if st.session_state.get(GENERATE_COUNT_KEY) not in COUNTS:
        st.session_state[GENERATE_COUNT_KEY] = COUNTS[0]
    st.segmented_control(
        _("How many"), COUNTS, key=GENERATE_COUNT_KEY, required=True, persist_state="session",
        help=_("The first one is the text of the page; each after it has the next seed."),
    )  # fmt: skip
    return int(st.session_state[GENERATE_COUNT_KEY])
