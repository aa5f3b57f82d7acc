"""How much accuracy and macro F1 would vary from one test part to another: the bootstrap (Efron & Tibshirani 1993).

Test texts are drawn anew with replacement. All classifiers are scored on the same draws, so that the interval of a
difference knows that they answered the same texts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from llm_core.evaluate.classification import Floats, Labels

RESAMPLES = 1000
_BLOCK = 2_000_000
"""Counts that are held at a time."""


@dataclass(frozen=True)
class Interval:
    """The middle 95 % of what came out."""

    low: float
    high: float


@dataclass(frozen=True)
class Resampled:
    """What came out for each draw and classifier: (R, F)."""

    accuracy: Floats
    macro_f1: Floats


def resample(
    labels: Labels, predictions: Sequence[Labels], classes: int, *, resamples: int = RESAMPLES, seed: int = 0
) -> Resampled:
    """Score every classifier on so many draws of the test texts. `predictions`: (N,) of each; at least one text.

    Texts with the same label and the same answers are alike, so their counts are drawn at once, from the multinomial
    distribution that drawing text by text would give.
    """
    patterns, counts = np.unique(np.stack([labels, *predictions], axis=1), axis=0, return_counts=True)
    random = np.random.default_rng(seed)
    shares = counts / counts.sum()
    wanted, answers = patterns[:, 0], patterns[:, 1:]
    accuracy, macro_f1 = np.empty((resamples, len(predictions))), np.empty((resamples, len(predictions)))
    block = max(1, _BLOCK // len(patterns))
    for start in range(0, resamples, block):
        drawn = random.multinomial(len(labels), shares, size=min(block, resamples - start)).astype(np.float64)
        support = _per_class(drawn, wanted, classes)
        rows = slice(start, start + len(drawn))
        for each in range(answers.shape[1]):
            right = answers[:, each] == wanted
            accuracy[rows, each] = drawn[:, right].sum(axis=1) / len(labels)
            hits = _per_class(drawn[:, right], wanted[right], classes)
            called = _per_class(drawn, answers[:, each], classes)
            macro_f1[rows, each] = _macro_f1(hits, support + called)
    return Resampled(accuracy, macro_f1)


def _per_class(drawn: Floats, classes_of: Labels, classes: int) -> Floats:
    """The counts (R, U) added up by class: (R, K)."""
    order = np.argsort(classes_of, kind="stable")
    ends = np.searchsorted(classes_of[order], np.arange(classes + 1))
    sums = np.concatenate([np.zeros((len(drawn), 1)), np.cumsum(drawn[:, order], axis=1)], axis=1)
    added: Floats = np.diff(sums[:, ends], axis=1)
    return added


def _macro_f1(hits: Floats, wanted_and_called: Floats) -> Floats:
    """Mean F1 (R,) over the classes that occur in a draw, as in `classification.report`."""
    occurs = wanted_and_called > 0
    f1 = np.where(occurs, 2 * hits / np.where(occurs, wanted_and_called, 1.0), 0.0)
    mean: Floats = f1.sum(axis=1) / occurs.sum(axis=1)
    return mean


def interval(values: Floats, level: float = 0.95) -> Interval:
    """The percentile interval of what came out (R,)."""
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))
