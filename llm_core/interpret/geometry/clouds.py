"""Vectors to be drawn together, with what is known of each: those of the vocabulary, or of tokens in texts of a grammar."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from llm_core.errors import UserError
from llm_core.interpret.attention.attention import Floats
from llm_core.interpret.components import Component, streams
from llm_core.interpret.geometry.hidden_states import HiddenStates, hidden_states
from llm_core.interpret.geometry.token_vectors import input_vectors, output_vectors
from llm_core.interpret.probes.probe_labels import EIGHTHS, Property, marked_texts
from llm_core.interpret.reading import AnyTokenizer, Reading, read
from llm_core.models.base import Model

Vectors = Literal["input", "output", "states"]
"""Vectors that tokens are read as, those that they are written by, and hidden states of texts."""
_WORDS: tuple[Property, ...] = ("part_of_speech", "entity", "number")
_TEXTS_OF_WORDS = 80
_SHOWN = 900
Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Cloud:
    """N vectors (N, width), each of a token.

    ids, text, position (N,): which token, in which text and where; of the vocabulary the text is -1 · places: of hidden
    states, where each is from · labels: by property of each what is true of it, None where nobody knows.
    """

    vectors: Floats = field(repr=False)
    ids: Numbers
    tokens: tuple[str, ...]
    text: Numbers
    position: Numbers
    places: tuple[Component, ...]
    labels: dict[str, tuple[str | None, ...]] = field(repr=False)


def vocabulary_cloud(
    model: Model, tokenizer: AnyTokenizer, which: Vectors, *, language: str = "en", grammar: str = "stories"
) -> Cloud:
    """The vectors of all tokens, of at most 900: those that texts of the grammar need come first.

    What is true of a token is what is true of every word of these texts that it ends. Raises UserError for a model
    without such vectors.
    """
    vectors = (input_vectors(model) if which == "input" else output_vectors(model)).cpu().numpy()
    world = _world(language, grammar, _TEXTS_OF_WORDS)
    seen: dict[int, dict[str, set[str]]] = {}
    for text, marks in world:
        ids, ends = tokenizer.encode(text), [end for _, end in tokenizer.spans(text)]
        for token in ids:
            seen.setdefault(token, {about: set() for about in _WORDS})
        last = dict(zip(ends, ids, strict=True))
        for about in _WORDS:
            for end, label in marks[about].items():
                if end in last:
                    seen[last[end]][about].add(label)
    special = set(tokenizer.separators)
    others = (token for token in range(len(vectors)) if token not in seen and token not in special)
    ids_shown = [*sorted(seen), *others][:_SHOWN]
    labels: dict[str, tuple[str | None, ...]] = {
        about: tuple(_only(seen[token][about]) if token in seen else None for token in ids_shown) for about in _WORDS
    }
    pieces, nowhere = tokenizer.pieces, np.full(len(ids_shown), -1)
    return Cloud(
        vectors[ids_shown], np.array(ids_shown), tuple(pieces[token] for token in ids_shown), nowhere, nowhere, (), labels
    )  # fmt: skip


def states_cloud(
    model: Model,
    tokenizer: AnyTokenizer,
    layer: int | None,
    *,
    texts: int = 12,
    language: str = "en",
    grammar: str = "stories",
    seed: int = 0,
) -> Cloud:
    """What the stream holds at tokens of some texts, 900 at most: after one layer, -1 before the first; None for fewer
    tokens at all places together. All are brought to one length. An encoder-decoder is looked at in its encoder.

    Raises UserError for a layer that is not there and for a model without layers.
    """
    states = states_of_texts(model, tokenizer, texts, language, grammar, seed)
    return cloud_of(states, layer, texts=texts, language=language, grammar=grammar, seed=seed)


def states_of_texts(
    model: Model,
    tokenizer: AnyTokenizer,
    texts: int = 12,
    language: str = "en",
    grammar: str = "stories",
    seed: int = 0,
) -> HiddenStates:
    """Of all tokens of these texts, at every place, brought to one length: every cloud of `cloud_of` is a part of it.

    Raises UserError for a model without layers.
    """
    stream = streams(model)[0] if streams(model) else None
    return hidden_states(model, readings_of(model, tokenizer, texts, language, grammar, seed), stream).of_one_length()


def cloud_of(
    states: HiddenStates,
    layer: int | None,
    *,
    texts: int = 12,
    language: str = "en",
    grammar: str = "stories",
    seed: int = 0,
) -> Cloud:
    """The same as `states_cloud` of texts that were read before, by `states_of_texts` with the same settings."""
    places = states.places
    if layer is not None and not -1 <= layer < len(places) - 1:
        raise UserError("There is no layer {layer}; the last one is {last}.", layer=layer, last=len(places) - 2)
    real = np.flatnonzero(states.spans[:, 1] > states.spans[:, 0])
    most = _SHOWN if layer is not None else _SHOWN // len(places)
    if len(real) > most:
        real = np.sort(np.random.default_rng(seed).choice(real, most, replace=False))
    chosen = states.pick(real)
    rows = range(len(places)) if layer is None else [layer + 1]
    times = len(rows)
    world = _world(language, grammar, texts, seed)
    longest = 1 + int(states.position.max())
    labels: dict[str, tuple[str | None, ...]] = {
        about: tuple(
            world[text][1][about].get(end) for text, end in zip(chosen.text.tolist(), chosen.spans[:, 1].tolist(), strict=True)
        ) * times
        for about in _WORDS
    }  # fmt: skip
    labels["position"] = tuple(str(1 + at * EIGHTHS // longest) for at in chosen.position.tolist()) * times
    labels["layer"] = tuple(str(row - 1) for row in rows for _ in range(len(real)))
    return Cloud(
        np.concatenate([chosen.states[row] for row in rows]), np.tile(chosen.ids, times), chosen.tokens * times,
        np.tile(chosen.text, times), np.tile(chosen.position, times), tuple(places[row] for row in rows for _ in real), labels,
    )  # fmt: skip


def readings_of(
    model: Model,
    tokenizer: AnyTokenizer,
    texts: int = 12,
    language: str = "en",
    grammar: str = "stories",
    seed: int = 0,
) -> tuple[Reading, ...]:
    """Texts of a grammar as a model reads them; an encoder-decoder reads them as its source."""
    crossed = len(streams(model)) > 1
    return tuple(
        read(model, tokenizer, "" if crossed else text, text if crossed else None)
        for text, _ in _world(language, grammar, texts, seed)
    )


World = Sequence[tuple[str, dict[str, dict[int, str]]]]


@lru_cache(maxsize=8)
def _world(language: str, grammar: str, texts: int, seed: int = 0) -> World:
    """Texts, and what is true of their words, by where they end."""
    found: list[tuple[str, dict[str, dict[int, str]]]] = []
    for about in _WORDS:
        for place, (text, marks) in enumerate(marked_texts(about, language, grammar, texts, seed)):
            if place == len(found):
                found.append((text, {each: {} for each in _WORDS}))
            if about != "number" or language == "en":
                found[place][1][about] = {mark.end: mark.label for mark in marks}
    return tuple(found)


def _only(labels: set[str]) -> str | None:
    return next(iter(labels)) if len(labels) == 1 else None
