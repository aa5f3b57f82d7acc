"""Which learning rate a range test suggests."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from llm_core.errors import UserError

FEWEST = 12
"""Points that are needed: with fewer, a slope is one chance against another."""
_REACH = 0.25
"""Decades to each side over which a slope is taken: half a decade of steps evens out what single batches do. More where the
rates lie further apart: a slope takes three of them."""


@dataclass(frozen=True)
class Suggestion:
    """rate: where the loss falls most steeply over the logarithm of the rate, before its lowest point · lowest: the rate at
    that point; above it the loss rises · slope: nats per decade at `rate`, negative."""

    rate: float
    lowest: float
    slope: float


def suggest(rates: Sequence[float], losses: Sequence[float]) -> Suggestion:
    """The steepest descent (Howard & Gugger 2020, fastai's `steep`; Smith 2017 reads the range from the same picture): there an
    update does the most. losses: smoothed, in the order of the rates. Slopes are lines fitted through a quarter of a
    decade to each side, or through the nearest rate on each where that is further.

    Raises UserError for fewer than twelve points, and where the loss falls nowhere.
    """
    if len(rates) < FEWEST:
        raise UserError("A suggestion needs at least {least} points; there are {have}.", least=FEWEST, have=len(rates))
    place, loss = np.log10(np.asarray(rates, dtype=float)), np.asarray(losses, dtype=float)
    end = int(loss.argmin())
    reach = max(_REACH, 1.01 * float(np.median(np.diff(place))))
    slopes = np.full(len(loss), math.inf)
    for at in range(end + 1):
        near = (np.abs(place - place[at]) <= reach) & (place <= place[end])
        if near.sum() >= 3:
            slopes[at] = np.polyfit(place[near], loss[near], 1)[0]
    best = int(slopes.argmin())
    if not slopes[best] < 0:
        raise UserError("The loss falls at none of these learning rates: begin lower.")
    return Suggestion(float(rates[best]), float(rates[end]), float(slopes[best]))
