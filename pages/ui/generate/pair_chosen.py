"""What stands beside the model of the Generate page: another step of its run, or another model."""

import streamlit as st

from llm_core.config import TaskConfig
from llm_core.errors import N_
from llm_core.runs.run import Run
from pages.ui.state import (
    GENERATE_BESIDE_KEY,
    GENERATE_BESIDE_RUN_KEY,
    GENERATE_BESIDE_RUN_STEP_KEY,
    GENERATE_BESIDE_STEP_KEY,
    store,
)
from pages.ui.subject import available, titles
from pages.ui.text import _
from pages.ui.writing import Writing, is_translator

BESIDE = {"step": N_("Another step"), "model": N_("Another model")}
"""Name in links, and on screen."""


def beside(writing: Writing) -> Writing | None:
    """The controls: the same prompt and dice for another model; None where there is none."""
    run = store().find(writing.run)
    steps = tuple(step for step in run.steps() if step != writing.step)
    runs = {each.id: each for each in available(needs_steps=True) if each.id != run.id and _writes_like(each, run)}
    kinds = [name for name, there in (("step", steps), ("model", runs)) if there]
    if not kinds:
        st.info(_("There is nothing to lay beside it: this run has kept one step, and there is no other model that writes."))  # fmt: skip
        return None
    state = st.session_state
    if state.get(GENERATE_BESIDE_KEY) not in kinds:
        state[GENERATE_BESIDE_KEY] = kinds[0]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.segmented_control(
            _("Beside it"), kinds, key=GENERATE_BESIDE_KEY, required=True, persist_state="session",
            format_func=lambda name: _(BESIDE[name]),
        )  # fmt: skip
        if state[GENERATE_BESIDE_KEY] == "step":
            # Not too early a one, which writes noise, and not the last, which is hardly another.
            return writing.model_copy(
                update={"step": _step(GENERATE_BESIDE_STEP_KEY, steps, steps[3 * len(steps) // 4])}
            )
        if state.get(GENERATE_BESIDE_RUN_KEY) not in runs:
            state[GENERATE_BESIDE_RUN_KEY] = next(iter(runs))
        chosen = str(
            st.selectbox(
                _("Model"), list(runs), key=GENERATE_BESIDE_RUN_KEY, format_func=titles(runs.values()).__getitem__,
                persist_state="session", width=320, on_change=lambda: state.pop(GENERATE_BESIDE_RUN_STEP_KEY, None),
            )
        )  # fmt: skip
        own = tuple(runs[chosen].steps())
        return writing.model_copy(update={"run": chosen, "step": _step(GENERATE_BESIDE_RUN_STEP_KEY, own, own[-1])})


def _step(key: str, steps: tuple[int, ...], usual: int) -> int:
    if st.session_state.get(key) not in steps:
        st.session_state[key] = usual
    return int(st.selectbox(_("Step"), steps[::-1], key=key, persist_state="session", width=220))


def _writes_like(run: Run, other: Run) -> bool:
    """Whether both write on from a prompt, or both translate."""
    config = run.model_config
    if isinstance(config, TaskConfig) or getattr(config, "architecture", "") == "encoder":
        return False
    return is_translator(run) == is_translator(other)


def names_of(one: Writing, other: Writing) -> tuple[str, str]:
    """What the two are called."""
    if one.run == other.run:
        return _("Step {step}", step=one.step), _("Step {step}", step=other.step)
    names = titles([store().find(one.run), store().find(other.run)])
    return names[one.run], names[other.run]
