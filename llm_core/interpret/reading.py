"""A text as a model reads it: its tokens with the control tokens around them, and where each stands in the text."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import torch

from llm_core.config import TransformerConfig, network
from llm_core.data.tokenizers import Tokenizer
from llm_core.errors import UserError
from llm_core.inference.masks import tokens_of
from llm_core.models.base import Batch, Model


class AnyTokenizer(Protocol):
    """What a tokenizer has to offer here: our own does, and one that came with a checkpoint."""

    @property
    def begin(self) -> tuple[int, ...]:
        """The control tokens that stand before a text."""
        ...

    @property
    def end(self) -> tuple[int, ...]:
        """The control tokens that stand after a text."""
        ...

    @property
    def separators(self) -> frozenset[int]:
        """All control tokens that only say where a text begins or ends."""
        ...

    @property
    def pieces(self) -> list[str]:
        """Every id as text to show."""
        ...

    def encode(self, text: str) -> list[int]:
        """The ids of a text, without control tokens."""
        ...

    def decode(self, ids: Iterable[int]) -> str:
        """The text of some ids."""
        ...

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Where each token of `encode(text)` stands, in characters; the end is exclusive."""
        ...


@dataclass(frozen=True)
class Side:
    """One text in tokens. `spans` are places (start, end) in it, in characters; those of control tokens are empty."""

    ids: tuple[int, ...]
    tokens: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Reading:
    """What a model reads: a text, and where it is an encoder-decoder the source beside it, of which the text is a
    translation. `left_out` tokens of the two did not fit in the model's context."""

    text: Side
    source: Side | None
    left_out: int


def read(model: Model, tokenizer: AnyTokenizer, text: str, source: str | None = None) -> Reading:
    """Turn a text into what the model reads, as it was trained: control tokens before and after it.

    A decoder also reads no text at all: only the sign that one begins. Of what does not fit in the model's context,
    the beginning is read. An encoder-decoder reads `source` to its end sign; other models have none and ignore it. An
    encoder that fills in hidden tokens reads "[MASK]" as one.
    Raises UserError for a model without attention, and for an encoder-decoder without a source.
    """
    config = network(model.config)
    if not isinstance(config, TransformerConfig):
        raise UserError(
            "A model of the family {family} has no attention: only Transformers do. Choose a Transformer.",
            family=config.family,
        )
    if not config.layers:
        raise UserError("This model has no layers, and so no attention. Choose one that has.")
    if config.architecture != "encoder_decoder":
        side, left_out = _side(tokenizer, text, tokenizer.begin, tokenizer.end, config.context)
        return Reading(side, None, left_out)
    if not source:
        raise UserError("This model turns one text into another: give it the source text too.")
    side, left_out = _side(tokenizer, text, tokenizer.begin, (), config.context)
    read_from, source_left_out = _side(tokenizer, source, (), tokenizer.begin, config.context)
    return Reading(side, read_from, left_out + source_left_out)


def as_batch(reading: Reading) -> Batch:
    """A batch of this one reading, on the CPU."""
    source = None if reading.source is None else Batch(torch.tensor([reading.source.ids]))
    return Batch(torch.tensor([reading.text.ids]), source=source)


def _side(
    tokenizer: AnyTokenizer, text: str, before: tuple[int, ...], after: tuple[int, ...], context: int
) -> tuple[Side, int]:
    """One side, and how many tokens of the text did not fit in the context."""
    ids, spans = _tokens(tokenizer, text)
    room = max(context - len(before) - len(after), 0)
    left_out = max(len(ids) - room, 0)
    ids, spans = ids[:room], spans[:room]
    reached = spans[-1][1] if spans else 0
    everything = (*before, *ids, *after)
    pieces = tokenizer.pieces
    side = Side(
        ids=everything,
        tokens=tuple(pieces[token] for token in everything),
        spans=((0, 0),) * len(before) + tuple(spans) + ((reached, reached),) * len(after),
    )
    return side, left_out


def _tokens(tokenizer: AnyTokenizer, text: str) -> tuple[list[int], list[tuple[int, int]]]:
    if not isinstance(tokenizer, Tokenizer) or tokenizer.mask is None:
        return tokenizer.encode(text), tokenizer.spans(text)
    ids, spans = tokens_of(tokenizer, tokenizer.mask, text)
    return [tokenizer.mask if token is None else token for token in ids], spans
