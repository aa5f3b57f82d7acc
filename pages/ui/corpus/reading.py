"""The picture at the top of the Corpus page for texts without a derivation: how they begin, questions with answers, or
sentences with translations."""

import re
from collections.abc import Iterable
from html import escape

import streamlit as st

from llm_core.data.annotated import ASKED, Annotated
from llm_core.data.generated import annotated_documents
from llm_core.data.pairs import both
from llm_core.data.tasks import TASKS
from pages.ui.corpus import story
from pages.ui.corpus.texts import Looked
from pages.ui.text import _

SHOWN = 3
_LONGEST = 900
_LINES = 14
_SENTENCE = re.compile(r"[^.?!。？！\n]{8,160}[.?!。？！]”?")


def show(text: Looked) -> None:
    """The first documents, lines of a task, or sentences with their translations."""
    if text.kind == "task":
        _examples(text)
        return
    if text.kind == "parallel":
        _beside(_("sentence"), _("translation"), [both(pair) for pair in text.documents[:_LINES]])
        return
    if text.corpus is not None and text.kind in ASKED:
        rows = [_with_answer(made) for made in annotated_documents(text.corpus, 0, SHOWN)]
        _beside(_("text"), _("right answer"), rows)
        return
    for place, document in enumerate(text.documents[:SHOWN], 1):
        beginning = document.strip("\n")[:_LONGEST]
        st.caption(_("Document {number}", number=place))
        more = "…" if len(document) > _LONGEST else ""
        st.html(f"<div class='t-host t-still'><div class='t-reading'>{escape(beginning)}{more}</div></div>")


def _with_answer(made: Annotated) -> tuple[str, str]:
    """A text, its question before it, and what is right of it."""
    entities = ", ".join(f"{made.text[start:end]} ({kind})" for kind, start, end in made.entities)
    return made.whole, made.label or entities or made.text[slice(*made.answer)]


def _examples(text: Looked) -> None:
    """Questions with their right answers."""
    assert text.corpus is not None
    task = TASKS[text.corpus.source]
    lines = [(line, task.answer_start(line)) for line in text.documents[:_LINES]]
    _beside(_("question"), _("right answer"), [(line[:at], line[at:]) for line, at in lines])


def _beside(left: str, right: str, lines: Iterable[tuple[str, str]]) -> None:
    """Two columns under their names."""
    head = f"<div class='t-line t-quiet'><span>{escape(left)}</span><span>{escape(right)}</span></div>"
    rows = [f"<div class='t-line'><span>{escape(one)}</span><b>{escape(other)}</b></div>" for one, other in lines]
    st.html(f"<div class='t-host t-still'>{head}{''.join(rows)}</div>")


def a_sentence(text: Looked) -> str:
    """A sentence of the text, to be cut into tokens; of a story the first two, in both languages."""
    if text.kind == "grammar" and text.corpus is not None:
        sides = story.chosen(text.corpus)
        return " ".join(side.text[: side.sentences[0].end] for side in sides if side.sentences)
    if text.kind == "parallel":
        return text.documents[0].replace("\t", " ")
    for document in text.documents[:20]:
        if found := _SENTENCE.search(document):
            return found[0].strip()
    return text.documents[0].strip()[:80]
