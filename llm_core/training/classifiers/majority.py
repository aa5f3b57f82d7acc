"""The floor: the share of each class. It needs no time and reads no text."""

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from llm_core.errors import N_
from llm_core.inference.classifiers.majority import Majority
from llm_core.training.classifiers.base import Family, FitOptions, Fitted, Progress
from llm_core.training.classifiers.budget import Budget

if TYPE_CHECKING:
    from llm_core.data.labelled import Labelled


class MajorityFamily(Family):
    """Always the most frequent class, however the text reads."""

    name = "majority"
    title = N_("Majority")
    neural = False

    def fit(
        self,
        training: "Labelled",
        *,
        seconds: float,
        seed: int,
        options: FitOptions = FitOptions(),
        clock: Callable[[], float] = time.monotonic,
    ) -> Iterator[Progress | Fitted]:
        budget = Budget(seconds, clock)
        counts = np.bincount(training.labels, minlength=len(training.names))
        yield Progress(budget.elapsed, 1.0, 1, 1.0)
        yield Fitted(Majority(training.names, tuple((counts / counts.sum()).tolist())), budget.elapsed)
