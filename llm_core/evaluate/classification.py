"""How well a classifier does: accuracy, and precision, recall and F1 of every class and of all together.

Counted from the confusion matrix. What has no denominator counts as 0, as in scikit-learn (`zero_division=0`), and the
macro average runs over the classes that occur, as a label or as a prediction.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Scores:
    """Fractions. Precision: how many of those called so are so · recall: how many of those that are so were called so ·
    F1: their harmonic mean."""

    precision: float
    recall: float
    f1: float


@dataclass(frozen=True)
class ClassScores(Scores):
    """Of one class. `support`: how many texts have the label · `called`: how many were given it."""

    support: int
    called: int

    @property
    def occurs(self) -> bool:
        """Whether any text has the label or was given it; if not, nothing is known of this class."""
        return self.support + self.called > 0


@dataclass(frozen=True)
class Report:
    """All of it over `count` texts. With one label a text, the micro average equals the accuracy."""

    count: int
    accuracy: float
    macro: Scores
    micro: Scores
    classes: tuple[ClassScores, ...]


def predict(probabilities: Floats) -> Labels:
    """The likeliest class of each row of (N, K); of equal ones the first."""
    likeliest: Labels = probabilities.argmax(axis=1).astype(np.int64)
    return likeliest


def confusion(labels: Labels, predicted: Labels, classes: int) -> Labels:
    """How many texts of each label (rows) were given each class (columns): (K, K)."""
    counts: Labels = np.bincount(labels * classes + predicted, minlength=classes * classes).astype(np.int64)
    return counts.reshape(classes, classes)


def behind(labels: Labels, predicted: Labels, label: int, called: int) -> Labels:
    """The positions of the texts that one cell of the confusion matrix counts."""
    found: Labels = np.flatnonzero((labels == label) & (predicted == called)).astype(np.int64)
    return found


def report(labels: Labels, predicted: Labels, classes: int) -> Report:
    """Score the predictions for texts of `classes` classes. There must be at least one text."""
    return report_of(confusion(labels, predicted, classes))


def report_of(counts: Labels) -> Report:
    """The same from a confusion matrix (K, K) that counts at least one text."""
    right, support, called = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
    each = tuple(
        ClassScores(*_scores(int(hits), int(wanted), int(given)), support=int(wanted), called=int(given))
        for hits, wanted, given in zip(right, support, called, strict=True)
    )
    occurring = [scores for scores in each if scores.occurs]
    total = int(counts.sum())
    macro = Scores(
        precision=_mean([scores.precision for scores in occurring]),
        recall=_mean([scores.recall for scores in occurring]),
        f1=_mean([scores.f1 for scores in occurring]),
    )
    hits = int(right.sum())
    return Report(total, hits / total, macro, Scores(*_scores(hits, total, total)), each)


def _scores(hits: int, wanted: int, given: int) -> tuple[float, float, float]:
    """Precision, recall and F1 of so many hits among those wanted and those given."""
    return _share(hits, given), _share(hits, wanted), _share(2 * hits, wanted + given)


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
