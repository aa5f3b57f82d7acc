"""Which label a unit tells apart best: nouns, plurals, persons, as the grammar that wrote the texts knows them.

How well is the area under the ROC curve, the chance that the unit is higher at a token with the label than at one without
(Mann & Whitney 1947); 0.5 says nothing, 0 that it is lower at all of them. With many labels one of them always fits
somewhat, and with many tokens of one word a unit that knows the word seems to know the label. So as many directions drawn
at random of the same layer look for their best label, too.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llm_core.errors import UserError
from llm_core.interpret.attention.attention import Floats
from llm_core.interpret.probes.probe_labels import LabelledTokens

FEWEST = 10
"""Tokens with a label, and without, below which nothing is said of it."""


@dataclass(frozen=True)
class ToldApart:
    """areas (labels, units): of each label of `names` and each unit; NaN where too few tokens bear the label, or all do.
    `counts` (labels,): how many tokens bear it, of `tokens`."""

    names: tuple[str, ...]
    areas: Floats
    counts: NDArray[np.int64]
    tokens: int

    @property
    def best(self) -> NDArray[np.int64]:
        """(units,): the number of the label that each unit tells apart best, above or below."""
        found: NDArray[np.int64] = np.nan_to_num(np.abs(self.areas - 0.5), nan=-1.0).argmax(0)
        return found

    @property
    def strengths(self) -> Floats:
        """(units,): the area for its best label, or one less it where the unit is lower there; 0.5 to 1."""
        found: Floats = (0.5 + np.nan_to_num(np.abs(self.areas - 0.5)).max(0)).astype(np.float32)
        return found


def told_apart(activations: Floats, label: NDArray[np.int64], names: Sequence[str]) -> ToldApart:
    """activations (N, units) and the number of the label (N,) of each of N tokens, in `names`.

    Raises UserError where no label stands at enough tokens.
    """
    from scipy.stats import rankdata

    ranks = rankdata(activations, axis=0)  # ties share the mean of their ranks
    counts = np.bincount(label, minlength=len(names)).astype(np.int64)
    areas = np.full((len(names), activations.shape[1]), np.nan, dtype=np.float32)
    for number, count in enumerate(counts):
        others = len(label) - count
        if min(count, others) >= FEWEST:
            above = ranks[label == number].sum(0) - count * (count + 1) / 2
            areas[number] = above / (count * others)
    if np.isnan(areas).all():
        raise UserError("These texts are too few to say what a neuron tells apart; ask about more.")
    return ToldApart(tuple(names), areas, counts, len(label))


def at_labels(by_text: Sequence[Floats], labelled: LabelledTokens) -> Floats:
    """(N, units): of activations (T, units) of each of the labelled texts, those at the labelled tokens."""
    found: Floats = np.stack([by_text[text][place] for text, place in zip(labelled.text, labelled.position, strict=True)])  # fmt: skip
    return found
