"""What to look for on the Read page: sentences, each with buttons that set the view."""

import streamlit as st

from llm_core.runs.run import Run
from pages.ui.panels import what_to_look_for
from pages.ui.read.example import labelled_example, language_of, source_of
from pages.ui.read.looking import Looking, another_story, choose_step, choose_task, choose_text, told
from pages.ui.state import READ_EXAMPLE_KEY
from pages.ui.text import _

NEW_NAMES = {
    "en": "Zorba went to the park. Then Zorba sat on the moon.",
    "zh": "佐巴去了公园。然后佐巴坐在月亮上。",
}
UNANSWERED = {"en": "What is the name of the king?", "zh": "国王叫什么名字？"}


def look_for(looking: Looking, run: Run) -> None:
    """Things worth seeing with this task."""
    lines = {
        "tag": [
            (
                _("A name that no story has is spelled out in pieces and was never marked in training: what stands around it is all the model has to go by."),
                {"new": _("A new name")},
            ),
            (_("The same story can be asked about: two models, one text."), {"answer": _("Answer a question")}),
        ],
        "answer": [
            (
                _("The model points at a first and at a last token, each by itself. Where two answers are possible, both stand up in the bars."),
                {"another": _("Another story")},
            ),
            (
                _("It always points somewhere, also where the text does not say: only how sure it is gives it away."),
                {"unanswered": _("Ask what is not there")},
            ),
        ],
        "classify": [
            (
                _("It always names a class, also of a text that is about something else: only how sure it is may give it away."),
                {"elsewhere": _("A text about something else")},
            ),
            *_new_words(run),
        ],
    }[looking.task]  # fmt: skip
    if len(run.steps()) > 1:
        lines.append((_("Early steps know what is frequent, and nothing of the text."), {"early": _("An early step")}))
    what_to_look_for("read_guide", lines, lambda view: _set_view(view, run))


def _new_words(run: Run) -> list[tuple[str, dict[str, str]]]:
    """Only of reviews does the grammar hold words out."""
    if source_of(run) != "reviews":
        return []
    return [
        (
            _("Words of praise and blame that stand in no training text: what is called right here, the model knows from what stands around them, or by chance."),
            {"words": _("Words it never saw")},
        )
    ]  # fmt: skip


def _set_view(view: str, run: Run) -> None:
    code = language_of(run)
    if view in ("new", "elsewhere"):
        choose_text(NEW_NAMES[code])
    elif view == "words":
        number = int(st.session_state.get(READ_EXAMPLE_KEY, 0))
        choose_text(labelled_example(number, code, source_of(run), held_out_words=True).text)
    elif view == "answer":
        choose_task("answer")
    elif view == "another":
        another_story()
    elif view == "unanswered":
        choose_text(told(run).text, UNANSWERED[code])
    else:
        steps = run.steps()
        choose_step(next((step for step in steps if step), steps[0]))
