"""Rows of tokens for training and for looking at held-out text: windows of a stream, whole documents, or pairs.

With `llm_core.data.asked_batches` the one place in this room that knows torch.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from llm_core.data.prepare import lengths, require_window
from llm_core.data.tokenizers import Tokenizer

Tokens = NDArray[Any]
"""(N,) unsigned token ids, usually mapped from disk."""

Whole = tuple[Tensor, Tensor, Tensor]
"""Whole documents as inputs and targets, each (B, T) int64, and lengths (B,): how many positions of each row are real.

A row begins with the end-of-text sign before the document, and its last target is the one after it.
"""


class Paired(NamedTuple):
    """Sentences and their translations, each side filled up with end-of-text signs.

    sources (B, S): the tokens of each sentence and the sign that ends it · inputs, targets (B, T): a translation as in
    `Whole`: it begins with the sign, and its last target is the sign · source_lengths, lengths (B,): how many positions
    of each row are real. All int64.
    """

    sources: Tensor
    source_lengths: Tensor
    inputs: Tensor
    targets: Tensor
    lengths: Tensor


_POOL = 16
ALIKE = 16
"""Rows are filled up to a multiple of so many positions, the longest document at most: the matrix kernels of a processor
are prepared for each shape anew, which with a length of its own in every batch takes a third of a small model's time."""


class Epochs(ABC):
    """Going through a text again and again, each time in another order that the seed and the epoch alone decide: two
    numbers say where a run stands."""

    _epoch: int
    _position: int

    @property
    def epoch(self) -> float:
        """How many times the text was gone through."""
        return self._epoch + self._position / self._length

    def state(self) -> dict[str, int]:
        """Where it stands; `restore` goes on from there exactly."""
        return {"epoch": self._epoch, "position": self._position}

    def restore(self, state: Mapping[str, int]) -> None:
        """Go on from a state of the same text and settings. Raises ValueError when it cannot be one."""
        epoch, position = state["epoch"], state["position"]
        if epoch < 0:
            raise ValueError(f"epoch {epoch} is negative")
        self._begin(epoch, position)
        if not 0 <= position <= self._length:
            raise ValueError(f"position {position} is beyond the {self._length} places of an epoch")

    @property
    @abstractmethod
    def _length(self) -> int:
        """How many places this epoch has."""

    @abstractmethod
    def _begin(self, epoch: int, position: int) -> None:
        """Lay out an epoch and stand at a place of it."""


class Batches(Epochs):
    """Training windows without end: each epoch starts at another offset and goes through all windows in random order.

    Windows follow each other without overlap, so that in an epoch each token is predicted once (a rest shorter than a
    window aside). Order and offset depend on the seed and the epoch alone: two numbers say where a run stands.
    """

    def __init__(self, tokens: Tokens, context: int, batch_size: int, seed: int) -> None:
        require_window(len(tokens), context)
        self._tokens = np.asarray(tokens)
        self._context, self._batch_size, self._seed = context, batch_size, seed
        self._reach = np.arange(context + 1)
        self._begin(epoch=0, position=0)

    def next(self) -> tuple[Tensor, Tensor]:
        """The next inputs and targets, each (B, T) int64; a batch may run over into the next epoch."""
        starts: list[NDArray[np.int64]] = []
        missing = self._batch_size
        while missing:
            if self._position == len(self._starts):
                self._begin(self._epoch + 1, position=0)
            part = self._starts[self._position : self._position + missing]
            self._position += len(part)
            missing -= len(part)
            starts.append(part)
        chosen = np.concatenate(starts) if len(starts) > 1 else starts[0]
        return _pair(self._tokens[chosen[:, None] + self._reach])  # (B, T + 1)

    @property
    def _length(self) -> int:
        return len(self._starts)

    def _begin(self, epoch: int, position: int) -> None:
        random = np.random.default_rng([self._seed, epoch])
        last = len(self._tokens) - self._context - 1  # where the last possible window starts
        offset = int(random.integers(0, min(self._context - 1, last) + 1))
        count = (len(self._tokens) - 1 - offset) // self._context
        self._starts: NDArray[np.int64] = offset + self._context * random.permutation(count)
        self._epoch, self._position = epoch, position


class Shuffled(Epochs):
    """Documents without end, in random order: every one once an epoch, but for a rest smaller than a batch.

    Documents of like length come together, so that little is padding: out of every sixteen batches' worth of the random
    order, those of like length make a batch, and the batches come in random order again. All of it depends on the seed
    and the epoch alone: two numbers say where a run stands.
    """

    def __init__(self, lengths: NDArray[np.int64], batch_size: int, seed: int) -> None:
        self._lengths = lengths
        self._batch_size, self._seed = min(batch_size, len(lengths)), seed
        self._begin(epoch=0, position=0)

    def _chosen(self) -> NDArray[np.int64]:
        """The next batch: as many documents as there are where it would hold more."""
        if self._position == len(self._batches):
            self._begin(self._epoch + 1, position=0)
        self._position += 1
        chosen: NDArray[np.int64] = self._batches[self._position - 1]
        return chosen

    @property
    def _length(self) -> int:
        return len(self._batches)

    def _begin(self, epoch: int, position: int) -> None:
        random = np.random.default_rng([self._seed, epoch])
        order = random.permutation(len(self._lengths))
        pool = np.arange(len(order)) // (_POOL * self._batch_size)
        order = order[np.lexsort((self._lengths[order], pool))]
        whole = len(order) // self._batch_size
        # The rest is taken out by chance, or the longest documents were always missing.
        left_out = random.choice(len(order), len(order) - whole * self._batch_size, replace=False)
        batches = np.delete(order, left_out).reshape(whole, self._batch_size)
        self._batches: NDArray[np.int64] = batches[random.permutation(whole)]
        self._epoch, self._position = epoch, position


