"""What the Read page looks at, in the address: language-free codes, checked like anything else from outside.

Run and step are written by the subject bar.
"""

from collections.abc import Callable
from typing import Any

import streamlit as st

from pages.ui.read.looking import LONGEST_QUESTION, LONGEST_TEXT, MOST_EXAMPLES, TASKS
from pages.ui.state import READ_EXAMPLE_KEY, READ_LINK_KEY, READ_QUESTION_KEY, READ_TASK_KEY, READ_TEXT_KEY


def _story(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 and int(text) < MOST_EXAMPLES else None


LINKED: dict[str, tuple[str, Callable[[str], Any]]] = {
    "task": (READ_TASK_KEY, {name: name for name in TASKS}.get),
    "story": (READ_EXAMPLE_KEY, _story),
    "text": (READ_TEXT_KEY, lambda text: text[:LONGEST_TEXT]),
    "question": (READ_QUESTION_KEY, lambda text: text[:LONGEST_QUESTION]),
}
"""Name in the address to session key and reader; a reader gives None for what it does not take."""


def follow_link() -> None:
    """Take the view from the address when it is not the one that this page wrote itself; call before any widget.

    What such an address does not name is as the page begins.
    """
    asked = {name: st.query_params[name] for name in LINKED if name in st.query_params}
    if not asked or asked == st.session_state.get(READ_LINK_KEY):
        return
    for name, (key, read) in LINKED.items():
        value = read(asked[name]) if name in asked else None
        if value is not None:
            st.session_state[key] = value
        else:
            st.session_state.pop(key, None)


def write_link() -> None:
    """Put the view into the address: the task and the text always, the rest where it counts."""
    state = st.session_state
    link = {"task": str(state[READ_TASK_KEY])}
    if state.get(READ_EXAMPLE_KEY):
        link["story"] = str(state[READ_EXAMPLE_KEY])
    if state.get(READ_TEXT_KEY) is not None:
        link["text"] = state[READ_TEXT_KEY]
    if state[READ_TASK_KEY] == "answer" and state.get(READ_QUESTION_KEY) is not None:
        link["question"] = state[READ_QUESTION_KEY]
    for name in LINKED:
        if name not in link and name in st.query_params:
            del st.query_params[name]
    if any(st.query_params.get(name) != value for name, value in link.items()):
        st.query_params.update(link)
    state[READ_LINK_KEY] = link
