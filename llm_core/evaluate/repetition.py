"""How varied texts are: how many of their n-grams are new among them, how often a text repeats itself, how much of it
stands in the text that was learnt from. Counts tokens by their numbers; knows no model and no torch.
"""

from collections.abc import Sequence
from math import exp

import numpy as np
from numpy.typing import NDArray

Tokens = Sequence[int]


def distinct(texts: Sequence[Tokens], n: int) -> float | None:
    """Different n-grams of all texts together, as a share of all their n-grams (Li et al. 2016, section 5.2, distinct-n).

    None where no text is so long. The share falls as there is more text: compare as many texts of like length only.
    """
    grams = [gram for text in texts for gram in _grams(text, n)]
    return len(set(grams)) / len(grams) if grams else None


def repeated(text: Tokens, n: int) -> float | None:
    """The share of a text's n-grams that it has said before (Welleck et al. 2020, equation 10: seq-rep-n).

    None where the text is not so long.
    """
    grams = _grams(text, n)
    return 1 - len(set(grams)) / len(grams) if grams else None


def perplexity(logprobabilities: Sequence[float]) -> float | None:
    """exp of the mean surprise per token, of natural logarithms of probabilities; None of no token."""
    return exp(-sum(logprobabilities) / len(logprobabilities)) if logprobabilities else None


def mean(values: Sequence[float | None]) -> float | None:
    """The mean of those values that are known; None where none is."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


class Seen:
    """The n-grams of a text that was learnt from, to ask whether others stand in it, and not just by chance.

    Grams that run over from a document into the next count as well. 8 bytes for each token. Of at most 4 tokens.
    """

    def __init__(self, tokens: "NDArray[np.uint16] | NDArray[np.uint32]", n: int = 4) -> None:
        if not 1 <= n <= 4:
            raise ValueError("n-grams of 1 to 4 tokens are packed")
        self.n = n
        self._known = np.unique(_packed(tokens, n))

    def share(self, text: Tokens) -> float | None:
        """The share of a text's n-grams that stand in the other; None where the text is not so long."""
        asked = _packed(np.asarray(text, dtype=np.uint32), self.n)
        if not asked.size or not self._known.size:
            return None if not asked.size else 0.0
        places = np.searchsorted(self._known, asked).clip(max=self._known.size - 1)
        return float((self._known[places] == asked).mean())


def _grams(text: Tokens, n: int) -> list[tuple[int, ...]]:
    return [tuple(text[start : start + n]) for start in range(len(text) - n + 1)]


def _packed(tokens: "NDArray[np.uint16] | NDArray[np.uint32]", n: int) -> NDArray[np.uint64]:
    """Each n-gram as one number: exact for a vocabulary of at most 65,536 tokens, else a hash that hardly ever takes two
    for one."""
    count = len(tokens) - n + 1
    if count <= 0:
        return np.zeros(0, dtype=np.uint64)
    packed = np.zeros(count, dtype=np.uint64)
    for offset in range(n):
        # 65,536 ** 4 is just 2 ** 64.
        packed = packed * np.uint64(65_536) ^ _spread(tokens[offset : offset + count])
    return packed


def _spread(tokens: "NDArray[np.uint16] | NDArray[np.uint32]") -> NDArray[np.uint64]:
    wide = tokens.astype(np.uint64)
    high = wide >> np.uint64(16)
    return wide ^ high * np.uint64(0x9E3779B97F4A7C15)
