"""Learning dynamics: any measure over the steps of a training, under the loss curve of the run."""

from functools import partial

import streamlit as st

from llm_core.config import TransformerConfig, network
from llm_core.interpret.dynamics.step_measures import MEASURES, MeasureName, measure_named
from llm_core.runs import inquiry
from llm_core.runs.inquired import InquiryConfig, TrainingQuestion
from llm_core.runs.run import Run
from pages.ui.attention.measured import rows_of
from pages.ui.drawing import drawing
from pages.ui.faults import as_text
from pages.ui.inside.choices import STEPS_AXES, TRAINING
from pages.ui.inside.computed import Predicted, ask
from pages.ui.inside.controls import choice
from pages.ui.inside.selection import Selection, choose_piece, choose_step, choose_token
from pages.ui.inside.training.loss_curve import loss_curve
from pages.ui.inside.training.training_picture import Seen, figure, height
from pages.ui.inside.training.training_rows import Labels, OverSteps, as_csv, table_of, table_of_heads
from pages.ui.inside.under_way import answered, at_once
from pages.ui.state import INSIDE_STEPS_AXIS_KEY, INSIDE_TRAINING_KEY, store
from pages.ui.text import _, language, translate

_LOADING, _LAYER, _OPERATION = 0.035, 0.0025, 2.5e-11
"""Seconds that a snapshot, a layer of a pass and an operation take, about."""
_LEAST_WIDTH = 560


def question_of(
    run: Run, measure: MeasureName, text: str, source: str, token: int | None, target: int, against: int | str | None
) -> TrainingQuestion:
    """What the page asks; the same for what comes with bundled models. A measure that is not about a text asks the same
    whatever the text is."""
    until = run.steps()[-1]
    if not MEASURES[measure].of_text:
        return TrainingQuestion(text="", token=0, measure=measure, until=until)
    return TrainingQuestion(
        text=text, source=source, token=token, target=target, against=against, measure=measure, until=until  # type: ignore[arg-type]
    )  # fmt: skip


def show(selection: Selection, predicted: Predicted) -> None:
    """Which measure, and its picture. Raises UserError for a run that has kept one step alone, and where the measure does
    not apply."""
    from llm_core.runs.run_over_steps import refuse_lone, refuse_unfit

    run = store().find(selection.run)
    refuse_lone(run, run.steps())
    measure, logarithmic = _controls()
    st.caption(
        as_text(_(MEASURES[measure].meaning) + (f" {MEASURES[measure].paper}" if MEASURES[measure].paper else ""))
    )
    refuse_unfit(run, measure)
    question = question_of(run, measure, selection.text, selection.source, selection.token, selection.target, selection.against)  # fmt: skip
    code = as_python(selection, question)
    known = _known(run, question, predicted)
    if known is not None:
        _draw(selection, predicted, run, known, logarithmic, code)
        return
    before = [_table(one) for one in _asked_before(run, question) if one.status().state == "finished"]
    heads = table_of_heads(measure, rows_of(run))
    known = next((table for table in (*before, heads) if table is not None), None)
    missing = () if known is None else tuple(step for step in run.steps() if step not in known.steps)
    if known is not None:
        _draw(selection, predicted, run, known, logarithmic, code)
    if known is None or missing:
        # One that is under way goes on with the steps that there were when it began.
        coming = next((one.settings for one in _asked_before(run, question) if one.status().under_way), None)
        config = coming if isinstance(coming, InquiryConfig) else InquiryConfig(run=run.id, question=question)
        answered(
            "inside_training_inquiry", config, name=_("Over the steps"),
            picture=_("{measure} over the steps of training", measure=_(MEASURES[measure].title)), code=code,
            button=_("Measure the new steps") if missing else _("Measure all steps"),
            empty=_("{count} steps have been kept since.", count=len(missing)) if missing else "",
        )  # fmt: skip


def _controls() -> tuple[MeasureName, bool]:
    """The measure, and whether steps stand on a logarithmic axis."""
    if st.session_state.get(INSIDE_TRAINING_KEY) not in TRAINING:
        st.session_state[INSIDE_TRAINING_KEY] = next(iter(TRAINING))
    places = st.columns([3, 2], vertical_alignment="bottom")
    with places[0]:
        chosen = st.selectbox(
            _("Measure"), list(TRAINING), key=INSIDE_TRAINING_KEY, format_func=lambda name: _(TRAINING[name]), persist_state="session",
        )  # fmt: skip
    with places[1]:
        axis = choice(_("Scale of the steps"), INSIDE_STEPS_AXIS_KEY, STEPS_AXES)
    return measure_named(str(chosen)), axis == "log"


