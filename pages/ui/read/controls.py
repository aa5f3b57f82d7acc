"""The controls of the Read page: what is to be said, the text, and the question."""

import streamlit as st

from pages.ui.read.looking import (
    LONGEST_QUESTION,
    LONGEST_TEXT,
    TASKS,
    another_story,
    choose_text,
    chosen_task,
    told,
)
from pages.ui.state import READ_ASKED_KEY, READ_QUESTION_KEY, READ_TASK_KEY, READ_TEXT_KEY
from pages.ui.subject import Subject
from pages.ui.text import _


def task() -> str:
    """What is to be said of a text."""
    chosen_task()
    st.segmented_control(
        _("Task"), list(TASKS), key=READ_TASK_KEY, required=True, persist_state="session",
        format_func=lambda name: _(TASKS[name]), label_visibility="collapsed",
    )  # fmt: skip
    return chosen_task()


def show(subject: Subject) -> None:
    """The text and, where one is asked, the question; `looking` has put into the session what they begin with."""
    text, beside = st.columns([3, 2], gap="large")
    with text:
        st.text_area(
            _("Text"), key=READ_TEXT_KEY, height=112, max_chars=LONGEST_TEXT, persist_state="session",
            help=_("Write your own, in the words that the model knows from its training texts. Ctrl+Enter, or a click elsewhere, takes it."),
        )  # fmt: skip
    with beside:
        if chosen_task() == "answer":
            st.text_input(_("Question"), key=READ_QUESTION_KEY, max_chars=LONGEST_QUESTION, persist_state="session")
            _questions(subject)
        st.button(
            _("Another text") if chosen_task() == "classify" else _("Another story"), on_click=another_story,
            help=_("The grammar writes one that no model has met, and knows what is right."),
        )  # fmt: skip


def _questions(subject: Subject) -> None:
    """The questions that the story itself asks, while it is the one that is read."""
    story = told(subject.run)
    if st.session_state[READ_TEXT_KEY] != story.text or len(story.answers) < 2:
        return
    asked = list(story.answers)
    st.session_state[READ_ASKED_KEY] = st.session_state[READ_QUESTION_KEY] if st.session_state[READ_QUESTION_KEY] in asked else None  # fmt: skip

    def ask() -> None:
        if st.session_state[READ_ASKED_KEY] is not None:
            choose_text(story.text, st.session_state[READ_ASKED_KEY])

    st.pills(_("The story asks"), asked, key=READ_ASKED_KEY, on_change=ask)
