"""The vectors of a model that are looked at, kept for a while; and which layer they are taken after."""

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from llm_core.config import TransformerConfig, network
from pages.ui.inside.computed import AT_ONCE, KEPT, Asked, refuse_slow
from pages.ui.inside.selection import Selection, choose_piece
from pages.ui.state import INSIDE_AT_KEY, inference, store
from pages.ui.text import _

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from llm_core.interpret.geometry.clouds import Cloud
    from llm_core.interpret.geometry.hidden_states import HiddenStates
    from llm_core.models.base import Model

TEXTS = 12
_TOKENS = 90
_KEPT_STATES = 4
"""Tens of megabytes each of a large model."""


@dataclass(frozen=True)
class Wanted:
    """Vectors of a model: those of its tokens, or hidden states after a layer, -1 before the first, None all of them."""

    run: str
    step: int
    moment: int
    which: str
    layer: int | None
    language: str


def wanted(asked: Asked, which: str, layer: int | None, language: str) -> Wanted:
    """The same whatever the text."""
    return Wanted(asked.run, asked.step, asked.moment, which, layer if which == "states" else None, language)


@lru_cache(maxsize=KEPT)
def cloud(want: Wanted) -> "Cloud":
    """The vectors with what is known of them. Raises UserError for a model that has none."""
    with inference():
        from llm_core.interpret.geometry.clouds import cloud_of, vocabulary_cloud

        model, tokenizer = store().model(store().find(want.run), want.step)
        if want.which != "states":
            return vocabulary_cloud(model, tokenizer, want.which, language=want.language)  # type: ignore[arg-type]
        states_read = _states_of_texts(want.run, want.step, want.moment, want.language)
        return cloud_of(states_read, want.layer, texts=texts_for(model), language=want.language)


@lru_cache(maxsize=_KEPT_STATES)
def _states_of_texts(run: str, step: int, moment: int, language: str) -> "HiddenStates":
    """At every place of a model, so that its texts are read once for all layers."""
    from llm_core.interpret.geometry.clouds import states_of_texts

    model, tokenizer = store().model(store().find(run), step)
    return states_of_texts(model, tokenizer, texts_for(model), language)


def texts_for(model: "Model") -> int:
    """So many texts of the grammar as a model reads in about a second. Raises UserError where one takes far longer."""
    config = network(model.config)
    assert isinstance(config, TransformerConfig)
    refuse_slow(model, 1, _TOKENS)
    each = _TOKENS * (24 * config.layers * config.width**2 + 2 * config.width * (config.vocabulary_size or 0))
    return int(min(TEXTS, max(2, AT_ONCE // max(1, each))))


def texts_of(selection: Selection) -> int:
    """The same by the selection."""
    with inference():
        return texts_for(store().model(store().find(selection.run), selection.step)[0])


@lru_cache(maxsize=KEPT)
def token_vectors(run: str, step: int, moment: int, which: str) -> "NDArray[np.float32]":
    """(V, width), of all tokens. Raises UserError for a model that has none."""
    with inference():
        from llm_core.interpret.geometry.token_vectors import input_vectors, output_vectors

        model, _tokenizer = store().model(store().find(run), step)
        found: Any = (input_vectors if which == "input" else output_vectors)(model).cpu().numpy()
        return found  # type: ignore[no-any-return]


@lru_cache(maxsize=KEPT)
def states(asked: Asked) -> "HiddenStates":
    """What the stream holds at each token of the text; of an encoder-decoder the encoder's. Raises UserError."""
    with inference():
        from llm_core.interpret.components import streams
        from llm_core.interpret.geometry.hidden_states import hidden_states
        from pages.ui.inside.computed import opened

        model, _tokenizer, reading = opened(asked)
        refuse_slow(model, 1, len(reading.text.ids))
        return hidden_states(model, [reading], streams(model)[0])


def layer_choice(selection: Selection, layers: int, *, all_of_them: bool) -> int | None:
    """After which layer: -1 is the embedding, None all of them; the page's chosen layer unless something else is chosen."""
    at = st.session_state.get(INSIDE_AT_KEY)
    now: int | None = min(selection.layer, layers - 1)
    if at == "embedding":
        now = -1
    elif at == "all" and all_of_them:
        now = None
    options: list[int | None] = [*range(-1, layers), *([None] if all_of_them else [])]
    key = f"inside_layer_of_{now}"  # another one where a click elsewhere has chosen another layer

    def follow() -> None:
        chosen = st.session_state[key]
        st.session_state[INSIDE_AT_KEY] = "all" if chosen is None else "embedding" if chosen < 0 else "layer"
        if chosen is not None and chosen >= 0:
            choose_piece(chosen)

    return st.selectbox(
        _("Hidden states after"), options, index=options.index(now), key=key, format_func=place_name, on_change=follow, width=240
    )  # fmt: skip


def place_name(layer: int | None) -> str:
    """A place of the stream in words."""
    if layer is None:
        return _("all layers together")
    return _("embedding") if layer < 0 else _("layer {layer}", layer=layer)
