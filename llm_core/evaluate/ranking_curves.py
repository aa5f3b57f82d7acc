"""ROC and precision-recall curves with the area under them: how well scores tell one class from the rest, at every
threshold at once."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llm_core.evaluate.classification import Floats, Labels


@dataclass(frozen=True)
class Curve:
    """Points (x, y) by falling threshold: a text is called positive when its score is at least the threshold.

    `area`: under the curve; 1 is perfect.
    """

    x: Floats
    y: Floats
    thresholds: Floats
    area: float


def roc(positive: NDArray[np.bool_], scores: Floats) -> Curve | None:
    """True-positive rate (y) over false-positive rate (x), from (0, 0) to (1, 1); None where all texts, or none, are
    positive. A guess has area 1/2; ties are joined by a straight line, as half right (Fawcett 2006, section 7)."""
    hits, alarms, thresholds = _cumulative(positive, scores)
    if not len(hits) or hits[-1] == 0 or alarms[-1] == 0:
        return None
    x = np.concatenate([[0.0], alarms / alarms[-1]])
    y = np.concatenate([[0.0], hits / hits[-1]])
    return Curve(x, y, np.concatenate([[np.inf], thresholds]), float(np.trapezoid(y, x)))


def precision_recall(positive: NDArray[np.bool_], scores: Floats) -> Curve | None:
    """Precision (y) over recall (x), from (0, 1); None where no text is positive. The area is the average precision
    Σ (Rₙ − Rₙ₋₁) Pₙ: no straight line is drawn between points, which would promise too much (Davis & Goadrich 2006).
    A guess has the share of the positive texts."""
    hits, alarms, thresholds = _cumulative(positive, scores)
    if not len(hits) or hits[-1] == 0:
        return None
    recall, precision = hits / hits[-1], hits / (hits + alarms)
    area = float(np.sum(np.diff(recall, prepend=0.0) * precision))
    x, y = np.concatenate([[0.0], recall]), np.concatenate([[1.0], precision])
    return Curve(x, y, np.concatenate([[np.inf], thresholds]), area)


def one_against_rest(
    labels: Labels, probabilities: Floats, curve: Callable[[NDArray[np.bool_], Floats], Curve | None]
) -> tuple[Curve | None, ...]:
    """The curve of every class of (N, K) against all others; None for a class that allows none."""
    return tuple(curve(labels == each, probabilities[:, each]) for each in range(probabilities.shape[1]))


def macro_area(curves: tuple[Curve | None, ...]) -> float | None:
    """The mean area of the classes that have a curve; None where none has."""
    areas = [curve.area for curve in curves if curve is not None]
    return sum(areas) / len(areas) if areas else None


def thinned(curve: Curve, points: int) -> Curve:
    """At most so many points of a curve, evenly along it, ends included; for drawing. The area stays that of the whole."""
    if len(curve.x) <= points:
        return curve
    kept = np.unique(np.linspace(0, len(curve.x) - 1, points).round().astype(np.int64))
    return Curve(curve.x[kept], curve.y[kept], curve.thresholds[kept], curve.area)


def _cumulative(positive: NDArray[np.bool_], scores: Floats) -> tuple[Floats, Floats, Floats]:
    """How many positive and how many negative texts score at least each distinct score, the highest score first."""
    order = np.argsort(-scores, kind="stable")
    ranked, sorted_scores = positive[order], scores[order]
    ends = np.flatnonzero(np.diff(sorted_scores, append=-np.inf))
    hits = np.cumsum(ranked)[ends].astype(np.float64)
    return hits, ends + 1 - hits, sorted_scores[ends].astype(np.float64)
