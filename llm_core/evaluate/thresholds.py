"""What becomes of two classes when one is only called from a certain probability on; and how much of a chosen threshold is
luck."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llm_core.evaluate.classification import Floats, Labels

HALVINGS = 100


@dataclass(frozen=True)
class Thresholded:
    """Counts at one threshold: positive texts called so and missed, negative ones called positive and left."""

    threshold: float
    hits: int
    misses: int
    alarms: int
    rejections: int

    @property
    def precision(self) -> float:
        """0 where nothing is called positive."""
        called = self.hits + self.alarms
        return self.hits / called if called else 0.0

    @property
    def recall(self) -> float:
        """0 where no text is positive."""
        positive = self.hits + self.misses
        return self.hits / positive if positive else 0.0

    @property
    def f1(self) -> float:
        """0 where there is neither a positive text nor one called so."""
        whole = 2 * self.hits + self.misses + self.alarms
        return 2 * self.hits / whole if whole else 0.0

    @property
    def accuracy(self) -> float:
        """Of at least one text."""
        return (self.hits + self.rejections) / (self.hits + self.misses + self.alarms + self.rejections)


def at_thresholds(positive: NDArray[np.bool_], scores: Floats, thresholds: Floats) -> tuple[Thresholded, ...]:
    """The counts at each threshold: a text is called positive when its score is at least the threshold."""
    yes, no = np.sort(scores[positive]), np.sort(scores[~positive])
    hits: Labels = len(yes) - np.searchsorted(yes, thresholds, side="left")
    alarms: Labels = len(no) - np.searchsorted(no, thresholds, side="left")
    return tuple(
        Thresholded(float(threshold), int(hit), len(yes) - int(hit), int(alarm), len(no) - int(alarm))
        for threshold, hit, alarm in zip(thresholds, hits, alarms, strict=True)
    )


@dataclass(frozen=True)
class ChosenByHalf:
    """What the threshold with the highest F1 on one half of the texts comes to: F1 on `chosen`, that half, and on `other`,
    which nobody had looked at. Means over `halvings`, each taken both ways."""

    chosen: float
    other: float
    halvings: int


def chosen_by_half(
    positive: NDArray[np.bool_], scores: Floats, thresholds: Floats, *, halvings: int = HALVINGS, seed: int = 0
) -> ChosenByHalf | None:
    """How hopeful a threshold is that was chosen by looking: the texts are halved by chance, both classes alike, and the
    threshold that one half would choose is scored on the other. None where a class has less than two texts.

    Half as many texts choose worse than all of them, so that `other` is a cautious figure for a threshold chosen on all.
    Texts that no threshold tells apart are alike, so that how many of them fall into a half is drawn at once, from the
    hypergeometric distribution that drawing text by text would give.
    """
    if min(int(positive.sum()), int((~positive).sum())) < 2:
        return None
    order = np.sort(thresholds)
    reached = np.searchsorted(order, scores, side="right")  # (N,) how many thresholds a score comes up to
    random = np.random.default_rng(seed)
    halves = []
    for side in (positive, ~positive):
        counts = np.bincount(reached[side], minlength=len(order) + 1)
        drawn = random.multivariate_hypergeometric(counts, counts.sum() // 2, size=halvings, method="marginals")
        halves.append((drawn, counts - drawn))
    (yes, other_yes), (no, other_no) = halves
    one, two = _f1(yes, no), _f1(other_yes, other_no)  # (halvings, thresholds)
    rows = np.arange(halvings)
    seen = (one.max(axis=1) + two.max(axis=1)) / 2
    unseen = (two[rows, one.argmax(axis=1)] + one[rows, two.argmax(axis=1)]) / 2
    return ChosenByHalf(float(seen.mean()), float(unseen.mean()), halvings)


def _f1(yes: Labels, no: Labels) -> Floats:
    """F1 at each threshold (R, T), from how many texts of either class come up to just so many thresholds (R, T + 1)."""
    hits, alarms = (counts[:, ::-1].cumsum(axis=1)[:, ::-1][:, 1:] for counts in (yes, no))
    f1: Floats = 2 * hits / (yes.sum(axis=1, keepdims=True) + hits + alarms)
    return f1
