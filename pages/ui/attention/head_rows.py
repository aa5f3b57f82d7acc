"""What was measured of every head of a run, at every step that was looked at, in tables. Knows numpy, no torch.

Rows come from files and are not trusted: one that does not fit is left out.
"""

import hashlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Measured:
    """One score of all heads of a part at one step, over many texts.

    `mean`, `low` and `high`, the ends of its 95 % interval: (layers, heads), NaN where there was nothing to measure.
    `items`: places that were looked at, in `texts` texts. `baseline`: what the best fixed offset reaches, if that is
    something to compare with; `baseline_name` says which it is.
    """

    step: int
    part: str
    score: str
    mean: Floats
    low: Floats
    high: Floats
    items: int
    texts: int
    baseline: float | None
    baseline_name: str

    def best(self) -> tuple[int, int] | None:
        """Layer and head with the highest mean; None where nothing was measured."""
        if np.isnan(self.mean).all():
            return None
        layer, head = np.unravel_index(int(np.nanargmax(self.mean)), self.mean.shape)
        return int(layer), int(head)


@dataclass(frozen=True)
class HeadRows:
    """All that was measured of a run's heads, by step."""

    measured: tuple[Measured, ...]

    @cached_property
    def version(self) -> str:
        """A name for exactly these numbers; empty when there are none."""
        if not self.measured:
            return ""
        digest = hashlib.sha256()
        for each in self.measured:
            digest.update(f"{each.step} {each.part} {each.score} {each.items} {each.baseline};".encode())
            digest.update(each.mean.tobytes())
        return digest.hexdigest()[:16]

    @cached_property
    def steps(self) -> tuple[int, ...]:
        """The steps at which something was measured, ascending."""
        return tuple(sorted({each.step for each in self.measured}))

    def over(self, part: str, score: str) -> tuple[Measured, ...]:
        """One score of one part over the steps."""
        return tuple(each for each in self.measured if each.part == part and each.score == score)

    def at(self, step: int) -> dict[tuple[str, str], Measured]:
        """By part and score: what was measured nearest to a step."""
        found: dict[tuple[str, str], Measured] = {}
        for each in self.measured:
            key = each.part, each.score
            if key not in found or abs(each.step - step) < abs(found[key].step - step):
                found[key] = each
        return found


def read_rows(rows: Iterable[Mapping[str, Any]]) -> HeadRows:
    """The rows of a history that are about heads, in order of steps; of two about the same the later one counts."""
    found: dict[tuple[int, str, str], Measured] = {}
    for row in rows:
        if (each := _measured(row)) is not None:
            found[each.step, each.part, each.score] = each
    return HeadRows(tuple(sorted(found.values(), key=lambda each: each.step)))


def _measured(row: Mapping[str, Any]) -> Measured | None:
    step, part, score = row.get("step"), row.get("part"), row.get("score")
    if row.get("kind") != "heads" or type(step) is not int or not isinstance(part, str) or not isinstance(score, str):
        return None
    mean, low, high = (_table(row.get(name)) for name in ("mean", "low", "high"))
    if mean is None or low is None or high is None or not mean.shape == low.shape == high.shape:
        return None
    baseline = row.get("baseline")
    return Measured(
        step, part, score, mean, low, high, _count(row.get("items")), _count(row.get("texts")),
        float(baseline) if isinstance(baseline, (int, float)) and math.isfinite(baseline) else None,
        str(row.get("baseline_name") or ""),
    )  # fmt: skip


def _table(value: object) -> Floats | None:
    try:
        table = np.array(value, dtype=float)  # null becomes NaN
    except (TypeError, ValueError):
        return None
    return table if table.ndim == 2 and table.size else None


def _count(value: object) -> int:
    return value if type(value) is int else 0


Finding = Literal["does", "partly", "faint", "no better"]

STRONG, FAINT = 0.5, 0.2
"""From the first score on a head is said to do a thing; below the second none is said to."""


@dataclass(frozen=True)
class Found:
    """The best head for a score, and what that is worth. `heads`: among how many it is the best."""

    measured: Measured
    layer: int
    head: int
    heads: int

    @property
    def value(self) -> float:
        """Its score."""
        return float(self.measured.mean[self.layer, self.head])

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the score."""
        return float(self.measured.low[self.layer, self.head]), float(self.measured.high[self.layer, self.head])

    @property
    def finding(self) -> Finding:
        """What may be said. An interval that reaches the baseline is no evidence, however high the score."""
        if self.value < FAINT:
            return "faint"
        baseline = self.measured.baseline
        if baseline is not None and not self.interval[0] > baseline:
            return "no better"
        return "does" if self.value >= STRONG else "partly"


def find(rows: HeadRows, score: str, step: int) -> Found | None:
    """The head of any part that has the highest score near a step; None where that was not measured."""
    measured = [each for (_part, name), each in rows.at(step).items() if name == score]
    places = [(each, place) for each in measured if (place := each.best()) is not None]
    if not places:
        return None
    best, (layer, head) = max(places, key=lambda pair: float(pair[0].mean[pair[1]]))
    return Found(best, layer, head, heads=sum(int(np.isfinite(each.mean).sum()) for each in measured))


def rise(series: tuple[Measured, ...], layer: int, head: int) -> tuple[Measured, Measured] | None:
    """The two neighbouring steps between which a head's score climbs most, if it ever comes to be more than faint."""
    known = [each for each in series if _holds(each, layer, head)]
    pairs = list(pairwise(known))
    if len(pairs) < 2 or max(each.mean[layer, head] for each in known) < FAINT:
        return None
    before, after = max(pairs, key=lambda pair: pair[1].mean[layer, head] - pair[0].mean[layer, head])
    return (before, after) if after.mean[layer, head] - before.mean[layer, head] > 0 else None


def _holds(each: Measured, layer: int, head: int) -> bool:
    layers, heads = each.mean.shape
    return layer < layers and head < heads and bool(np.isfinite(each.mean[layer, head]))
