"""The difference of two heads, two steps or two texts: what is seen in the first and not in the second, and the reverse."""

from dataclasses import replace
from typing import Any

import streamlit as st

from llm_core.errors import N_
from pages.ui.attention.first_text import second_text
from pages.ui.attention.looking import LONGEST_TEXT, Looking
from pages.ui.attention.picture import draw, preamble, seen_code
from pages.ui.attention.shape import Shape, shape_of
from pages.ui.state import (
    ATTENTION_AGAINST_KEY,
    ATTENTION_OTHER_HEAD_KEY,
    ATTENTION_OTHER_STEP_KEY,
    ATTENTION_OTHER_TEXT_KEY,
)
from pages.ui.subject import Subject
from pages.ui.text import _

AGAINST = {"head": N_("Two heads"), "step": N_("Two steps"), "text": N_("Two texts")}


def show(looking: Looking, subject: Subject) -> None:
    """Choose what is subtracted, and draw what is left."""
    shape, steps = shape_of(subject.run), subject.run.steps()
    offered = [name for name in AGAINST if not (name == "head" and shape.layers * shape.heads == 1)]
    offered = [name for name in offered if not (name == "step" and len(steps) == 1)]
    if st.session_state.get(ATTENTION_AGAINST_KEY) not in offered:
        st.session_state[ATTENTION_AGAINST_KEY] = offered[0]
    against = st.session_state[ATTENTION_AGAINST_KEY]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.segmented_control(
            _("Difference of"), offered, key=ATTENTION_AGAINST_KEY, required=True, persist_state="session",
            format_func=lambda name: _(AGAINST[name]),
        )  # fmt: skip
        if against == "head":
            other = _other_head(looking, shape)
        elif against == "step":
            other = _other_step(looking, steps)
        else:
            other = _other_text(looking, subject)
    placed = {"against": against, "part": other.part, "layer": other.layer, "head": other.head, "step": other.step, "text": other.text, "source": other.source}  # fmt: skip
    draw(looking, subject, other=placed, code=as_python(looking, other))


def _other_head(looking: Looking, shape: Shape) -> Looking:
    names = [f"{looking.part}.{layer}.{head}" for layer in range(shape.layers) for head in range(shape.heads)]
    if st.session_state.get(ATTENTION_OTHER_HEAD_KEY) not in names:
        here = names.index(f"{looking.part}.{looking.layer}.{looking.head}")
        st.session_state[ATTENTION_OTHER_HEAD_KEY] = names[(here + 1) % len(names)]
    chosen = st.selectbox(
        _("Head that is subtracted"), names, key=ATTENTION_OTHER_HEAD_KEY, persist_state="session",
        format_func=lambda name: _head_name(name),
    )  # fmt: skip
    part, layer, head = str(chosen).split(".")
    return replace(looking, part=part, layer=int(layer), head=int(head))


def _head_name(name: str) -> str:
    _part, layer, head = name.split(".")
    return _("Layer {layer}, head {head}", layer=layer, head=head)


def _other_step(looking: Looking, steps: list[int]) -> Looking:
    wanted = st.session_state.get(ATTENTION_OTHER_STEP_KEY, steps[0])
    if wanted not in steps:
        wanted = min(steps, key=lambda step: abs(step - wanted))
    st.session_state[ATTENTION_OTHER_STEP_KEY] = wanted
    step = st.select_slider(_("Step that is subtracted"), steps, key=ATTENTION_OTHER_STEP_KEY, persist_state="session")
    return replace(looking, step=int(step))


def _other_text(looking: Looking, subject: Subject) -> Looking:
    if st.session_state.get(ATTENTION_OTHER_TEXT_KEY) is None:
        st.session_state[ATTENTION_OTHER_TEXT_KEY] = second_text(subject.run)
    text = st.text_area(
        _("Text that is subtracted"), key=ATTENTION_OTHER_TEXT_KEY, height=72, max_chars=LONGEST_TEXT, persist_state="session",
        help=_("Position is compared with position: change a word and leave the number of tokens as it is."),
    )  # fmt: skip
    return replace(looking, text=text, tokens_off=(), source_tokens_off=())


def as_python(looking: Looking, other: Looking) -> str:
    """What is left, for a notebook or a script."""
    models: dict[str, Any] = {"first": looking, "second": other}
    loaded = "" if other.step == looking.step else f"\nother_model, _ = store.model(store.find({other.run!r}), step={other.step})"  # fmt: skip
    lines = [
        f"{name} = {seen_code(each, 'other_model' if loaded and name == 'second' else 'model')}.parts[{each.part!r}].pattern[{each.layer}, {each.head}]"
        for name, each in models.items()
    ]
    return f"""\
{preamble(looking)}{loaded}
{chr(10).join(lines)}
rows, columns = min(len(first), len(second)), min(first.shape[1], second.shape[1])
print(first[:rows, :columns] - second[:rows, :columns])
"""