class Rows(Shuffled):
    """Whole documents without end, in the order of `Shuffled`."""

    def __init__(self, tokens: Tokens, batch_size: int, seed: int) -> None:
        self._documents = _Documents(tokens)
        super().__init__(self._documents.lengths, batch_size, seed)

    def next(self) -> Whole:
        """The next rows."""
        return self._documents.rows(self._chosen())


class Pairs(Shuffled):
    """Sentences with their translations without end, in the order of `Shuffled`, by the length of both together."""

    def __init__(self, tokens: Tokens, batch_size: int, seed: int) -> None:
        self._pairs = _Pairs(tokens)
        super().__init__(self._pairs.lengths, batch_size, seed)

    def next(self) -> Paired:
        """The next rows."""
        return self._pairs.rows(self._chosen())


class _Documents:
    """The documents of a token stream. `lengths` (documents,): positions of each row, one more than its own tokens."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = np.asarray(tokens)
        self.lengths = lengths(self._tokens)
        self._starts = np.cumsum(self.lengths) - self.lengths
        self.count = len(self.lengths)

    def rows(self, chosen: NDArray[np.int64]) -> Whole:
        """These documents, filled up with end-of-text signs to a common length."""
        real = self.lengths[chosen]
        length = min(-(-int(real.max()) // ALIKE) * ALIKE, int(self.lengths.max()))
        reach = np.arange(length + 1)
        places = np.minimum(self._starts[chosen][:, None] + reach, len(self._tokens) - 1)
        block = np.where(reach < real[:, None], self._tokens[places], Tokenizer.end_of_text)  # (B, T + 1)
        return *_pair(block), torch.from_numpy(real)


class _Pairs:
    """The pairs of a token stream in which sentences and translations take turns. `lengths` (pairs,): positions of both
    together; `targets` (pairs,): those of the translation alone."""

    def __init__(self, tokens: Tokens) -> None:
        self._texts = _Documents(tokens)
        self.targets = self._texts.lengths[1::2]
        self.lengths = self._texts.lengths[0::2] + self.targets
        self.count = len(self.lengths)

    def rows(self, chosen: NDArray[np.int64]) -> Paired:
        """These pairs. What a sentence's tokens are to predict is what is read of it: the tokens and the sign after them."""
        _, sources, source_lengths = self._texts.rows(2 * chosen)
        return Paired(sources, source_lengths, *self._texts.rows(2 * chosen + 1))


def windows(tokens: Tokens, context: int, batch_size: int, limit: int | None) -> Iterator[tuple[Tensor, Tensor]]:
    """Inputs and targets, each (B, T) int64, that predict every token but the first once, in order.

    Windows do not overlap; what remains at the end is a batch of one shorter window. With `limit`, about as many
    targets as that, at least one window, from windows spread evenly over the text: always the same ones.
    """
    tokens = np.asarray(tokens)
    whole, rest = divmod(len(tokens) - 1, context)
    chosen = np.arange(whole)
    if limit is not None and limit < len(tokens) - 1 and whole:
        rest = 0
        wanted = min(whole, max(1, limit // context))
        chosen = np.arange(wanted) * whole // wanted
    reach = np.arange(context + 1)
    for first in range(0, len(chosen), batch_size):
        starts = chosen[first : first + batch_size] * context
        yield _pair(tokens[starts[:, None] + reach])
    if rest:
        yield _pair(tokens[None, whole * context :])


def held_out_rows(tokens: Tokens, batch_size: int, limit: int | None) -> Iterator[Whole]:
    """Every document once, the shortest first, so that hardly anything is padding.

    With `limit`, at most as many targets as that, at least one document, spread evenly over the text: always the same.
    """
    documents = _Documents(tokens)
    for chosen in in_order(documents.lengths, documents.lengths, batch_size, limit):
        yield documents.rows(chosen)


def held_out_pairs(tokens: Tokens, batch_size: int, limit: int | None) -> Iterator[Paired]:
    """Every pair once, as `held_out_rows` has documents; `limit` counts the targets, which are the translations'."""
    pairs = _Pairs(tokens)
    for chosen in in_order(pairs.lengths, pairs.targets, batch_size, limit):
        yield pairs.rows(chosen)


def in_order(
    lengths: NDArray[np.int64], targets: NDArray[np.int64], batch_size: int, limit: int | None
) -> Iterator[NDArray[np.int64]]:
    """Which documents come together: the shortest first, of at most `limit` targets."""
    chosen = np.arange(len(lengths))
    total = int(targets.sum())
    if limit is not None and limit < total:
        wanted = max(1, len(lengths) * limit // total)
        chosen = np.arange(wanted) * len(lengths) // wanted
        within = np.cumsum(targets[chosen]) <= limit
        chosen = chosen[: max(1, int(within.sum()))]
    chosen = chosen[np.argsort(lengths[chosen], kind="stable")]
    for first in range(0, len(chosen), batch_size):
        yield chosen[first : first + batch_size]


def _pair(block: Tokens) -> tuple[Tensor, Tensor]:
    """(B, T + 1) ids become inputs and targets."""
    block = block.astype(np.int64)
    return torch.from_numpy(block[:, :-1].copy()), torch.from_numpy(block[:, 1:].copy())
