"""Rows of texts of which something is asked: what a model reads, and the right answer as numbers beside it."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from llm_core.data.annotated import Asked as AskedKind
from llm_core.data.batches import ALIKE, Shuffled, Tokens, in_order
from llm_core.data.prepare import lengths
from llm_core.data.targets import FIRST_TAG, TURNS, row_lengths
from llm_core.data.tokenizers import Tokenizer


class Asked(NamedTuple):
    """Texts of which something is asked, filled up with end-of-text signs. All int64.

    inputs (B, T): the sign and the text, before it the sign and the question where there is one · lengths (B,): how many
    positions of each row are real · segments (B, T): 0 for a question and the sign after it, 1 for the text; 0 for all
    where there is no question · targets: (B,) the class; (B, T) the tag of each position, -1 where none is asked for;
    (B, 2) the positions of the first and the last token of the answer.
    """

    inputs: Tensor
    lengths: Tensor
    segments: Tensor
    targets: Tensor


class AskedRows(Shuffled):
    """Texts of which something is asked without end, in the order of `Shuffled`."""

    def __init__(self, tokens: Tokens, asked: AskedKind, batch_size: int, seed: int) -> None:
        self._texts = _AskedTexts(tokens, asked)
        super().__init__(self._texts.lengths, batch_size, seed)

    def next(self) -> Asked:
        """The next rows."""
        return self._texts.rows(self._chosen())


class _AskedTexts:
    """The documents of a stream in which texts and their targets take turns, as `llm_core.data.targets` writes them.
    `lengths` (documents,): positions of each row."""

    def __init__(self, tokens: Tokens, asked: AskedKind) -> None:
        self._tokens, self._asked = np.asarray(tokens), asked
        each = lengths(self._tokens).reshape(-1, TURNS[asked])
        starts = np.cumsum(each.ravel()).reshape(each.shape) - each
        self.lengths = row_lengths(self._tokens, asked)
        self._starts, self._targets = starts[:, 0], starts[:, -1]
        self._questions = each[:, 0] if asked == "questions" else np.zeros(len(each), dtype=np.int64)

    def rows(self, chosen: NDArray[np.int64]) -> Asked:
        """These documents: a question and its text stand one after the other in the stream, as in the row."""
        real, question = self.lengths[chosen], self._questions[chosen]
        length = min(-(-int(real.max()) // ALIKE) * ALIKE, int(self.lengths.max()))
        inside = np.arange(length) < real[:, None]
        inputs = np.where(inside, self._from(self._starts[chosen], length), Tokenizer.end_of_text)
        segments = (np.arange(length) > question[:, None]) & (question > 0)[:, None]
        targets = self._of(self._targets[chosen], question, inside)
        return Asked(*(torch.from_numpy(part.astype(np.int64)) for part in (inputs, real, segments, targets)))

    def _of(
        self, starts: NDArray[np.int64], question: NDArray[np.int64], inside: NDArray[np.bool_]
    ) -> NDArray[np.int64]:
        """The targets that stand from these places on."""
        if self._asked == "labelled":
            return self._from(starts, 2)[:, 1] - 1
        if self._asked == "tagged":
            tags = self._from(starts, inside.shape[1]) - FIRST_TAG
            return np.where(inside, tags, -1).clip(-1)
        # Counted from 1 in the text, which begins after the question and a sign that is place 0.
        return self._from(starts, 3)[:, 1:] + question[:, None]

    def _from(self, starts: NDArray[np.int64], length: int) -> NDArray[np.int64]:
        """(B, length) what stands in the stream from these places on; beyond its end, its last number."""
        places = np.minimum(starts[:, None] + np.arange(length), len(self._tokens) - 1)
        found: NDArray[np.int64] = self._tokens[places].astype(np.int64)
        return found


def held_out_asked(tokens: Tokens, asked: AskedKind, batch_size: int, limit: int | None) -> Iterator[Asked]:
    """Every text of which something is asked once, as `held_out_rows` has documents; `limit` counts positions read."""
    texts = _AskedTexts(tokens, asked)
    for chosen in in_order(texts.lengths, texts.lengths, batch_size, limit):
        yield texts.rows(chosen)
