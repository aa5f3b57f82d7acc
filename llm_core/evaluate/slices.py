"""Accuracy on parts of the texts: by length, by a word, by a column of the table. Few texts make a wide interval."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llm_core.evaluate.bootstrap import Interval
from llm_core.evaluate.classification import Labels

Z = 1.959963984540054
"""Of a normal distribution, 95 % lies within so many standard deviations."""


@dataclass(frozen=True)
class Slice:
    """A part of the texts: their positions, and how many are right. `name`: a value of the column; empty for others."""

    name: str
    positions: Labels
    right: int

    @property
    def accuracy(self) -> float:
        """A fraction; 0 where there is no text."""
        return self.right / len(self.positions) if len(self.positions) else 0.0

    @property
    def interval(self) -> Interval:
        """Of the accuracy, 95 %."""
        return wilson(self.right, len(self.positions))


@dataclass(frozen=True)
class LengthSlice(Slice):
    """Texts of `shortest` to `longest` characters."""

    shortest: int
    longest: int


def wilson(right: int, count: int) -> Interval:
    """The interval of a share (Wilson 1927): within 0 and 1, and never without width; all of 0 to 1 for no text."""
    if not count:
        return Interval(0.0, 1.0)
    share, shrunk = right / count, 1 + Z**2 / count
    centre = (share + Z**2 / (2 * count)) / shrunk
    reach = Z / shrunk * math.sqrt(share * (1 - share) / count + Z**2 / (4 * count**2))
    # At the ends the formula gives 0 and 1 themselves, up to rounding.
    return Interval(0.0 if right == 0 else centre - reach, 1.0 if right == count else centre + reach)


def by_length(texts: Sequence[str], right: NDArray[np.bool_], parts: int = 4) -> tuple[LengthSlice, ...]:
    """About equally many texts in each part, the shortest first; texts of one length are never parted."""
    lengths = np.array([len(text) for text in texts])
    bounds = np.unique(np.quantile(lengths, np.arange(1, parts + 1) / parts, method="inverted_cdf"))
    places = np.searchsorted(bounds, lengths, side="left")
    slices = []
    for part in range(len(bounds)):
        positions = np.flatnonzero(places == part).astype(np.int64)
        inside = lengths[positions]
        slices.append(LengthSlice("", positions, int(right[positions].sum()), int(inside.min()), int(inside.max())))
    return tuple(slices)


def by_word(texts: Sequence[str], right: NDArray[np.bool_], word: str) -> tuple[Slice, Slice]:
    """The texts that hold the word, written large or small, and those that do not.

    A word of letters that are written with spaces between words has to stand by itself; one of Chinese characters, or
    with signs at its ends, may stand anywhere.
    """
    holds = holding(word)
    inside = np.fromiter((holds(text) for text in texts), dtype=np.bool_, count=len(texts))
    found, others = np.flatnonzero(inside).astype(np.int64), np.flatnonzero(~inside).astype(np.int64)
    return Slice("", found, int(right[found].sum())), Slice("", others, int(right[others].sum()))


def holding(word: str) -> Callable[[str], bool]:
    """Whether a text holds the word, as `by_word` says. No pattern of a person's is ever run."""
    wanted = word.casefold()

    def holds(text: str) -> bool:
        folded = text.casefold()
        place = folded.find(wanted)
        while place >= 0:
            before, after = folded[place - 1 : place], folded[place + len(wanted) : place + len(wanted) + 1]
            if not (_joined(before, wanted[:1]) or _joined(wanted[-1:], after)):
                return True
            place = folded.find(wanted, place + 1)
        return False

    return holds


def _joined(left: str, right: str) -> bool:
    """Whether two neighbouring characters belong to one word, as in scripts that part words by spaces."""
    return _in_word(left) and _in_word(right)


def _in_word(character: str) -> bool:
    return character.isalnum() and not "\u2e80" <= character <= "\ua4cf" and not "\uf900" <= character <= "\ufaff"


def by_column(values: Sequence[str | None], right: NDArray[np.bool_], most: int = 20) -> tuple[Slice, ...]:
    """The values that occur most often, at most so many, the most frequent first; an empty cell is the value ""."""
    positions: dict[str, list[int]] = {}
    for position, value in enumerate(values):
        positions.setdefault(value or "", []).append(position)
    frequent = sorted(positions.items(), key=lambda item: (-len(item[1]), item[0]))[:most]
    return tuple(Slice(name, np.array(found, dtype=np.int64), int(right[found].sum())) for name, found in frequent)
