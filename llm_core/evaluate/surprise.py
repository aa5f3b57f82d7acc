"""How surprised a model is at each token of a text, beside how surprised one must be. Never trains.

The perfect predictor knows characters, not tokens: its surprise at a token is that at the token's characters after all
characters before. Tokens that are parts of a character (bytes) are taken together until the character is whole. Where a
text leaves the grammar the perfect predictor is infinitely surprised, and after that there is nothing to compare with.
"""

import codecs
import math
from collections.abc import Sequence
from dataclasses import dataclass

from llm_core.data.grammar.grammar import Grammar
from llm_core.data.grammar.predictor import Predictor
from llm_core.data.tokenizers import Tokenizer
from llm_core.evaluate.rows import token_nats
from llm_core.models.base import Model


@dataclass(frozen=True, slots=True)
class Surprise:
    """One token, or the tokens of one character: characters `start` to `end` of the text; the end of text has none.

    model, perfect: -log p in nats. `perfect` is infinite where the text leaves the grammar and None after that.
    """

    start: int
    end: int
    text: str
    model: float
    perfect: float | None


def surprises(
    model: Model,
    tokenizer: Tokenizer,
    grammar: Grammar,
    language: str,
    text: str,
    *,
    ids: Sequence[int] | None = None,
    ended: bool = False,
) -> list[Surprise]:
    """The surprise at each token of a text that begins a story.

    ids: the tokens in which the text was written, where a model wrote it in others than the tokenizer would.
    ended: whether the text ends there; then the end-of-text sign is the last entry.
    """
    tokens = list(tokenizer.encode(text) if ids is None else ids)
    nats = token_nats(model, [tokenizer.end_of_text, *tokens, *[tokenizer.end_of_text] * ended]).tolist()
    predictor = _Perfect(Predictor(grammar, language))
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    found: list[Surprise] = []
    position, held = 0, 0.0
    for place, (token, lost) in enumerate(zip(tokens, nats, strict=False)):
        held += lost
        piece = decoder.decode(tokenizer.token_bytes[token], final=place == len(tokens) - 1)
        if not piece:
            continue  # a part of a character
        found.append(Surprise(position, position + len(piece), piece, held, predictor.push(piece)))
        position, held = position + len(piece), 0.0
    if ended:
        found.append(Surprise(position, position, "", nats[-1], predictor.end()))
    return found


def expected(grammar: Grammar, language: str, prefix: str, count: int = 10) -> list[tuple[str, float]] | None:
    """What the perfect predictor expects after a prefix, the likeliest first; "" is the end.

    None where the prefix has left the grammar.
    """
    predictor = Predictor(grammar, language)
    if prefix and math.isinf(predictor.push(prefix)):
        return None
    pieces = sorted(predictor.continuations().items(), key=lambda piece: -piece[1])
    return pieces[:count]


class _Perfect:
    """A predictor that falls silent once a text has left the grammar."""

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor
        self._left = False

    def push(self, piece: str) -> float | None:
        return self._said(None if self._left else self._predictor.push(piece))

    def end(self) -> float | None:
        return self._said(None if self._left else self._predictor.end())

    def _said(self, log_probability: float | None) -> float | None:
        if log_probability is None:
            return None
        self._left = math.isinf(log_probability)
        return max(0.0, -log_probability)
