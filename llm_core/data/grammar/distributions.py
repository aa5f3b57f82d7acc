"""A draw: values with normalised weights, ready to be sampled and summed."""

import math
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Any


class Distribution:
    """Values with their probabilities (sum 1), log-probabilities in nats, and the entropy of a draw in nats."""

    __slots__ = ("cumulative", "entropy", "logs", "probabilities", "values")

    def __init__(self, values: Sequence[Any], weights: Sequence[float]) -> None:
        total = math.fsum(weights)
        self.values = tuple(values)
        self.probabilities = tuple(weight / total for weight in weights)
        self.logs = tuple(math.log(probability) for probability in self.probabilities)
        self.cumulative = list(accumulate(self.probabilities))
        self.cumulative[-1] = 1.0
        self.entropy = -math.fsum(p * log for p, log in zip(self.probabilities, self.logs, strict=True))

    def index(self, uniform: float) -> int:
        """The place of the value that a uniform number in [0, 1) falls on."""
        return bisect_right(self.cumulative, uniform)
