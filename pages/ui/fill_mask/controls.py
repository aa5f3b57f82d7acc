"""The controls of the Fill in page: the text, what is predicted, how several masks are read, what stands beside."""

import streamlit as st

from pages.ui.fill_mask.looking import AGAINST, LONGEST_TEXT, VIEWS, WAYS, Beside, newest_of_other
from pages.ui.glossary import meanings
from pages.ui.state import (
    FILL_AGAINST_KEY,
    FILL_OTHER_RUN_KEY,
    FILL_OTHER_RUN_STEP_KEY,
    FILL_OTHER_STEP_KEY,
    FILL_TEXT_KEY,
    FILL_VIEW_KEY,
    FILL_WAY_KEY,
)
from pages.ui.subject import titles
from pages.ui.text import _


def show(there: Beside) -> None:
    """Draw them; `looking` has put into the session what they begin with."""
    text, choice = st.columns([3, 2], vertical_alignment="bottom")
    with text:
        st.text_area(
            _("Text"), key=FILL_TEXT_KEY, height=68, max_chars=LONGEST_TEXT, persist_state="session",
            help=_("Hide words by clicking them below, or by writing [MASK] here. Ctrl+Enter, or a click elsewhere, takes a new text."),
        )  # fmt: skip
    with choice:
        st.pills(
            _("View"), list(VIEWS), key=FILL_VIEW_KEY, required=True, persist_state="session",
            format_func=lambda view: _(VIEWS[view]), label_visibility="collapsed",
        )  # fmt: skip
        if st.session_state[FILL_VIEW_KEY] == "masks":
            st.pills(
                _("Several masks"), list(WAYS), key=FILL_WAY_KEY, required=True, persist_state="session",
                format_func=lambda way: _(WAYS[way]), label_visibility="collapsed",
                help=_("All at once: no mask knows what is behind another. One at a time: each is hidden while the others are seen."),
            )  # fmt: skip
    with st.expander(_("Compare two models or two steps"), expanded=st.session_state[FILL_AGAINST_KEY] != "nothing"):
        _compare(there)


def _compare(there: Beside) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.segmented_control(
            _("Beside it"), there.kinds, key=FILL_AGAINST_KEY, required=True, persist_state="session",
            format_func=lambda name: _(AGAINST[name]), help=meanings("step"),
        )  # fmt: skip
        if st.session_state[FILL_AGAINST_KEY] == "step":
            st.selectbox(_("Step"), list(there.steps), key=FILL_OTHER_STEP_KEY, persist_state="session", width=220)
        elif st.session_state[FILL_AGAINST_KEY] == "model":
            names = titles(there.runs.values())
            run = st.selectbox(
                _("Model"), list(there.runs), key=FILL_OTHER_RUN_KEY, format_func=names.__getitem__, persist_state="session", width=320,
                on_change=newest_of_other,
            )  # fmt: skip
            st.selectbox(_("Step"), there.runs[run].steps()[::-1], key=FILL_OTHER_RUN_STEP_KEY, persist_state="session", width=220)  # fmt: skip
