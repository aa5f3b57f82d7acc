"""What the Fill in page looks at, in the address: language-free codes, checked like anything else from outside.

Run and step are written by the subject bar.
"""

import re
from typing import Any

import streamlit as st

from pages.ui.address import Linked, follow_address, like, one_of, text_of, whole, write_address
from pages.ui.fill_mask.first_text import Span
from pages.ui.fill_mask.looking import AGAINST, LONGEST_TEXT, VIEWS, WAYS, lead
from pages.ui.state import (
    FILL_AGAINST_KEY,
    FILL_FOR_KEY,
    FILL_HIDDEN_KEY,
    FILL_LAYER_KEY,
    FILL_LINK_KEY,
    FILL_OTHER_RUN_KEY,
    FILL_OTHER_RUN_STEP_KEY,
    FILL_OTHER_STEP_KEY,
    FILL_PICKED_KEY,
    FILL_TEXT_KEY,
    FILL_VIEW_KEY,
    FILL_WAY_KEY,
)

_SPAN = re.compile(r"([0-9]{1,5})-([0-9]{1,5})")
_RUN = re.compile(r"[0-9a-z][0-9a-z-]{0,63}")
_MOST_HIDDEN = 200


def _span(text: str) -> Span | None:
    match = _SPAN.fullmatch(text)
    return (int(match[1]), int(match[2])) if match and int(match[1]) < int(match[2]) else None


def _spans(text: str) -> tuple[Span, ...] | None:
    if text == "nothing":
        return ()
    spans = [_span(part) for part in text.split(",")[:_MOST_HIDDEN]]
    known = {span for span in spans if span is not None}
    return tuple(sorted(known)) if None not in spans else None


LINKED: Linked = {
    "text": (FILL_TEXT_KEY, text_of(LONGEST_TEXT)),
    "hidden": (FILL_HIDDEN_KEY, _spans),
    "view": (FILL_VIEW_KEY, one_of(*VIEWS)),
    "way": (FILL_WAY_KEY, one_of(*WAYS)),
    "against": (FILL_AGAINST_KEY, one_of(*AGAINST)),
    "other_step": (FILL_OTHER_STEP_KEY, whole()),
    "other_run": (FILL_OTHER_RUN_KEY, like(_RUN)),
    "other_run_step": (FILL_OTHER_RUN_STEP_KEY, whole()),
    "picked": (FILL_PICKED_KEY, _span),
    "layer": (FILL_LAYER_KEY, whole()),
}


def follow_link() -> None:
    """Take the view from another address; call before any widget."""
    if not follow_address(LINKED, FILL_LINK_KEY):
        return
    st.session_state.pop(FILL_FOR_KEY, None)
    lead()


def write_link() -> None:
    """Put the view into the address: text and what is hidden always, the rest where the page does not begin with it."""
    state = st.session_state
    against = state.get(FILL_AGAINST_KEY)
    usual = {"view": next(iter(VIEWS)), "way": next(iter(WAYS)), "against": next(iter(AGAINST))}
    only_in = {"other_step": "step", "other_run": "model", "other_run_step": "model"}
    link = {}
    for name, (key, _read) in LINKED.items():
        value = state.get(key)
        if value is None or (name in usual and value == usual[name]) or only_in.get(name, against) != against:
            continue
        link[name] = _written(name, value)
    write_address(LINKED, link, FILL_LINK_KEY)


def _written(name: str, value: Any) -> str:
    if name == "hidden":
        return ",".join(f"{start}-{end}" for start, end in value) or "nothing"
    return f"{value[0]}-{value[1]}" if name == "picked" else str(value)
