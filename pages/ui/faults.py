"""What a person sees when something went wrong: one sentence, and the way on."""

import streamlit as st

from llm_core.errors import UserError
from pages.ui.text import _, explain


def show_fault(error: Exception) -> None:
    """A refused input says what to do; anything else is our fault, says so, and keeps the page usable."""
    if isinstance(error, UserError):
        st.error(explain(error), icon=":material/error:")
        return
    st.error(
        _("This page stumbled over a fault in the program ({kind}). What you trained is safe.", kind=type(error).__name__),
        icon=":material/error:",
    )  # fmt: skip
    st.button(_("Try again"), key="try_again")
