"""What a person sees when something went wrong: one sentence, and the way on."""

import re

import streamlit as st

from llm_core.errors import UserError
from pages.ui.text import _, explain

_MARKDOWN = re.compile(r"([!-/:-@\[-`{-~])")
_LINK_OR_ICON = re.compile(r"([:@](?=\S)|www(?=\.))", re.IGNORECASE)
_JOINER = "\u2060"  # seen by nobody; an address or an icon's name that holds it is none


def as_text(text: str) -> str:
    """Text for a place that reads Markdown, shown as it is: names and files may hold links, images and formulas."""
    return _MARKDOWN.sub(r"\\\1", _LINK_OR_ICON.sub(rf"\1{_JOINER}", text))


def refuse(error: UserError) -> None:
    """Say what is wrong with what a person brought."""
    st.error(as_text(explain(error)), icon=":material/error:")


def show_fault(error: Exception) -> None:
    """A refused input says what to do; anything else is our fault, says so, and keeps the page usable."""
    if isinstance(error, UserError):
        refuse(error)
        return
    st.error(
        _("This page stumbled over a fault in the program ({kind}). What you trained is safe.", kind=type(error).__name__),
        icon=":material/error:",
    )  # fmt: skip
    st.button(_("Try again"), key="try_again")
