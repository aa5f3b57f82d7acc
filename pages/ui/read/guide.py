"""What to look for on the Read page: sentences, each with buttons that set the view."""

from llm_core.runs.run import Run
from pages.ui.panels import what_to_look_for
from pages.ui.read.example import language_of
from pages.ui.read.looking import Looking, another_story, choose_step, choose_task, choose_text, told
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
    }[looking.task]  # fmt: skip
    if len(run.steps()) > 1:
        lines.append((_("Early steps know what is frequent, and nothing of the text."), {"early": _("An early step")}))
    what_to_look_for("read_guide", lines, lambda view: _set_view(view, run))


def _set_view(view: str, run: Run) -> None:
    code = language_of(run)
    if view == "new":
        choose_text(NEW_NAMES[code])
    elif view == "answer":
        choose_task("answer")
    elif view == "another":
        another_story()
    elif view == "unanswered":
        choose_text(told(run).text, UNANSWERED[code])
    else:
        steps = run.steps()
        choose_step(next((step for step in steps if step), steps[0]))
