"""How texts become rows of tokens for an encoder: its control tokens, and what is read of a long text."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from llm_core.data.long_texts import LongTexts, parts
from llm_core.data.tokenizers import Tokenizer
from llm_core.inference.classifiers.base import Tokens
from llm_core.models.base import Batch

Row = NDArray[np.int64]

BATCH_TOKENS = 4096
"""So many positions, padding included, go through an encoder at once: memory stays small whatever the texts."""
_ALIKE = 8
"""Rows are filled up to a multiple of so many positions: the matrix kernels are prepared for each shape anew."""


class TextRows:
    """The rows (T,) of token ids that stand for a text, each within the context; more than one only with windows.

    Every row has the control tokens that the encoder expects before and after a text. Where there are several rows,
    each fills the context.
    """

    def __init__(self, tokenizer: Tokenizer, context: int, long_texts: LongTexts) -> None:
        self.tokenizer = tokenizer
        self.context = context
        self.long_texts: LongTexts = long_texts
        # An encoder whose tokenizer puts nothing around a text still needs one token for an empty one.
        self.begin = tokenizer.begin or (tokenizer.end_of_text,)
        self.end = tokenizer.end
        self.room = max(1, context - len(self.begin) - len(self.end))

    def of(self, text: str) -> list[Row]:
        """The rows of a text: at least one, with at least one token each."""
        ids = self.tokenizer.encode_array(text).astype(np.int64)
        return [self._framed(ids[places]) for places in parts(len(ids), self.room, self.long_texts)]

    def tokens(self, text: str) -> Tokens:
        """All rows one after another, with what a person sees; control tokens stand for no character."""
        ids = self.tokenizer.encode_array(text).astype(np.int64)
        spans = self.tokenizer.spans(text)
        pieces = self.tokenizer.pieces
        row_ids: list[Row] = []
        row_spans: list[tuple[int, int]] = []
        for places in parts(len(ids), self.room, self.long_texts):
            row_ids.append(self._framed(ids[places]))
            chosen = [spans[place] for place in places]
            before, after = (chosen[0][0], chosen[-1][1]) if chosen else (0, 0)
            row_spans += [*[(before, before)] * len(self.begin), *chosen, *[(after, after)] * len(self.end)]
        joined = np.concatenate(row_ids)
        return Tokens(joined, tuple([pieces[token] for token in joined]), tuple(row_spans))

    def length(self, text: str) -> int:
        """How many tokens a text has, control tokens aside: beyond `room` it is long."""
        return len(self.tokenizer.encode_array(text))

    def _framed(self, ids: Row) -> Row:
        return np.concatenate([np.array(self.begin, np.int64), ids, np.array(self.end, np.int64)])


def batches(rows: Sequence[Row], most_tokens: int = BATCH_TOKENS) -> Iterator[list[int]]:
    """Places of rows of like length, as many together as `most_tokens` positions hold; every row once."""
    order = sorted(range(len(rows)), key=lambda place: len(rows[place]))
    chosen: list[int] = []
    for place in order:
        if chosen and (len(chosen) + 1) * filled_up(len(rows[place])) > most_tokens:
            yield chosen
            chosen = []
        chosen.append(place)
    if chosen:
        yield chosen


def filled_up(length: int) -> int:
    """The length to which a batch whose longest row has so many tokens is padded."""
    return -(-length // _ALIKE) * _ALIKE


def as_batch(rows: Sequence[Row], context: int) -> Batch:
    """A padded batch of rows, none longer than the context."""
    lengths = torch.tensor([len(row) for row in rows])
    width = min(context, filled_up(int(lengths.max())))
    tokens: Tensor = torch.zeros(len(rows), width, dtype=torch.int64)
    for place, row in enumerate(rows):
        tokens[place, : len(row)] = torch.from_numpy(row)
    return Batch(tokens, None if bool((lengths == width).all()) else lengths)
