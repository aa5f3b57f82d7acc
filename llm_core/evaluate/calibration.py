"""Whether a classifier is as often right as it says: log loss, reliability bins and the expected calibration error."""

from dataclasses import dataclass

import numpy as np

from llm_core.evaluate.classification import Floats, Labels, predict

BINS = 15


@dataclass(frozen=True)
class Bin:
    """Texts whose likeliest class was given a probability in (low, high]. Mean confidence and accuracy are 0 where there
    is no text."""

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Calibration:
    """`error`: the expected calibration error, Σ |Bₘ| / N · |accuracy(Bₘ) − confidence(Bₘ)|, a fraction."""

    bins: tuple[Bin, ...]
    error: float


def calibration(labels: Labels, probabilities: Floats, bins: int = BINS) -> Calibration:
    """Bins of equal width by the probability of the likeliest class (Guo et al. 2017, "On Calibration of Modern Neural
    Networks", equations 2, 3 and 5). `probabilities`: (N, K), at least one text."""
    confidence = probabilities.max(axis=1).astype(np.float64)
    right = predict(probabilities) == labels
    edges = np.arange(bins + 1) / bins
    places = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    counts = np.bincount(places, minlength=bins)
    several = np.maximum(counts, 1)
    sure = np.bincount(places, confidence, bins) / several
    hits = np.bincount(places, right, bins) / several
    error = float(np.sum(counts / len(labels) * np.abs(hits - sure)))
    found = zip(edges[:-1], edges[1:], counts, sure, hits, strict=True)
    return Calibration(
        tuple(Bin(float(low), float(high), int(count), float(c), float(a)) for low, high, count, c, a in found), error
    )


def log_loss(labels: Labels, probabilities: Floats) -> float:
    """The mean surprise at the labels, in nats. A probability of 0 counts as 2.2e-16, so that one text cannot make it
    infinite."""
    given = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    tiny = np.finfo(np.float64).eps
    return float(-np.log(np.clip(given, tiny, 1 - tiny)).mean())
