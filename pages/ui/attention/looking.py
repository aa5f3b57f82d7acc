"""What the Attention page looks at: everything that its pictures depend on, kept in the session and in the link.

A view takes a `Looking` and draws; to change what is looked at, a callback calls one of the `choose_...` functions.
Layers, heads and tokens count from 0, in links and on screen, as they do in Python and in bertviz.
"""

from collections.abc import Collection
from dataclasses import dataclass

import streamlit as st

from llm_core.errors import N_
from llm_core.runs.run import Run
from pages.ui.attention.first_head import first_head
from pages.ui.attention.first_text import first_source, first_text
from pages.ui.attention.shape import Shape, shape_of
from pages.ui.state import (
    ATTENTION_HEAD_KEY,
    ATTENTION_HEADS_OFF_KEY,
    ATTENTION_LAYER_KEY,
    ATTENTION_OFF_FOR_KEY,
    ATTENTION_PART_KEY,
    ATTENTION_SOURCE_KEY,
    ATTENTION_SOURCE_OFF_KEY,
    ATTENTION_TEXT_KEY,
    ATTENTION_TOKENS_OFF_KEY,
    ATTENTION_USUAL_KEY,
    ATTENTION_VIEW_KEY,
    STEP_KEY,
)
from pages.ui.subject import Subject

LONGEST_TEXT = 4_000  # characters; it travels in links

VIEWS = {
    "heads": N_("Heatmap"),
    "difference": N_("Difference"),
    "head_view": N_("Head view"),
    "model_view": N_("Model view"),
    "neuron_view": N_("Neuron view"),
    "flow": N_("Flow"),
}
"""Every way to look at attention: its name in links, and on screen."""

PARTS = {"decoder": N_("decoder"), "encoder": N_("encoder"), "cross": N_("cross-attention")}
"""Every part of a model that has attention: its name in links, and on screen."""


@dataclass(frozen=True)
class Looking:
    """Everything that a picture depends on. `heads_off` are head names as `decoder.0.2`; tokens are places, from 0.

    `source` is empty for a model that reads only one text.
    """

    run: str
    step: int
    text: str
    source: str
    part: str
    layer: int
    head: int
    view: str
    heads_off: tuple[str, ...] = ()
    tokens_off: tuple[int, ...] = ()
    source_tokens_off: tuple[int, ...] = ()


def looking(subject: Subject) -> Looking:
    """What is looked at now, fitted to the model: a head that is not there becomes the nearest one.

    Raises UserError for a model without attention.
    """
    assert subject.step is not None
    state, shape = st.session_state, shape_of(subject.run)
    _fit(subject.run, shape)
    return Looking(
        run=subject.run.id,
        step=subject.step,
        text=state[ATTENTION_TEXT_KEY],
        source=state[ATTENTION_SOURCE_KEY] if shape.has_source else "",
        part=state[ATTENTION_PART_KEY],
        layer=state[ATTENTION_LAYER_KEY],
        head=state[ATTENTION_HEAD_KEY],
        view=state[ATTENTION_VIEW_KEY],
        heads_off=tuple(name for name in state[ATTENTION_HEADS_OFF_KEY] if _is_there(name, shape)),
        tokens_off=state[ATTENTION_TOKENS_OFF_KEY],
        source_tokens_off=state[ATTENTION_SOURCE_OFF_KEY] if shape.has_source else (),
    )


def _fit(run: Run, shape: Shape) -> None:
    """Put into the session what is missing there, and what fits in place of what does not."""
    state = st.session_state
    # A text that nobody has touched is the one of the model that was looked at before.
    usual = first_text(run), first_source()
    before = state.get(ATTENTION_USUAL_KEY, (None, None))
    for key, now, then in zip((ATTENTION_TEXT_KEY, ATTENTION_SOURCE_KEY), usual, before, strict=True):
        if state.get(key) in (None, then):
            state[key] = now
    state[ATTENTION_USUAL_KEY] = usual
    if state.get(ATTENTION_OFF_FOR_KEY, (run.id,))[0] != run.id:
        for key in (ATTENTION_PART_KEY, ATTENTION_LAYER_KEY, ATTENTION_HEAD_KEY):
            state.pop(key, None)  # heads of two models have nothing to do with each other
    if state.get(ATTENTION_PART_KEY) not in shape.parts:
        state[ATTENTION_PART_KEY] = shape.parts[-1]
    layer, head = first_head(run, state[ATTENTION_PART_KEY])
    state.setdefault(ATTENTION_LAYER_KEY, layer)
    state.setdefault(ATTENTION_HEAD_KEY, head)
    for key, count in ((ATTENTION_LAYER_KEY, shape.layers), (ATTENTION_HEAD_KEY, shape.heads)):
        state[key] = min(max(state[key], 0), count - 1)
    if state.get(ATTENTION_VIEW_KEY) not in VIEWS:
        state[ATTENTION_VIEW_KEY] = next(iter(VIEWS))
    _forget_switches(run)


def _forget_switches(run: Run) -> None:
    """What was switched off belongs to its model, and tokens to their text: another one has all of it on."""
    state = st.session_state
    now = run.id, state[ATTENTION_TEXT_KEY], state[ATTENTION_SOURCE_KEY]
    then = state.get(ATTENTION_OFF_FOR_KEY, now)  # a link names the switches together with what they are for
    if then[0] != now[0]:
        state[ATTENTION_HEADS_OFF_KEY] = ()
    if then != now:
        state[ATTENTION_TOKENS_OFF_KEY] = state[ATTENTION_SOURCE_OFF_KEY] = ()
    state[ATTENTION_OFF_FOR_KEY] = now
    for key in (ATTENTION_HEADS_OFF_KEY, ATTENTION_TOKENS_OFF_KEY, ATTENTION_SOURCE_OFF_KEY):
        state.setdefault(key, ())


def _is_there(name: str, shape: Shape) -> bool:
    part, layer, head = name.split(".")
    return part in shape.parts and int(layer) < shape.layers and int(head) < shape.heads


def choose_head(part: str, layer: int, head: int) -> None:
    """Look at this head; for callbacks, as all that follow."""
    st.session_state[ATTENTION_PART_KEY] = part
    st.session_state[ATTENTION_LAYER_KEY] = layer
    st.session_state[ATTENTION_HEAD_KEY] = head


def choose_step(step: int) -> None:
    """Look at the model as it was at this step."""
    st.session_state[STEP_KEY] = step
    st.query_params["step"] = str(step)  # the subject bar reads it there first


def choose_text(text: str, source: str | None = None) -> None:
    """Look at this text; `source` for a model that turns one text into another."""
    st.session_state[ATTENTION_TEXT_KEY] = text[:LONGEST_TEXT]
    if source is not None:
        st.session_state[ATTENTION_SOURCE_KEY] = source[:LONGEST_TEXT]


def choose_view(view: str) -> None:
    """Look in this way."""
    st.session_state[ATTENTION_VIEW_KEY] = view


def set_off(
    heads: Collection[str] | None = None,
    tokens: Collection[int] | None = None,
    source_tokens: Collection[int] | None = None,
) -> None:
    """Switch off exactly these heads (by name, as `decoder.0.2`) and tokens (by place); None leaves them as they are."""
    for key, off in ((ATTENTION_HEADS_OFF_KEY, heads), (ATTENTION_TOKENS_OFF_KEY, tokens), (ATTENTION_SOURCE_OFF_KEY, source_tokens)):  # fmt: skip
        if off is not None:
            st.session_state[key] = tuple(sorted(set(off)))
