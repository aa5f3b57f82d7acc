"""Attention of a small model to tokens of our choice, for views that draw whatever a token holds."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from llm_core.interpret.attention.attention import Floats, Seen, see
from llm_core.interpret.reading import Reading, Side
from tests.interpret.opened import model_of


def seen_of(tokens: Sequence[str], source: Sequence[str] = (), **options: object) -> Seen:
    """What a model with large random weights sees in these tokens; with a source an encoder-decoder reads both."""
    architecture = {"architecture": "encoder_decoder"} if source else {}
    model = model_of(**{"context": 128, **architecture, **options})
    return see(model, Reading(_side(tokens), _side(source) if source else None, 0))


def with_pattern(seen: Seen, part: str, pattern: Floats) -> Seen:
    """The same with another pattern (layers, heads, T, S) in one part."""
    return replace(seen, parts={**seen.parts, part: replace(seen.parts[part], pattern=pattern)})  # type: ignore[index, dict-item]


def looks_back(layers: int, heads: int, tokens: int, *, exact: tuple[int, int]) -> Floats:
    """All heads look evenly at all tokens so far, but one looks at nothing but the token before."""
    even = np.tril(np.ones((tokens, tokens))) / np.arange(1, tokens + 1)[:, None]
    pattern = np.broadcast_to(even, (layers, heads, tokens, tokens)).astype(np.float32)
    pattern[exact] = np.eye(tokens, k=-1)
    pattern[exact][0, 0] = 1
    return pattern


def _side(tokens: Sequence[str]) -> Side:
    spans = tuple((place, place + 1) for place in range(len(tokens)))
    return Side(tuple(place % 17 for place in range(len(tokens))), tuple(tokens), spans)
