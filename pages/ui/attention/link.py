"""What the Attention page looks at, in the address: language-free codes, checked like anything else from outside.

Run and step are written by the subject bar.
"""

import re
from collections.abc import Callable
from typing import Any

import streamlit as st

from pages.ui.attention.looking import LONGEST_TEXT, PARTS, VIEWS
from pages.ui.attention.token_graph import THRESHOLDS, USUAL_THRESHOLD, WAYS
from pages.ui.state import (
    ATTENTION_AGAINST_KEY,
    ATTENTION_FLOW_INTO_FOR_KEY,
    ATTENTION_FLOW_INTO_KEY,
    ATTENTION_FLOW_KIND_KEY,
    ATTENTION_FLOW_THRESHOLD_KEY,
    ATTENTION_HEAD_KEY,
    ATTENTION_HEADS_OFF_KEY,
    ATTENTION_LAYER_KEY,
    ATTENTION_LINK_KEY,
    ATTENTION_OFF_FOR_KEY,
    ATTENTION_OTHER_HEAD_KEY,
    ATTENTION_OTHER_STEP_KEY,
    ATTENTION_OTHER_TEXT_KEY,
    ATTENTION_PART_KEY,
    ATTENTION_PREDICTED_FOR_KEY,
    ATTENTION_PREDICTED_KEY,
    ATTENTION_SOURCE_KEY,
    ATTENTION_SOURCE_OFF_KEY,
    ATTENTION_TEXT_KEY,
    ATTENTION_TOKENS_OFF_KEY,
    ATTENTION_USUAL_KEY,
    ATTENTION_VIEW_KEY,
)

_HEAD = re.compile(rf"(?:{'|'.join(PARTS)})\.[0-9]{{1,3}}\.[0-9]{{1,3}}")
_NODE = re.compile(r"all|[0-9]{1,3}\.[0-9]{1,4}")
_MOST_OFF = 1_000


def _text(text: str) -> str:
    return text[:LONGEST_TEXT]


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else None


def _of(*values: str) -> Callable[[str], str | None]:
    return {value: value for value in values}.get


def _head(text: str) -> str | None:
    return text if _HEAD.fullmatch(text) else None


def _node(text: str) -> str | None:
    return text if _NODE.fullmatch(text) else None


def _heads(text: str) -> tuple[str, ...] | None:
    names = text.split(",")[:_MOST_OFF]
    return tuple(sorted(set(names))) if all(map(_head, names)) else None


def _places(text: str) -> tuple[int, ...] | None:
    places = [_whole(place) for place in text.split(",")[:_MOST_OFF]]
    known = {place for place in places if place is not None}
    return tuple(sorted(known)) if None not in places else None


LINKED: dict[str, tuple[str, Callable[[str], Any]]] = {
    "text": (ATTENTION_TEXT_KEY, _text),
    "source": (ATTENTION_SOURCE_KEY, _text),
    "part": (ATTENTION_PART_KEY, _of(*PARTS)),
    "layer": (ATTENTION_LAYER_KEY, _whole),
    "head": (ATTENTION_HEAD_KEY, _whole),
    "view": (ATTENTION_VIEW_KEY, _of(*VIEWS)),
    "heads_off": (ATTENTION_HEADS_OFF_KEY, _heads),
    "tokens_off": (ATTENTION_TOKENS_OFF_KEY, _places),
    "source_tokens_off": (ATTENTION_SOURCE_OFF_KEY, _places),
    "against": (ATTENTION_AGAINST_KEY, _of("head", "step", "text")),
    "other_head": (ATTENTION_OTHER_HEAD_KEY, _head),
    "other_step": (ATTENTION_OTHER_STEP_KEY, _whole),
    "other_text": (ATTENTION_OTHER_TEXT_KEY, _text),
    "flow": (ATTENTION_FLOW_KIND_KEY, _of(*WAYS)),
    "from": (ATTENTION_FLOW_THRESHOLD_KEY, {str(share): share for share in THRESHOLDS}.get),
    "into": (ATTENTION_FLOW_INTO_KEY, _node),
    "predicted": (ATTENTION_PREDICTED_KEY, _whole),
}
"""Name in the address to session key and reader; a reader gives None for what it does not take."""

_ONLY_IN = {
    "against": "difference", "other_head": "difference", "other_step": "difference", "other_text": "difference",
    "flow": "flow", "from": "flow", "into": "flow",
}  # fmt: skip
"""What only one view depends on."""


def follow_link() -> None:
    """Take the view from the address when it is not the one that this page wrote itself; call before any widget.

    What such an address does not name is as the page begins, so that going back, and a link, show just what was seen.
    """
    asked = {name: st.query_params[name] for name in LINKED if name in st.query_params}
    if not asked or asked == st.session_state.get(ATTENTION_LINK_KEY):
        return
    for name, (key, read) in LINKED.items():
        value = read(asked[name]) if name in asked else None
        if value is not None:
            st.session_state[key] = value
        else:
            st.session_state.pop(key, None)
    for key in (ATTENTION_OFF_FOR_KEY, ATTENTION_FLOW_INTO_FOR_KEY, ATTENTION_PREDICTED_FOR_KEY):
        st.session_state.pop(key, None)


def write_link() -> None:
    """Put the view into the address: head and view always, the rest where it is not what the page begins with."""
    state = st.session_state
    text, source = state.get(ATTENTION_USUAL_KEY, (None, None))
    usual: dict[str, Any] = {
        "text": text, "source": source, "heads_off": (), "tokens_off": (), "source_tokens_off": (),
        "flow": next(iter(WAYS)), "from": USUAL_THRESHOLD, "predicted": state.get(ATTENTION_PREDICTED_FOR_KEY, (None,))[-1],
    }  # fmt: skip
    view = state.get(ATTENTION_VIEW_KEY)
    link = {}
    for name, (key, _read) in LINKED.items():
        value = state.get(key)
        if value is None or (name in usual and value == usual[name]) or _ONLY_IN.get(name, view) != view:
            continue
        link[name] = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
    for name in LINKED:
        if name not in link and name in st.query_params:
            del st.query_params[name]
    if any(st.query_params.get(name) != value for name, value in link.items()):
        st.query_params.update(link)
    state[ATTENTION_LINK_KEY] = link
