"""A family's records as rows of a race's history: the points of its curve, thinned, its folds and its result."""

from dataclasses import asdict

from llm_core.runs.entrant import Beat, Fold, Outcome
from llm_core.runs.history import Row
from llm_core.training.classifiers.base import Progress

EVERY = 0.25
"""Seconds between two points that are kept at the least."""
LOOKED = 0.05
"""The same for a point at which the held-out texts have been looked at anew: these make the curve."""
CLOSER = 0.01
"""Nor are points kept that lie closer than this share of the time so far: an hour has as good as the points of a minute."""


class Curve:
    """folds: how often the family is fitted before it is fitted on all of the training part.

    `share` is how much of all that is done.
    """

    def __init__(self, folds: int = 0) -> None:
        self._folds = folds
        self._fold = 0
        self._kept = -EVERY
        self._accuracy: float | None = None
        self.share = 0.0

    def row(self, record: Progress | Beat | Fold | Outcome) -> Row | None:
        """The row that a record makes; None for one that is only a sign of life."""
        if isinstance(record, Progress):
            self.share = (self._fold + min(1.0, record.share)) / (self._folds + 1)
            looked = record.inner_accuracy is not None and record.inner_accuracy != self._accuracy
            apart = max(LOOKED if looked else EVERY, CLOSER * record.seconds)
            if record.seconds < self._kept + apart and record.share < 1:
                return None
            self._kept, self._accuracy = record.seconds, record.inner_accuracy
            # A row that names a `step` is taken back when a run is resumed.
            values = asdict(record)
            return {"kind": "progress", "fold": self._fold, "updates": values.pop("step"), **values}
        if isinstance(record, Fold):
            self._fold, self._kept = record.fold, -EVERY
            return {"kind": "fold", **asdict(record)}
        if isinstance(record, Outcome):
            self.share = 1.0
            return {"kind": "result", **record.result}
        return None
