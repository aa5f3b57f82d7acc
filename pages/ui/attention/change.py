"""What switching something off does to the predictions of a model: how far they move, and which tokens gain and lose.

Knows numpy, no torch and no page.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

_NOTHING = 1e-6
"""Nats: as much as rounding changes."""


def divergence(before: Floats, after: Floats) -> NDArray[np.float64]:
    """(T,) nats: the Kullback-Leibler divergence from the predictions before to those after, of logits (T, V)."""
    found = np.zeros(len(before))
    for place, (old, new) in enumerate(zip(before, after, strict=True)):
        if not np.array_equal(old, new):
            log_old, log_new = _log_softmax(old), _log_softmax(new)
            found[place] = max(0.0, float((np.exp(log_old) * (log_old - log_new)).sum()))
    return found


@dataclass(frozen=True)
class Prediction:
    """One token, and its probability before and after."""

    token: int
    before: float
    after: float


def predictions(before: Floats, after: Floats, count: int) -> list[Prediction]:
    """The `count` likeliest tokens before and after, of logits (V,); the likeliest before come first."""
    old, new = np.exp(_log_softmax(before)), np.exp(_log_softmax(after))
    count = min(count, len(old))
    likeliest = {int(token) for shares in (old, new) for token in np.argpartition(-shares, count - 1)[:count]}
    return [
        Prediction(token, float(old[token]), float(new[token]))
        for token in sorted(likeliest, key=lambda token: (-old[token], -new[token]))
    ]


@dataclass(frozen=True)
class Largest:
    """Where predictions changed most: the place, its divergence in nats, and the token whose probability moved most."""

    place: int
    nats: float
    moved: Prediction


def largest(before: Floats, after: Floats, nats: NDArray[np.float64]) -> Largest | None:
    """The largest change of predictions, logits (T, V) each; None where none is more than rounding."""
    place = int(nats.argmax())
    if nats[place] < _NOTHING:
        return None
    old, new = np.exp(_log_softmax(before[place])), np.exp(_log_softmax(after[place]))
    token = int(np.abs(new - old).argmax())
    return Largest(place, float(nats[place]), Prediction(token, float(old[token]), float(new[token])))


def _log_softmax(logits: Floats) -> NDArray[np.float64]:
    shifted = logits.astype(np.float64) - float(logits.max())
    result: NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum())
    return result
