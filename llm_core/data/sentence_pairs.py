"""Two pieces of text one after the other, half of the time from the same place: what next-sentence prediction reads.

A row is laid out as BERT's (Devlin et al. 2018): a sign, the first text, a sign, the second, a sign. The sign is the
end-of-text sign, which our tokenizers have for all three.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llm_core.data.batches import Epochs, Tokens
from llm_core.data.prepare import lengths
from llm_core.data.tokenizers import Tokenizer
from llm_core.errors import UserError

_ENDINGS = tuple(".!?。！？\n")
_AFTER = "\"'”’」』）)"
"""What may follow the sign that ends a sentence, and belongs to it."""

Ids = NDArray[np.int64]


@dataclass(frozen=True)
class SentencePair:
    """tokens (T,) with their signs · segments (T,): 0 up to the sign after the first text, then 1 · follows: whether the
    second text stands right behind the first."""

    tokens: Ids
    segments: Ids
    follows: bool


class Sentences:
    """The sentences of a token stream. A place at which one ends and another one of the same document begins is a seam.

    Raises UserError where no document has two sentences, or none but one document has any.
    """

    def __init__(self, tokens: Tokens, tokenizer: Tokenizer, context: int) -> None:
        self._tokens = np.asarray(tokens)
        self._room = context - 3
        each = lengths(self._tokens)
        self._ends = np.cumsum(each)  # of documents
        pieces = [data.decode("utf-8", "ignore").rstrip(" ") for data in tokenizer.token_bytes]
        closing = np.array([piece.rstrip(_AFTER).endswith(_ENDINGS) for piece in pieces])
        quoting = np.array([bool(piece) and not piece.strip(_AFTER) for piece in pieces])
        stops = closing[self._tokens]
        quotes = quoting[self._tokens]
        # A quotation mark after the end belongs to the sentence that it closes.
        ended = stops | (quotes & np.concatenate(([False], stops[:-1])))
        seams = np.flatnonzero(ended[:-1] & ~quotes[1:]) + 1
        document = np.searchsorted(self._ends, seams, side="right")
        inside = (self._tokens[seams] != tokenizer.end_of_text) & (seams > self._ends[document] - each[document] + 1)
        self.seams: Ids = seams[inside]
        """(N,) where the second of two neighbouring sentences begins."""
        self._document: Ids = document[inside]
        self._starts = self._ends - each
        if len(np.unique(self._document)) < 2:
            raise UserError(
                "This text has too few documents of two sentences or more to ask which sentence follows which."
            )

    def pair(self, number: int, random: np.random.Generator) -> SentencePair:
        """The two texts at a seam; half of the time the second comes from another document."""
        seam = int(self.seams[number])
        document = int(self._document[number])
        follows = bool(random.random() < 0.5)
        at, other = seam, document
        while not follows and other == document:
            drawn = int(random.integers(len(self.seams)))
            at, other = int(self.seams[drawn]), int(self._document[drawn])
        first = self._tokens[self._starts[document] + 1 : seam]
        second = self._tokens[at : self._ends[other]]
        # Half of the room for each, and what one leaves for the other; what is nearest to the seam stays.
        half = self._room // 2
        kept = max(half, self._room - len(second))
        first = first[max(0, len(first) - kept) :]
        second = second[: self._room - len(first)]
        sign = [Tokenizer.end_of_text]
        tokens = np.concatenate((sign, first, sign, second, sign)).astype(np.int64)
        segments = (np.arange(len(tokens)) > len(first) + 1).astype(np.int64)
        return SentencePair(tokens, segments, follows)


class SentencePairs(Epochs):
    """Pairs without end: each epoch goes through all seams in random order. Order, partners and all follow from the seed,
    the epoch and the position."""

    def __init__(self, sentences: Sentences, batch_size: int, seed: int) -> None:
        self._sentences = sentences
        self._batch_size, self._seed = min(batch_size, len(sentences.seams)), seed
        self._begin(epoch=0, position=0)

    def next(self) -> list[SentencePair]:
        """The next batch."""
        if self._position == self._length:
            self._begin(self._epoch + 1, position=0)
        random = np.random.default_rng([self._seed, self._epoch, self._position])
        chosen = self._order[self._position * self._batch_size :][: self._batch_size]
        self._position += 1
        return [self._sentences.pair(number, random) for number in chosen.tolist()]

    @property
    def _length(self) -> int:
        return len(self._sentences.seams) // self._batch_size

    def _begin(self, epoch: int, position: int) -> None:
        self._order = np.random.default_rng([self._seed, epoch]).permutation(len(self._sentences.seams))
        self._epoch, self._position = epoch, position
