"""The order in which a permuted language model predicts the tokens of a row (XLNet, Yang et al. 2019). Knows no torch."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from llm_core.data.tokenizers import Tokenizer

PREDICTED = 6
"""One in so many tokens is predicted: the last ones of the order, for the first ones know too little to guess from (the
paper's K, 2.3)."""

Ids = NDArray[np.int64]


@dataclass(frozen=True)
class Permuter:
    """Draws orders from the generator that it is given."""

    tokenizer: Tokenizer

    def order(self, ids: Ids, random: np.random.Generator) -> Ids:
        """(T,) when each token of a row is predicted: 0 for what is only read, then 1, 2, ... in a random order.

        As in the authors' program all that is not predicted counts as known from the start. Control tokens are never
        predicted; of the others one in six is, and at least one.
        """
        own = np.flatnonzero(self._words[ids])
        count = min(len(own), max(1, round(len(own) / PREDICTED)))
        order = np.zeros(len(ids), dtype=np.int64)
        order[random.permutation(own)[:count]] = np.arange(1, count + 1)
        return order

    @cached_property
    def _words(self) -> NDArray[np.bool_]:
        """(V,) tokens that stand for text."""
        return np.array([bool(data) for data in self.tokenizer.token_bytes])
