"""Which documents are held out: whole ones, chosen by their content, so that no text stands on both sides.

Knows no file and no token. One document alone is cut near a line end and its tail held out.
"""

from array import array
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llm_core.errors import UserError

TRAINING, HELD_OUT, LEFT_OUT = 0, 1, 2
_MOST_WEIGHED = 1_000_000
_HASHES = 2**64


@dataclass(frozen=True)
class Split:
    """sides: TRAINING, HELD_OUT or LEFT_OUT for each document in order · cut: where the only document is cut, else None."""

    sides: bytearray
    cut: int | None
    characters: int
    """Characters on the training side."""


class Splitter:
    """Takes in every document's hash and length, then decides."""

    def __init__(self, share: float) -> None:
        self._share = share
        self._hashes = array("Q")
        self._lengths = array("Q")
        self._chosen: bytearray | None = None
        self._training = 0

    def add(self, content_hash: int, characters: int) -> None:
        """The next document, by a 64-bit hash of its text."""
        if self._chosen is None and len(self._hashes) == _MOST_WEIGHED:
            # Among so many the share comes out by itself, and a table of them would take memory without bound.
            self._chosen = bytearray()
            for known, length in zip(self._hashes, self._lengths, strict=True):
                self._choose(known, length)
            self._hashes, self._lengths = array("Q"), array("Q")
        if self._chosen is None:
            self._hashes.append(content_hash)
            self._lengths.append(characters)
        else:
            self._choose(content_hash, characters)

    def finish(self) -> Split:
        """Decide. Raises UserError when there is too little or too uniform text to hold any out."""
        if self._chosen is not None:
            if HELD_OUT not in self._chosen or TRAINING not in self._chosen:
                raise UserError("The documents of this text are so alike that none can be held out.")
            return Split(self._chosen, None, self._training)
        hashes = np.frombuffer(self._hashes, dtype=np.uint64)
        lengths = np.frombuffer(self._lengths, dtype=np.uint64).astype(np.int64)
        distinct, group = np.unique(hashes, return_inverse=True)
        if len(distinct) == 1:
            return self._tail(len(hashes), int(lengths[0]))
        sizes = np.bincount(group, weights=lengths).astype(np.int64)
        held_out = _nearest(sizes, self._share)
        sides = held_out[group].astype(np.uint8)
        return Split(bytearray(sides.tobytes()), None, int(sizes[~held_out].sum()))

    def _choose(self, content_hash: int, characters: int) -> None:
        assert self._chosen is not None
        side = HELD_OUT if content_hash < self._share * _HASHES else TRAINING
        self._chosen.append(side)
        self._training += characters if side == TRAINING else 0

    def _tail(self, documents: int, characters: int) -> Split:
        if characters < 2:
            raise UserError("The text has {have} character; it needs at least {need}, some to train on and some to hold out.", have=characters, need=2)  # fmt: skip
        cut = min(characters - 1, max(1, round(characters * (1 - self._share))))
        # Copies of the one document would put the held-out tail into the training text.
        return Split(bytearray([TRAINING]) + bytearray([LEFT_OUT]) * (documents - 1), cut, cut)


def _nearest(sizes: NDArray[np.int64], share: float) -> NDArray[np.bool_]:
    """Groups to hold out, in order of their hash, passing over those too large, until the sum is close to the share.

    At least one, and never all.
    """
    held_out = np.zeros(len(sizes), dtype=np.bool_)
    wanted = share * float(sizes.sum())
    taken = 0.0
    for place, size in enumerate(sizes.tolist()):
        if taken > 0.95 * wanted:
            break
        if abs(taken + size - wanted) < abs(taken - wanted):
            held_out[place] = True
            taken += size
    if not held_out.any():
        held_out[int(np.abs(sizes - wanted).argmin())] = True
    if held_out.all():
        held_out[int(sizes.argmax())] = False
    return held_out


def cut_near_line_end(text: str, at: int, tolerance: int) -> int:
    """A place near `at`, 0 < at < len(text), at which to cut: after a line end, else before a space, else `at` itself."""
    low, high = max(1, at - tolerance), min(len(text) - 1, at + tolerance)
    for place in (text.find("\n", at, high) + 1, text.rfind("\n", low - 1, at) + 1, text.find(" ", at, high)):
        if low <= place <= high:
            return place
    return at
