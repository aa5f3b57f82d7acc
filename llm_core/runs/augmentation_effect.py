"""What augmentation did for each family of a race: its accuracy with and without, on the same texts. Knows no torch."""

from dataclasses import dataclass, replace
from typing import Any

from llm_core.evaluate.bootstrap import Interval, interval, resample
from llm_core.evaluate.classification import predict
from llm_core.evaluate.paired_test import LEVEL, holm, mcnemar
from llm_core.runs.race import WITHOUT
from llm_core.runs.raced import Race, outcome_of, predictions_of
from llm_core.runs.run import Run


@dataclass(frozen=True)
class Effect:
    """One family, learned with copies of texts and without, in the same time; fractions of the test texts.

    difference: with less without, with its interval on the same draws of texts · only_with, only_without: how many texts
    only one of the two has right · p: McNemar's exact test · adjusted: the same as one of as many comparisons as there
    are families (Holm).
    """

    family: str
    accuracy: float
    reach: Interval
    without: float
    without_reach: Interval
    difference: float
    difference_reach: Interval
    only_with: int
    only_without: int
    p: float
    adjusted: float

    @property
    def proven(self) -> bool:
        """Whether the test says that it changed anything, to the better or the worse."""
        return self.adjusted < LEVEL

    @property
    def figures(self) -> dict[str, Any]:
        """What the command line says of it."""
        return {
            "accuracy_without": self.without, "difference": self.difference, "difference_low": self.difference_reach.low,
            "difference_high": self.difference_reach.high, "only_with": self.only_with, "only_without": self.only_without,
            "p": self.p, "p_adjusted": self.adjusted,
        }  # fmt: skip


def effects(race: Race) -> tuple[Effect, ...]:
    """Of each family that has finished both with and without, in the order of the race; none where nothing was added."""
    found = []
    for family in race.results:
        child = race.lanes.get(family + WITHOUT)
        without = None if child is None else outcome_of(child)
        if child is not None and without is not None:
            found.append(_measured(race, family, child, without))
    values = holm([effect.p for effect in found])
    return tuple(replace(effect, adjusted=value) for effect, value in zip(found, values, strict=True))


def _measured(race: Race, family: str, child: Run, without: dict[str, Any]) -> Effect:
    labels, result = race.prepared.test.labels, race.results[family]
    answers = [predict(predictions_of(one)) for one in (race.lanes[family], child)]
    right, other = (each == labels for each in answers)
    drawn = resample(labels, answers, len(race.names)).accuracy  # (R, 2)
    only_with, only_without = int((right & ~other).sum()), int((other & ~right).sum())
    p = mcnemar(only_with, only_without)
    return Effect(
        family, float(result["accuracy"]), _reach(result), float(without["accuracy"]), _reach(without),
        float(result["accuracy"]) - float(without["accuracy"]), interval(drawn[:, 0] - drawn[:, 1]), only_with, only_without, p, p,
    )  # fmt: skip


def _reach(result: dict[str, Any]) -> Interval:
    return Interval(float(result["accuracy_low"]), float(result["accuracy_high"]))
