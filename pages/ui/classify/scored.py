"""A race as the panels of results look at it: the test texts, and what every finished family made of them.

What is computed is kept in memory for the last few races, so that a page may ask for it at every run of its script.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from llm_core.data.table_reading import Table
from llm_core.errors import UserError
from llm_core.evaluate.bootstrap import Resampled, resample
from llm_core.evaluate.classification import Floats, Labels, Report, predict, report
from llm_core.evaluate.paired_test import Comparison, compare
from llm_core.evaluate.ranking_curves import Curve, one_against_rest, precision_recall, roc
from llm_core.runs.augmentation_effect import Effect, effects
from llm_core.runs.raced import Race, outcome_of
from pages.ui.text import number

MOST_KEPT = 4
CurveKind = Literal["roc", "precision_recall"]


@dataclass(frozen=True)
class Scored:
    """names: the classes · texts, labels (N,), rows: the test part · probabilities: (N, K) by family, in the order in
    which families are shown · results: what `result.json` says of each · usable: those whose classifier is there · table:
    where `rows` are counted · augmentation: what was added to the training texts, and its effects on each family."""

    run: str
    names: tuple[str, ...]
    texts: tuple[str, ...]
    labels: Labels
    rows: tuple[int, ...]
    probabilities: dict[str, Floats]
    results: dict[str, dict[str, Any]]
    usable: tuple[str, ...]
    label_column: str
    table: Table = field(repr=False)
    augmentation: str = "none"
    effects: tuple[Effect, ...] = ()
    _curves: dict[tuple[CurveKind, str], tuple[Curve | None, ...]] = field(default_factory=dict, repr=False)

    @property
    def families(self) -> tuple[str, ...]:
        """Those that have finished."""
        return tuple(self.probabilities)

    @cached_property
    def predicted(self) -> dict[str, Labels]:
        """The class (N,) that each family gives every text."""
        return {family: predict(found) for family, found in self.probabilities.items()}

    @cached_property
    def reports(self) -> dict[str, Report]:
        """The scores of each family."""
        return {family: report(self.labels, found, len(self.names)) for family, found in self.predicted.items()}

    @cached_property
    def ranked(self) -> tuple[str, ...]:
        """The families, the one with the highest accuracy first."""
        return tuple(sorted(self.families, key=lambda family: -self.reports[family].accuracy))

    @cached_property
    def resampled(self) -> Resampled:
        """The bootstrap of all families on the same draws; columns as in `families`."""
        return resample(self.labels, list(self.predicted.values()), len(self.names))

    @cached_property
    def comparisons(self) -> tuple[Comparison, ...]:
        """McNemar's test for every pair."""
        return compare(self.labels, self.predicted)

    def curves(self, kind: CurveKind, family: str) -> tuple[Curve | None, ...]:
        """The curve of every class against the rest; None for a class that allows none."""
        if (kind, family) not in self._curves:
            make = roc if kind == "roc" else precision_recall
            self._curves[kind, family] = one_against_rest(self.labels, self.probabilities[family], make)
        return self._curves[kind, family]

    def right(self, family: str) -> NDArray[np.bool_]:
        """Which texts the family gives their label: (N,)."""
        found: NDArray[np.bool_] = self.predicted[family] == self.labels
        return found

    def column(self, name: str) -> list[str | None]:
        """What stands in a column of the table beside each test text."""
        place = self.table.columns.index(name)
        cells = {number: row[place] for number, row in zip(self.table.numbers, self.table.rows, strict=True)}
        return [cells.get(number) for number in self.rows]


_lock = threading.Lock()
_kept: "OrderedDict[tuple[Any, ...], Scored]" = OrderedDict()


def scored(race: Race) -> Scored | None:
    """What a race has come to; None before a family has finished. Raises UserError where its folder does not fit."""
    finished = tuple(race.results)
    if not finished:
        return None
    key = race.run.folder, finished, tuple(lane for lane, child in race.lanes.items() if outcome_of(child))
    with _lock:
        if key in _kept:
            _kept.move_to_end(key)
            return _kept[key]
    made = _read(race, finished)
    with _lock:
        _kept[key] = made
        while len(_kept) > MOST_KEPT:
            _kept.popitem(last=False)
    return made


def _read(race: Race, finished: tuple[str, ...]) -> Scored:
    prepared = race.prepared
    test = prepared.test
    probabilities: dict[str, Floats] = {}
    for family in finished:
        found = race.predictions(family)
        if found is None:
            continue
        if found.shape != (len(test), len(test.names)) or not np.isfinite(found).all():
            raise UserError("The predictions of family {family} do not fit the test part of race {run}.", family=family, run=race.run.id)  # fmt: skip
        probabilities[family] = found
    return Scored(
        run=race.run.id, names=test.names, texts=test.texts, labels=test.labels, rows=test.rows, probabilities=probabilities,
        results={family: race.results[family] for family in probabilities}, label_column=prepared.label_column,
        usable=tuple(family for family in probabilities if family in race.usable), table=prepared.test_table,
        augmentation=race.settings.augmentation, effects=effects(race),
    )  # fmt: skip


def percent(share: float) -> str:
    """A fraction as people read it, with three significant digits."""
    return f"{number(100.0 * share)} %"


def points(difference: float) -> str:
    """A difference of two fractions in percentage points, with its sign."""
    return f"{100 * difference:+.1f}".replace("-", "−")


def spread(low: float, high: float) -> str:
    """An interval of fractions."""
    return f"{100 * low:.1f}–{100 * high:.1f} %"


def as_python(run: str, imports: str, lines: str) -> str:
    """A script on the test part of a race: `test`, `predicted` and `probabilities` by family."""
    return f"""\
{imports}
from llm_core.runs.raced import open_race
from llm_core.runs.store import Store

race = open_race(Store().find({run!r}))
test = race.prepared.test
{lines}"""
