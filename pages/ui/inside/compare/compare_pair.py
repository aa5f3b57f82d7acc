"""What is laid side by side: a text and an edited one, two steps of a run, two models; the controls that choose it."""

import streamlit as st

from llm_core.config import TransformerConfig, network
from pages.ui.inside.choices import COMPARED
from pages.ui.inside.compare.laid import Pair
from pages.ui.inside.computed import ask
from pages.ui.inside.controls import choice
from pages.ui.inside.first_text import other_text
from pages.ui.inside.selection import LONGEST_TEXT, Selection, intact
from pages.ui.state import (
    INSIDE_BESIDE_RUN_KEY,
    INSIDE_BESIDE_STEP_KEY,
    INSIDE_COMPARED_KEY,
    INSIDE_EDITED_FOR_KEY,
    INSIDE_EDITED_KEY,
    store,
)
from pages.ui.subject import available, titles
from pages.ui.text import _


def pair_of(selection: Selection) -> Pair | None:
    """The controls: what it is compared with; None where there is nothing yet."""
    steps = tuple(step for step in store().find(selection.run).steps() if step != selection.step)
    runs = {run.id: run for run in available(needs_steps=True) if run.id != selection.run and _fits(selection, run.model_config)}  # fmt: skip
    known = {name: label for name, label in COMPARED.items() if {"text": True, "step": steps, "model": runs}[name]}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        compared = choice(_("Beside it"), INSIDE_COMPARED_KEY, known)
        run, step, text, source = selection.run, selection.step, selection.text, selection.source
        if compared == "step":
            step = _step(steps, steps[0])
        elif compared == "model":
            if st.session_state.get(INSIDE_BESIDE_RUN_KEY) not in runs:
                st.session_state[INSIDE_BESIDE_RUN_KEY] = next(iter(runs))
            run = str(st.selectbox(_("Model"), list(runs), key=INSIDE_BESIDE_RUN_KEY, format_func=titles(runs.values()).__getitem__, persist_state="session", width=320))  # fmt: skip
            own = tuple(runs[run].steps())
            step = _step(own, own[-1])
    if compared == "text":
        edited = _edited(selection)
        if not edited.strip():
            st.info(_("Change a word in the other text, take one away or put one in: both are laid side by side."))
            return None
        text, source = (text, edited) if selection.source else (edited, source)
    return Pair(intact(selection), ask(run, step, text, source))


def _fits(selection: Selection, config: object) -> bool:
    """Whether a model reads as many texts, and has layers."""
    body = network(config) if config is not None else None  # type: ignore[arg-type]
    crossed = isinstance(body, TransformerConfig) and body.architecture == "encoder_decoder"
    return isinstance(body, TransformerConfig) and body.layers > 0 and crossed == bool(selection.source)


def _step(steps: tuple[int, ...], usual: int) -> int:
    if st.session_state.get(INSIDE_BESIDE_STEP_KEY) not in steps:
        st.session_state[INSIDE_BESIDE_STEP_KEY] = usual
    return int(st.selectbox(_("Step"), steps[::-1], key=INSIDE_BESIDE_STEP_KEY, persist_state="session", width=220))


def _edited(selection: Selection) -> str:
    """The other text; it begins anew with the text that it is for: one with another telling word, or without the first."""
    state, of = st.session_state, (selection.text, selection.source)
    if INSIDE_EDITED_KEY not in state or state.get(INSIDE_EDITED_FOR_KEY, of) != of:
        text = selection.source or selection.text
        state[INSIDE_EDITED_KEY] = other_text(text) or (text.split(maxsplit=1)[1] if len(text.split()) > 1 else text[1:])  # fmt: skip
    state[INSIDE_EDITED_FOR_KEY] = of
    label = _("The other source") if selection.source else _("The other text")
    help_text = _("Words may be changed, taken away or put in.")
    return str(st.text_area(label, key=INSIDE_EDITED_KEY, height=68, max_chars=LONGEST_TEXT, persist_state="session", help=help_text))  # fmt: skip


def labels_of(selection: Selection, pair: Pair) -> tuple[str, str]:
    """What the two are called."""
    if pair.one.run != pair.other.run:
        names = titles([store().find(pair.one.run), store().find(pair.other.run)])
        return names[pair.one.run], names[pair.other.run]
    if pair.one.step != pair.other.step:
        return _("Step {step}", step=pair.one.step), _("Step {step}", step=pair.other.step)
    return _("This text"), _("The other text")
