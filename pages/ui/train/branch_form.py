"""The form that starts a branch: a new run that goes on from a step of this one, with other settings of its training.

It stands where the form for a new run stands, until the branch is made or the person goes back.
"""

import secrets
from dataclasses import dataclass

import streamlit as st

from llm_core.config import NgramConfig, RunConfig, TrainingConfig, parse
from llm_core.errors import UserError
from llm_core.runs.run import Run
from pages.ui import forms
from pages.ui.faults import refuse
from pages.ui.state import BRANCH_KEY, BRANCH_NAME_KEY, BRANCH_STEP_KEY, FAULT_KEY, store
from pages.ui.subject import choose, name_of
from pages.ui.text import _
from pages.ui.who import owner

KNOBS = ("learning_rate", "muon_learning_rate", "steps", "batch_size", "schedule", "optimizer")
"""What stands in the form; every other setting of the training is folded."""

NOT_ASKED = ("objective", "mask_share", "masking", "threads", "sample_prompt")
"""A branch keeps them."""

MOST_BEFORE = 8
LONGEST_NAME = 120


class BranchTraining(TrainingConfig):
    """The same settings under keys of their own, so that the form for a new run keeps what stands in it."""


@dataclass(frozen=True)
class Asked:
    """For which run the form is open. `token` belongs to one opening: a double click makes one branch."""

    run: str
    token: str


def branches(run: Run) -> bool:
    """Whether a branch can go on from this run at all."""
    return run.problem is None and isinstance(run.settings, RunConfig) and not isinstance(run.settings.model, NgramConfig)  # fmt: skip


def before(run: Run) -> list[dict[str, object]]:
    """The runs that this one branched from, the nearest first, each with the step where it was left."""
    found: list[dict[str, object]] = []
    while run.branched_from is not None and len(found) < MOST_BEFORE:
        origin = run.branched_from
        try:
            run = store().find(origin.run)
        except UserError:  # it may be gone; a branch needs it no more
            break
        found.append({"run": origin.run, "step": origin.step})
    return found


def open_for(reference: str, step: object) -> None:
    """Open the form; for callbacks. `step`: where to branch, the nearest one that was kept; the last one when None.

    Raises UserError when there is no such run, or when it has kept nothing yet.
    """
    run = store().find(reference)
    training = run.config.training
    kept = run.steps()
    if not kept:
        raise UserError("Run {run} has not kept a model yet; it does at its first step.", run=run.id)
    wanted = step if isinstance(step, int) else kept[-1]
    chosen = min(kept, key=lambda at: abs(at - wanted))
    steps = training.steps if training.steps > chosen else chosen + max(100, training.steps // 2)
    forms.fill(BranchTraining(**training.model_copy(update={"steps": steps}).model_dump()))
    st.session_state[BRANCH_KEY] = Asked(run.id, secrets.token_hex(8))
    st.session_state[BRANCH_STEP_KEY] = chosen
    st.session_state[BRANCH_NAME_KEY] = _("{name} · branch", name=name_of(run))[:LONGEST_NAME]


def asked(run: Run) -> bool:
    """Whether the form is open for this run; it closes when another one is looked at."""
    found = st.session_state.get(BRANCH_KEY)
    if found is not None and found.run != run.id:
        close()
    return BRANCH_KEY in st.session_state


def close() -> None:
    """Show the form for a new run again."""
    st.session_state.pop(BRANCH_KEY, None)


def show(run: Run) -> None:
    """Draw the form."""
    kept = run.steps()
    training = BranchTraining(**run.config.training.model_dump())
    st.subheader(_("A branch"), help=_("A new run that begins with the weights of this one at a step, and goes on with other settings."))  # fmt: skip
    if st.session_state.get(BRANCH_STEP_KEY) not in kept:
        st.session_state[BRANCH_STEP_KEY] = kept[-1]
    if len(kept) > 1:
        st.select_slider(_("From step"), kept, key=BRANCH_STEP_KEY, persist_state="session")
    step = int(st.session_state[BRANCH_STEP_KEY])
    st.caption(_what_goes_on(run, step))
    st.text_input(_("Name"), key=BRANCH_NAME_KEY, max_chars=LONGEST_NAME, persist_state="session")
    names = [name for name in KNOBS if name != "muon_learning_rate" or _optimizer(training) == "muon"]
    for first in range(0, len(names), 2):
        for column, name in zip(st.columns(2), names[first : first + 2], strict=False):
            with column:
                forms.field(training, name)
    config, fault = _settings(run)
    if fault is not None:
        refuse(fault)
    st.button(
        _("Start the branch"), key="branch_start", type="primary", width="stretch", disabled=config is None,
        on_click=_start, args=(run,),
    )  # fmt: skip
    st.button(_("Back to a new run"), key="branch_back", width="stretch", on_click=close)
    folded = st.expander(_("More settings"), key="branch_more", on_change="rerun")
    if folded.open:
        with folded:
            forms.fields(training, forms.folded_names(BranchTraining, {*KNOBS, *NOT_ASKED}))


def _optimizer(training: BranchTraining) -> str:
    return str(forms.read(training)["optimizer"])


def _what_goes_on(run: Run, step: int) -> str:
    if (run.folder / "steps" / f"{step:08d}" / "optimizer.safetensors").is_file():
        return _("All of step {step} was kept: the optimizer goes on where it was.", step=step)
    return _("Of step {step} the weights were kept: the optimizer begins anew.", step=step)


def _settings(run: Run) -> tuple[RunConfig | None, UserError | None]:
    """The settings of the branch as the form has them, or what is wrong with them."""
    config = run.config
    try:
        values = forms.read(BranchTraining(**config.training.model_dump()))
        return parse(RunConfig, {"model": config.model, "data": config.data, "training": parse(TrainingConfig, values)}), None  # fmt: skip
    except UserError as error:
        return None, error


def _start(run: Run) -> None:
    """Make the branch, hand it to a worker, and look at it."""
    config, fault = _settings(run)
    opened = st.session_state.get(BRANCH_KEY)
    if config is None or opened is None:
        st.session_state[FAULT_KEY] = fault
        return
    try:
        made = store().branch(
            run, st.session_state[BRANCH_STEP_KEY], config, name=st.session_state[BRANCH_NAME_KEY], owner=owner(),
            form_token=opened.token,
        )  # fmt: skip
        store().start(made, owner())
    except UserError as error:
        st.session_state[FAULT_KEY] = error
        return
    close()
    choose(made)