def _known(run: Run, question: TrainingQuestion, predicted: Predicted) -> OverSteps | None:
    """What is known of all steps, or measured in a moment; None where a worker is needed. Raises UserError where a measure
    does not apply."""
    config = InquiryConfig(run=run.id, question=question)
    answer = inquiry.known(store(), config)
    if answer is not None and answer.finished:
        return table_of(question.measure, answer.rows)
    tokens = len(predicted.tokens) + len(predicted.source_tokens)
    if seconds_of(run, question, tokens, len(predicted.names)) <= 1:
        return table_of(question.measure, at_once(config, ask(run.id, question.until, "").moment).rows)
    return None


def _asked_before(run: Run, question: TrainingQuestion) -> list[Run]:
    """The runs that answer, or have answered, the same question when the run had kept fewer steps; the newest first."""
    found = []
    for one in store().runs(kind="inquiry", about=run.id):
        if isinstance(one.settings, InquiryConfig):
            other = one.settings.question
            if isinstance(other, TrainingQuestion) and other.model_copy(update={"until": question.until}) == question:
                found.append(one)
    return found


def _table(answering: Run) -> OverSteps | None:
    assert isinstance(answering.settings, InquiryConfig)
    assert isinstance(answering.settings.question, TrainingQuestion)
    return table_of(answering.settings.question.measure, inquiry.answer_of(answering).rows)


def seconds_of(run: Run, question: TrainingQuestion, tokens: int, choices: int) -> float:
    """How long it takes, about, with so many tokens of a model that chooses among so many; a worker does what takes over
    one."""
    config = network(run.model_config)
    assert isinstance(config, TransformerConfig)
    if MEASURES[question.measure].slow:
        return float("inf")
    stacks = 2 if config.architecture == "encoder_decoder" else 1
    heads = config.heads * (stacks + (stacks > 1))  # the cross-attention has its own
    pieces = config.layers * (heads + stacks) if question.measure.startswith("ablation") else 1
    operations = tokens * (24 * config.layers * config.width**2 + 2 * config.width * choices)
    return len(run.steps()) * (_LOADING + pieces * (stacks * config.layers * _LAYER + operations * _OPERATION))


def _draw(selection: Selection, predicted: Predicted, run: Run, found: OverSteps, logarithmic: bool, code: str) -> None:
    of_text = MEASURES[found.measure].of_text
    against = predicted.names[selection.against] if isinstance(selection.against, int) else ""
    labels = Labels(predicted.tokens, predicted.names[selection.target], against) if of_text else Labels()
    seen = Seen(selection.step, logarithmic, tuple(run.steps()), labels)
    curve = loss_curve(run)
    drawing(
        "inside_training", (selection, seen, found.measure, found.steps, found.values.tobytes(), curve.training[-1:], curve.held_out[-1:]),
        partial(figure, found, curve, seen, partial(translate, code=language())),
        label=_("{measure} over the steps of training", measure=_(MEASURES[found.measure].title)), height=height(found),
        least_width=_LEAST_WIDTH, code=code, table=as_csv(found), name=f"terrarium-training-{selection.run}",
        on_picked=lambda picked: pick(picked, found, run),
    )  # fmt: skip


def pick(picked: object, found: OverSteps, run: Run) -> None:
    """A point or a cell was clicked: the page looks at its step, and at its head or token. What comes from the browser is
    checked."""
    if not (isinstance(picked, list) and len(picked) == 2 and all(type(each) is int for each in picked)):
        return
    step, at = picked
    if step in run.steps():
        choose_step(step)
    if not 0 <= at < len(found.names):
        return
    name = found.names[at]
    part, _dot, place = name.partition(".")
    numbers = place.split(".")
    if found.measure == "tokens":
        # What a model that writes says of a token, it says at the one before.
        choose_token(int(name) - 1 if found.names[0] == "1" else int(name))
    elif " " not in name and all(number.isdigit() for number in numbers):
        choose_piece(int(numbers[0]), int(numbers[1]), part)
    elif " " not in name and numbers[0].isdigit():
        choose_piece(int(numbers[0]))


def as_python(selection: Selection, question: TrainingQuestion) -> str:
    """The same for a notebook."""
    given = {name: value for name, value in question.model_dump().items() if name != "method"}
    return f"""\
from llm_core.interpret.dynamics.step_measures import AtStep
from llm_core.runs.inquired import TrainingQuestion
from llm_core.runs.run_over_steps import measured_run
from llm_core.runs.store import Store

store = Store()
question = TrainingQuestion({", ".join(f"{name}={value!r}" for name, value in given.items())})
for found in measured_run(store, store.find({selection.run!r}), question):
    if isinstance(found, AtStep):
        print(found.step, dict(zip(found.names, found.values.round(4).tolist())), found.controls)
"""
