"""A race opened: its table and split, its children, and what each family has learned and predicted.

What is read from a folder is kept in memory for the last few, so that a page may open a race at every run of its script.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from llm_core.data.labelled import Prepared
from llm_core.data.table_preparing import prepare_table
from llm_core.errors import UserError
from llm_core.runs.files import read_object
from llm_core.runs.race import ClassifyConfig, RaceConfig
from llm_core.runs.run import Run, children_of, open_run

if TYPE_CHECKING:
    from llm_core.inference.classifiers.base import Classifier

SPLIT = "split.json"
RESULT = "result.json"
CLASSIFIER = "classifier"
PREDICTIONS = "predictions.safetensors"

Kept = TypeVar("Kept")


@dataclass(frozen=True)
class Race:
    """A run of the kind "race". Nothing is read before it is asked for."""

    run: Run
    settings: RaceConfig

    @cached_property
    def prepared(self) -> Prepared:
        """The table with its split. Raises UserError when the table is gone or is not the one that the race ran on."""
        return _kept("table", self.run.folder, lambda: prepared_for(self.run, self.settings))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The classes, in the order of the columns of probabilities."""
        return self.prepared.training.names

    @cached_property
    def lanes(self) -> dict[str, Run]:
        """The run in each lane, in the order of the race; empty before it has begun."""
        found = {child.settings.lane: child for child in children_of(self.run) if is_entrant(child)}  # type: ignore[union-attr]
        return {lane: found[lane] for lane in self.settings.lanes if lane in found}

    @property
    def children(self) -> dict[str, Run]:
        """The run of each family, in the order of the race; of two the one with the augmentation that was asked for."""
        return {family: self.lanes[family] for family in self.settings.order if family in self.lanes}

    @cached_property
    def results(self) -> dict[str, dict[str, Any]]:
        """What came out of each family that has finished: its `result.json`."""
        return {family: result for family, child in self.children.items() if (result := outcome_of(child))}

    @property
    def usable(self) -> tuple[str, ...]:
        """The families whose classifier is there: all that have finished, of a bundled race those that were kept."""
        return tuple(family for family in self.results if (self.children[family].folder / CLASSIFIER).is_dir())

    def best(self) -> str | None:
        """Of the usable families the one with the highest macro F1, of the neural ones if there is any."""
        neural = [family for family in self.usable if self.results[family].get("neural")]
        return max(neural or self.usable, key=lambda family: self.results[family]["macro_f1"], default=None)

    def predictions(self, family: str) -> NDArray[np.float64] | None:
        """Probabilities (N, K) of the test part, in the order of `prepared.test`; None before the family has finished."""
        return predictions_of(self.children[family]) if family in self.results else None

    def classifier(self, family: str) -> "Classifier":
        """What the family has learned. Raises UserError when it is not in the race or has not finished."""
        child = self.children.get(family)
        if child is None or family not in self.results:
            raise UserError("Family {family} has not finished in race {run}.", family=family, run=self.run.id)
        return classifier_of(child)


def open_race(run: Run) -> Race:
    """Raises UserError when the run is broken or no race."""
    if not isinstance(run.settings, RaceConfig):
        raise run.problem or UserError("Run {run} is no race of classifiers.", run=run.id)
    return Race(run, run.settings)


def is_entrant(child: Run) -> bool:
    """Whether it runs in a lane of the race, and is not a point of a curve against data size."""
    return isinstance(child.settings, ClassifyConfig) and child.settings.share == 1


def outcome_of(child: Run) -> dict[str, Any] | None:
    """What came out of a family: accuracy, macro_f1, seconds, parameters and more; None before it has finished."""
    result = read_object(child.folder / RESULT)
    return result if result is not None and isinstance(result.get("macro_f1"), int | float) else None


def predictions_of(child: Run) -> NDArray[np.float64]:
    """Probabilities (N, K) of the test part by a family that has finished."""
    from safetensors.numpy import load_file

    path = child.folder / PREDICTIONS
    return _kept("predictions", path, lambda: load_file(path)["test"].astype(np.float64))


def classifier_of(child: Run) -> "Classifier":
    """What a run of the kind "classify" has learned. Raises UserError before it has finished."""
    from llm_core.inference.classifiers.base import load_classifier

    if child.problem is not None:
        raise child.problem
    if outcome_of(child) is None:
        raise UserError("Run {run} has not finished: it has no classifier yet.", run=child.id)
    if child.read_only and not (child.folder / CLASSIFIER).is_dir():
        raise UserError("The classifier {family} did not fit into what comes with the program; start the race anew to use it.", family=child.name)  # fmt: skip
    return _kept("classifier", child.folder, lambda: load_classifier(child.folder / CLASSIFIER))


def race_of(child: Run) -> Run:
    """The race in whose folder a run of the kind "classify" stands."""
    return open_run(child.folder.parents[1], child.corpora, read_only=child.read_only)


def prepared_for(run: Run, settings: RaceConfig) -> Prepared:
    """Read a race's table; where its split is written down, check that it is the same. Raises UserError."""
    prepared = prepare_table(settings.table)
    split = read_object(run.folder / SPLIT)
    if split is not None and split != split_of(prepared):
        raise UserError("The table of race {run} has changed since it ran; run the race anew.", run=run.id)
    return prepared


def split_of(prepared: Prepared) -> dict[str, Any]:
    """What `split.json` holds: the row numbers of both parts, as a spreadsheet counts them, and the classes in order."""
    return {
        "training": list(prepared.training.rows),
        "test": list(prepared.test.rows),
        "names": list(prepared.training.names),
    }


_MOST_KEPT = {"table": 3, "classifier": 18, "predictions": 54}
_memory: dict[str, OrderedDict[Path, Any]] = {kind: OrderedDict() for kind in _MOST_KEPT}
_lock = threading.Lock()


def _kept(kind: str, path: Path, make: Callable[[], Kept]) -> Kept:
    """What finished folders hold never changes, so that it is read once."""
    memory = _memory[kind]
    with _lock:
        if path in memory:
            memory.move_to_end(path)
            found: Kept = memory[path]
            return found
    made = make()
    with _lock:
        memory[path] = made
        while len(memory) > _MOST_KEPT[kind]:
            memory.popitem(last=False)
    return made
