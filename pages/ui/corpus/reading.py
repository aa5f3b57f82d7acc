"""The picture at the top of the Corpus page for texts without a derivation: how they begin, or questions with answers."""

import re
from html import escape

import streamlit as st

from llm_core.data.tasks import TASKS
from pages.ui.corpus import story
from pages.ui.corpus.texts import Looked
from pages.ui.text import _

SHOWN = 3
_LONGEST = 900
_LINES = 14
_SENTENCE = re.compile(r"[^.?!。？！\n]{8,160}[.?!。？！]”?")


def show(text: Looked) -> None:
    """The first documents, or lines of a task."""
    if text.kind == "task":
        _examples(text)
        return
    for place, document in enumerate(text.documents[:SHOWN], 1):
        beginning = document.strip("\n")[:_LONGEST]
        st.caption(_("Document {number}", number=place))
        more = "…" if len(document) > _LONGEST else ""
        st.html(f"<div class='t-host t-still'><div class='t-reading'>{escape(beginning)}{more}</div></div>")


def _examples(text: Looked) -> None:
    """Questions with their right answers."""
    assert text.corpus is not None
    task = TASKS[text.corpus.source]
    rows = []
    for line in text.documents[:_LINES]:
        at = task.answer_start(line)
        rows.append(f"<div class='t-line'><span>{escape(line[:at])}</span><b>{escape(line[at:])}</b></div>")
    asked, answered = escape(_("question")), escape(_("right answer"))
    head = f"<div class='t-line t-quiet'><span>{asked}</span><span>{answered}</span></div>"
    st.html(f"<div class='t-host t-still'>{head}{''.join(rows)}</div>")


def a_sentence(text: Looked) -> str:
    """A sentence of the text, to be cut into tokens; of a story the first two, in both languages."""
    if text.kind == "grammar" and text.corpus is not None:
        sides = story.chosen(text.corpus)
        return " ".join(side.text[: side.sentences[0].end] for side in sides if side.sentences)
    for document in text.documents[:20]:
        if found := _SENTENCE.search(document):
            return found[0].strip()
    return text.documents[0].strip()[:80]
