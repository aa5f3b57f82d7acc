"""Whether one classifier is better than another on the same texts, or only luckier: McNemar's exact test.

Texts that both get right, or both wrong, say nothing. If neither is better, each of the others falls to one or the
other like a coin.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from llm_core.evaluate.classification import Labels

LEVEL = 0.05


@dataclass(frozen=True)
class Comparison:
    """Two classifiers on the same texts. `only_first`: how many texts only the first one has right.

    `p`: the probability of a difference at least so large if neither is better · `adjusted`: the same when it is one of
    many comparisons (Holm).
    """

    first: str
    second: str
    only_first: int
    only_second: int
    p: float
    adjusted: float

    @property
    def better(self) -> str | None:
        """The one that is better; None where there is no evidence that one is."""
        if self.adjusted >= LEVEL:
            return None
        return self.first if self.only_first > self.only_second else self.second


def mcnemar(only_first: int, only_second: int) -> float:
    """The two-sided p-value of the exact binomial test (McNemar 1947); 1 where the two never differ."""
    trials, fewer = only_first + only_second, min(only_first, only_second)
    if only_first == only_second:
        return 1.0
    whole = math.lgamma(trials + 1) - trials * math.log(2)
    logarithms = [whole - math.lgamma(k + 1) - math.lgamma(trials - k + 1) for k in range(fewer + 1)]
    return min(1.0, 2 * math.fsum(map(math.exp, logarithms)))


def holm(values: Sequence[float]) -> list[float]:
    """p-values adjusted so that of all true null hypotheses none is refused, 95 times in 100 (Holm 1979)."""
    order = sorted(range(len(values)), key=values.__getitem__)
    adjusted = [0.0] * len(values)
    highest = 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (len(values) - rank) * values[place]))
        adjusted[place] = highest
    return adjusted


def compare(labels: Labels, predictions: Mapping[str, Labels]) -> tuple[Comparison, ...]:
    """Every pair of classifiers. All pairs are adjusted for, also where only the best is asked about: it was chosen by
    looking at all."""
    right = {name: predicted == labels for name, predicted in predictions.items()}
    pairs = [
        (first, second, int((right[first] & ~right[second]).sum()), int((right[second] & ~right[first]).sum()))
        for first, second in combinations(predictions, 2)
    ]
    values = [mcnemar(only_first, only_second) for _, _, only_first, only_second in pairs]
    return tuple(Comparison(*pair, p, adjusted) for pair, p, adjusted in zip(pairs, values, holm(values), strict=True))


def between(comparisons: Sequence[Comparison], one: str, other: str) -> Comparison:
    """The comparison of these two, in either order. Raises KeyError where they were not compared."""
    for comparison in comparisons:
        if {comparison.first, comparison.second} == {one, other}:
            return comparison
    raise KeyError((one, other))


def not_worse(comparisons: Sequence[Comparison], best: str) -> list[str]:
    """The classifiers of which there is no evidence that they are worse than `best`, in the order of the comparisons."""
    others = [c.second if c.first == best else c.first for c in comparisons if best in (c.first, c.second)]
    return [other for other in others if between(comparisons, best, other).better != best]
