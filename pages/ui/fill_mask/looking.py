"""What the Fill in page looks at: everything that its picture depends on, kept in the session and in the link.

What is hidden is named by places in the text, in characters: so it stays the same in another model, whatever its tokens
are. To change what is looked at, a callback calls one of the `choose_...` functions.
"""

from dataclasses import dataclass

import streamlit as st

from llm_core.errors import N_, UserError
from llm_core.inference.masks import why_not
from llm_core.runs.run import Run
from pages.ui.fill_mask.first_text import Span, first_hidden, first_text
from pages.ui.state import (
    FILL_AGAINST_KEY,
    FILL_FOR_KEY,
    FILL_HIDDEN_KEY,
    FILL_LAYER_KEY,
    FILL_LED_KEY,
    FILL_OTHER_RUN_KEY,
    FILL_OTHER_RUN_STEP_KEY,
    FILL_OTHER_STEP_KEY,
    FILL_PICKED_KEY,
    FILL_TEXT_KEY,
    FILL_USUAL_KEY,
    FILL_VIEW_KEY,
    FILL_WAY_KEY,
)
from pages.ui.subject import Subject, available
from pages.ui.text import language

LONGEST_TEXT = 2_000  # characters; it travels in links

VIEWS = {"masks": N_("What is hidden"), "everywhere": N_("Every token at once")}
"""What is predicted: its name in links, and on screen."""
WAYS = {"joint": N_("All at once"), "single": N_("One at a time")}
"""How several masks are read: name in links, and on screen."""
AGAINST = {"nothing": N_("Nothing"), "step": N_("Another step"), "model": N_("Another model")}
"""What stands beside it: name in links, and on screen."""


@dataclass(frozen=True)
class Looking:
    """Everything that a picture depends on. `hidden`: places in the text, in characters, as `picked`, the token or mask
    that is looked at closely; `layer`: whose attention is shown, None for all. `other`: run and step that stand beside.
    """

    run: str
    step: int
    text: str
    hidden: tuple[Span, ...]
    way: str
    view: str
    picked: Span | None = None
    layer: int | None = None
    other: tuple[str, int] | None = None


@dataclass(frozen=True)
class Beside:
    """What can stand beside the model that is looked at: other steps of its run, and other models, by id."""

    steps: tuple[int, ...]
    runs: dict[str, Run]

    @property
    def kinds(self) -> list[str]:
        """What there is of `AGAINST`."""
        there = {"nothing": True, "step": self.steps, "model": self.runs}
        return [name for name in AGAINST if there[name]]


def beside(subject: Subject) -> Beside:
    """What there is to compare with."""
    steps = tuple(step for step in subject.run.steps() if step != subject.step)
    runs = [run for run in available(needs_steps=True) if run.id != subject.run.id and unfit(run) is None]
    return Beside(steps, {run.id: run for run in runs})


def unfit(run: Run) -> UserError | None:
    """Why the models of a run cannot fill in hidden words; None where they can. Read from its settings alone."""
    try:
        return why_not(run.model_config)
    except UserError as error:
        return error


def looking(subject: Subject, there: Beside) -> Looking:
    """What is looked at now; what is missing in the session is put there. `there`: what can stand beside."""
    assert subject.step is not None
    state = st.session_state
    usual = first_text(subject.run, language())
    # A text that nobody has touched is the one of the model that was looked at before.
    if state.get(FILL_TEXT_KEY) in (None, state.get(FILL_USUAL_KEY)):
        state[FILL_TEXT_KEY] = usual
    state[FILL_USUAL_KEY] = usual
    text = state[FILL_TEXT_KEY]
    if FILL_HIDDEN_KEY not in state or state.get(FILL_FOR_KEY, text) != text:
        hide(first_hidden(subject.run, text))
    state[FILL_FOR_KEY] = text
    for key, known in ((FILL_VIEW_KEY, VIEWS), (FILL_WAY_KEY, WAYS), (FILL_AGAINST_KEY, there.kinds)):
        if state.get(key) not in known:
            state[key] = next(iter(known))
    return Looking(
        run=subject.run.id,
        step=subject.step,
        text=text,
        hidden=state[FILL_HIDDEN_KEY],
        way=state[FILL_WAY_KEY],
        view=state[FILL_VIEW_KEY],
        picked=state.get(FILL_PICKED_KEY),
        layer=state.get(FILL_LAYER_KEY),
        other=_other(subject, there),
    )


def _other(subject: Subject, there: Beside) -> tuple[str, int] | None:
    """What stands beside: what was chosen, or the nearest there is."""
    state = st.session_state
    if state[FILL_AGAINST_KEY] == "step":
        if state.get(FILL_OTHER_STEP_KEY) not in there.steps:
            state[FILL_OTHER_STEP_KEY] = there.steps[0]
        return subject.run.id, state[FILL_OTHER_STEP_KEY]
    if state[FILL_AGAINST_KEY] == "model":
        if state.get(FILL_OTHER_RUN_KEY) not in there.runs:
            state[FILL_OTHER_RUN_KEY] = next(iter(there.runs))
        run = there.runs[state[FILL_OTHER_RUN_KEY]]
        steps = run.steps()
        if state.get(FILL_OTHER_RUN_STEP_KEY) not in steps:
            state[FILL_OTHER_RUN_STEP_KEY] = steps[-1]
        return run.id, state[FILL_OTHER_RUN_STEP_KEY]
    return None


def hide(spans: tuple[Span, ...]) -> None:
    """Hide exactly these places of the text; for callbacks, as all that follow."""
    st.session_state[FILL_HIDDEN_KEY] = tuple(sorted(set(spans)))
    st.session_state[FILL_PICKED_KEY] = None
    lead()


def lead() -> None:
    """The picture takes what is hidden and picked from the page, in place of what it has itself."""
    st.session_state[FILL_LED_KEY] = st.session_state.get(FILL_LED_KEY, 0) + 1


def choose_text(text: str, hidden: tuple[Span, ...]) -> None:
    """Look at this text, with this hidden."""
    st.session_state[FILL_TEXT_KEY] = st.session_state[FILL_FOR_KEY] = text
    hide(hidden)


def choose_view(view: str, way: str | None = None) -> None:
    """Look in this way."""
    st.session_state[FILL_VIEW_KEY] = view
    if way is not None:
        st.session_state[FILL_WAY_KEY] = way


def newest_of_other() -> None:
    """Another model stands beside: begin with its newest step."""
    st.session_state.pop(FILL_OTHER_RUN_STEP_KEY, None)


def compare_with_step(step: int) -> None:
    """Put this step of the same run beside."""
    st.session_state[FILL_AGAINST_KEY] = "step"
    st.session_state[FILL_OTHER_STEP_KEY] = step
