"""What becomes of two classes when one is only called from a certain probability on."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llm_core.evaluate.classification import Floats, Labels


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
