"""What the Read page looks at, in the address: language-free codes, checked like anything else from outside.

Run and step are written by the subject bar.
"""

import streamlit as st

from pages.ui.address import Linked, follow_address, one_of, text_of, whole, write_address
from pages.ui.read.looking import LONGEST_QUESTION, LONGEST_TEXT, MOST_EXAMPLES, TASKS
from pages.ui.state import READ_EXAMPLE_KEY, READ_LINK_KEY, READ_QUESTION_KEY, READ_TASK_KEY, READ_TEXT_KEY

LINKED: Linked = {
    "task": (READ_TASK_KEY, one_of(*TASKS)),
    "story": (READ_EXAMPLE_KEY, whole(most=MOST_EXAMPLES - 1)),
    "text": (READ_TEXT_KEY, text_of(LONGEST_TEXT)),
    "question": (READ_QUESTION_KEY, text_of(LONGEST_QUESTION)),
}


def follow_link() -> None:
    """Take the view from another address; call before any widget."""
    follow_address(LINKED, READ_LINK_KEY)


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
    write_address(LINKED, link, READ_LINK_KEY)
