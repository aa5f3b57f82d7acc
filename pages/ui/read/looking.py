"""What the Read page looks at: everything that its picture depends on, kept in the session and in the link."""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import streamlit as st

from llm_core.config import TaskConfig
from llm_core.errors import N_, UserError
from llm_core.runs.run import Run
from pages.ui.read.example import Example, example, labelled_example, language_of, source_of
from pages.ui.state import (
    READ_EXAMPLE_KEY,
    READ_QUESTION_KEY,
    READ_TASK_KEY,
    READ_TEXT_KEY,
    READ_USUAL_KEY,
    STEP_KEY,
    inference,
    store,
)
from pages.ui.subject import Subject, Unfit

if TYPE_CHECKING:
    from llm_core.inference.answer import Answered
    from llm_core.inference.tag import Tagged

LONGEST_TEXT, LONGEST_QUESTION = 2_000, 300  # characters; they travel in links
MOST_EXAMPLES = 10_000

TASKS = {"tag": N_("Find entities"), "answer": N_("Answer a question"), "classify": N_("Name the class")}
"""What a model says of a text: its name in links, and on screen."""
_KEPT = 32


@dataclass(frozen=True)
class Looking:
    """Everything that a picture depends on. `question` is empty where none is asked."""

    run: str
    step: int
    task: str
    text: str
    question: str = ""


@dataclass(frozen=True)
class Labelled:
    """What a model says of a text: the probability of each class, the likeliest first, and how many tokens of the text it
    has not read."""

    shares: dict[str, float]
    left_out: int


def chosen_task() -> str:
    """What a model is to say of the text."""
    if st.session_state.get(READ_TASK_KEY) not in TASKS:
        st.session_state[READ_TASK_KEY] = next(iter(TASKS))
    return str(st.session_state[READ_TASK_KEY])


def unfit(task: str) -> Unfit:
    """For the subject bar: why the models of a run cannot do this, read from its settings alone."""

    def why(run: Run) -> UserError | None:
        try:
            config = run.model_config
        except UserError as error:
            return error
        if isinstance(config, TaskConfig) and config.task == task:
            return None
        return UserError("The model of run {run} was not trained for this; this page shows taggers, answerers and classifiers.", run=run.id)  # fmt: skip

    return why


def told(run: Run) -> Example:
    """The text that the page shows by itself."""
    number = int(st.session_state.setdefault(READ_EXAMPLE_KEY, 0))
    if chosen_task() == "classify":
        return labelled_example(number, language_of(run), source_of(run))
    return example(number, language_of(run))


def looking(subject: Subject) -> Looking:
    """What is looked at now; what is missing in the session is put there."""
    assert subject.step is not None
    state, story = st.session_state, told(subject.run)
    usual = story.text, next(iter(story.answers), "")
    # What nobody has touched follows the story, and the language of the model.
    before = state.get(READ_USUAL_KEY, (None, None))
    for key, now, then in zip((READ_TEXT_KEY, READ_QUESTION_KEY), usual, before, strict=True):
        if state.get(key) in (None, then):
            state[key] = now
    state[READ_USUAL_KEY] = usual
    task = chosen_task()
    return Looking(
        run=subject.run.id,
        step=subject.step,
        task=task,
        text=state[READ_TEXT_KEY][:LONGEST_TEXT],
        question=state[READ_QUESTION_KEY][:LONGEST_QUESTION] if task == "answer" else "",
    )


def another_story() -> None:
    """Read the next text of the grammar; for callbacks, as all that follow."""
    st.session_state[READ_EXAMPLE_KEY] = (int(st.session_state.get(READ_EXAMPLE_KEY, 0)) + 1) % MOST_EXAMPLES
    for key in (READ_TEXT_KEY, READ_QUESTION_KEY):
        st.session_state.pop(key, None)


def choose_text(text: str, question: str | None = None) -> None:
    """Read this text, and ask this question of it."""
    st.session_state[READ_TEXT_KEY] = text
    if question is not None:
        st.session_state[READ_QUESTION_KEY] = question


def choose_step(step: int) -> None:
    """Read with the model as it was at this step."""
    st.session_state[STEP_KEY] = step
    st.query_params["step"] = str(step)  # the subject bar reads it there first


def choose_task(task: str) -> None:
    """Have this said of the text."""
    st.session_state[READ_TASK_KEY] = task


def tagged(looking: Looking) -> "Tagged":
    """The entities in the text. Raises UserError where the model cannot say."""
    found: Tagged = _kept.get(looking)
    return found


def answered(looking: Looking) -> "Answered":
    """The answers to the question. Raises UserError where the model cannot say."""
    found: Answered = _kept.get(looking)
    return found


def labelled(looking: Looking) -> Labelled:
    """The class of the text. Raises UserError where the model cannot say."""
    found: Labelled = _kept.get(looking)
    return found


def _read(looking: Looking) -> Any:
    with inference():
        from llm_core.inference.answer import answer
        from llm_core.inference.label import label, left_out
        from llm_core.inference.tag import tag

        run = store().find(looking.run)
        model, tokenizer = store().model(run, looking.step)
        if looking.task == "tag":
            return tag(model, tokenizer, run.labels, looking.text)
        if looking.task == "classify":
            (shares,) = label(model, tokenizer, run.labels, [looking.text])
            return Labelled(shares, left_out(model, tokenizer, looking.text))
        return answer(model, tokenizer, looking.text, looking.question)


class _Kept:
    """The last results: the page runs again with every click."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[Any, ...], Any] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, looking: Looking) -> Any:
        run = store().find(looking.run)
        try:  # a run that is trained anew writes its steps anew
            moment = (run.folder / "steps" / f"{looking.step:08d}").stat().st_mtime_ns
        except OSError:
            moment = 0
        key = run.folder, moment, looking
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        found = _read(looking)
        with self._lock:
            self._kept[key] = found
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return found


_kept = _Kept()
