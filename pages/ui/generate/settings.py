"""The prompt, and how probabilities become text: what all views of the Generate page share."""

import streamlit as st

from llm_core.config import DecodingConfig, parse
from llm_core.runs.run import Run
from pages.ui import forms
from pages.ui.state import PROMPT_KEY
from pages.ui.text import _
from pages.ui.writing import DEFAULT, LONGEST_PROMPT, default_prompt, is_translator

SHOWN = ("method", "temperature", "tokens", "seed")
FOLDED = ("top_k", "top_p", "min_p", "repetition_penalty", "beams", "alternatives")
COLDEST, HOTTEST = 0.1, 2.0
SHORTEST, LONGEST = 8, 512
"""What the sliders reach; a link may say less or more."""


def key_of(name: str) -> str:
    """Where the session keeps a setting."""
    return forms.form_key(DecodingConfig, name)


def within_sliders(decoding: DecodingConfig) -> DecodingConfig:
    """What is beyond the sliders taken to their ends."""
    fitting = {
        "temperature": min(max(decoding.temperature, COLDEST), HOTTEST),
        "tokens": min(max(decoding.tokens, SHORTEST), LONGEST),
    }
    return decoding.model_copy(update=fitting)


def prompt_box(run: Run) -> str:
    """The text that the model goes on from."""
    if PROMPT_KEY not in st.session_state:
        st.session_state[PROMPT_KEY] = default_prompt(run)
    if is_translator(run):
        if not st.session_state[PROMPT_KEY].strip():  # left empty for another model
            st.session_state[PROMPT_KEY] = default_prompt(run)
        return st.text_area(
            _("Sentence"), key=PROMPT_KEY, height=72, max_chars=LONGEST_PROMPT, persist_state="session",
            help=_("The model translates this. It knows the words of its stories. Ctrl+Enter, or a click elsewhere, sets it off."),
        )  # fmt: skip
    return st.text_area(
        _("Prompt"), key=PROMPT_KEY, height=72, max_chars=LONGEST_PROMPT, persist_state="session",
        placeholder=_("Empty: the model begins by itself."),
        help=_("The model goes on from here. Ctrl+Enter, or a click elsewhere, sets it off."),
    )  # fmt: skip


def controls() -> DecodingConfig:
    """How probabilities become text: four settings, the rest folded."""
    for name in SHOWN:
        st.session_state.setdefault(key_of(name), getattr(DEFAULT, name))
    st.button(
        _("Write another"),
        on_click=_another,
        width="stretch",
        type="primary",
        disabled=st.session_state[key_of("method")] != "sample",  # the others write the same with every seed
        help=_("The same settings with the next seed."),
    )
    forms.field(DEFAULT, "method")
    method = st.session_state[key_of("method")]
    st.slider(
        _("Temperature"),
        COLDEST,
        HOTTEST,
        step=0.1,
        key=key_of("temperature"),
        persist_state="session",
        disabled=method != "sample",
        help=_description("temperature"),
    )
    st.slider(
        _("Tokens"),
        SHORTEST,
        LONGEST,
        step=8,
        key=key_of("tokens"),
        persist_state="session",
        help=_description("tokens"),
    )
    forms.field(DEFAULT, "seed")
    with st.expander(_("More")):
        forms.fields(DEFAULT, FOLDED)
    return parse(DecodingConfig, forms.read(DEFAULT))


def _description(name: str) -> str:
    return _(DecodingConfig.model_fields[name].description or "")


def _another() -> None:
    st.session_state[key_of("seed")] = (st.session_state.get(key_of("seed"), DEFAULT.seed) + 1) % 2**31
