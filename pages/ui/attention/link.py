"""What the Attention page looks at, in the address: language-free codes, checked like anything else from outside.

Run and step are written by the subject bar.
"""

import re
from typing import Any

import streamlit as st

from pages.ui.address import Linked, follow_address, like, one_of, text_of, whole, write_address
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

_head, _whole = like(_HEAD), whole()


def _heads(text: str) -> tuple[str, ...] | None:
    names = text.split(",")[:_MOST_OFF]
    return tuple(sorted(set(names))) if all(map(_head, names)) else None


def _places(text: str) -> tuple[int, ...] | None:
    places = [_whole(place) for place in text.split(",")[:_MOST_OFF]]
    known = {place for place in places if place is not None}
    return tuple(sorted(known)) if None not in places else None


LINKED: Linked = {
    "text": (ATTENTION_TEXT_KEY, text_of(LONGEST_TEXT)),
    "source": (ATTENTION_SOURCE_KEY, text_of(LONGEST_TEXT)),
    "part": (ATTENTION_PART_KEY, one_of(*PARTS)),
    "layer": (ATTENTION_LAYER_KEY, _whole),
    "head": (ATTENTION_HEAD_KEY, _whole),
    "view": (ATTENTION_VIEW_KEY, one_of(*VIEWS)),
    "heads_off": (ATTENTION_HEADS_OFF_KEY, _heads),
    "tokens_off": (ATTENTION_TOKENS_OFF_KEY, _places),
    "source_tokens_off": (ATTENTION_SOURCE_OFF_KEY, _places),
    "against": (ATTENTION_AGAINST_KEY, one_of("head", "step", "text")),
    "other_head": (ATTENTION_OTHER_HEAD_KEY, _head),
    "other_step": (ATTENTION_OTHER_STEP_KEY, _whole),
    "other_text": (ATTENTION_OTHER_TEXT_KEY, text_of(LONGEST_TEXT)),
    "flow": (ATTENTION_FLOW_KIND_KEY, one_of(*WAYS)),
    "from": (ATTENTION_FLOW_THRESHOLD_KEY, one_of(*THRESHOLDS)),
    "into": (ATTENTION_FLOW_INTO_KEY, like(_NODE)),
    "predicted": (ATTENTION_PREDICTED_KEY, _whole),
}

_ONLY_IN = {
    "against": "difference", "other_head": "difference", "other_step": "difference", "other_text": "difference",
    "flow": "flow", "from": "flow", "into": "flow",
}  # fmt: skip
"""What only one view depends on."""


def follow_link() -> None:
    """Take the view from another address; call before any widget."""
    if not follow_address(LINKED, ATTENTION_LINK_KEY):
        return
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
    write_address(LINKED, link, ATTENTION_LINK_KEY)
