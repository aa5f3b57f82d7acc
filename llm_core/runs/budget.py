"""How the time of a race is divided: what is left, in equal parts among the families that are still to come.

So what a quick family leaves, the others take. A family that reads the test part slowly is told from those before it.
"""

from collections.abc import Mapping
from typing import Any

RESERVE = 0.06
"""Share of a family's time that it is not given: it may take a twentieth more, and its files are written."""
READING = 0.1
"""Seconds of reading the test part for one of learning, before any neural family has shown its own."""
LEAST = 0.1
"""Seconds that a family gets even when none are left."""


class Budget:
    """total: seconds for the whole race or, with `each`, for every family to learn · spent: those that are gone."""

    def __init__(self, total: float, *, each: bool = False, spent: float = 0.0) -> None:
        self.total, self.each, self.spent = total, each, spent
        self._reading = READING

    def allot(self, waiting: int) -> float:
        """Seconds in which the next of so many families may learn."""
        if self.each:
            return self.total
        share = max(0.0, self.total - self.spent) / waiting
        return max(LEAST, share * (1 - RESERVE) / (1 + self._reading))

    def left(self, waiting: int, allotted: float, taken: float) -> float:
        """Seconds until the race is over at the latest, when the first of so many families has taken some of its own."""
        if self.each:
            return max(0.0, allotted - taken) + (waiting - 1) * self.total
        return max(0.0, self.total - self.spent - taken)

    def learn(self, result: Mapping[str, Any]) -> None:
        """Take from the result of a family how long reading takes beside learning."""
        reading, whole = float(result["test_seconds"]), float(result["all_seconds"])
        if result.get("neural"):
            self._reading = min(1.0, max(self._reading, reading / max(1e-3, whole - reading)))
