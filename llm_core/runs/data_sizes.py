"""Accuracy against the number of training texts: where the points of a race are kept, and how more come about. Knows no
torch.

They are rows of the kind "size" in the history of a run of the kind "data_sizes".
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from llm_core.config import parse
from llm_core.runs import history
from llm_core.runs.history import Row
from llm_core.runs.raced import Race
from llm_core.runs.run import Run
from llm_core.runs.sized import DataSizesConfig
from llm_core.runs.store import Store


@dataclass(frozen=True)
class Point:
    """A family that has learned from `texts` training texts, scored on the whole test part; fractions."""

    family: str
    texts: int
    accuracy: float
    low: float
    high: float
    macro_f1: float


def start(store: Store, race: Race, owner: str, families: Sequence[str]) -> Run:
    """Have these families fitted on shares of the training part by a worker: the run that does it, a new one unless one
    is at it already. One of the owner's that was stopped goes on. Raises UserError for no or unknown families."""
    for known in find_runs(store, race.run):
        if known.status().under_way:
            return known
        same = isinstance(known.settings, DataSizesConfig) and set(known.settings.families) == set(families)
        if same and known.owner == owner and known.status().state in ("paused", "stopped", "interrupted"):
            store.want(known, "running", owner=owner)
            store.start(known, owner)
            return known
    values = {"race": race.run.id, "families": list(families), "seed": race.settings.seed}
    config = parse(DataSizesConfig, values)
    made = store.create(config, name=f"data sizes of {race.run.name}", owner=owner)
    store.start(made, owner)
    return made


def find_runs(store: Store, race: Run) -> list[Run]:
    """The runs that fit families of this race on shares of its training part, the newest first."""
    return [one for one in store.runs(kind="data_sizes", about=race.id) if isinstance(one.settings, DataSizesConfig)]


def points(race: Race, runs: Sequence[Run]) -> tuple[Point, ...]:
    """What is known: the points of these runs, of two about the same the one of the newest run, and what the race itself
    found with all training texts; by family, then by the number of texts."""
    found = {
        (point.family, point.texts): point for run in reversed(runs) for point in read(history.records(run.folder))
    }
    measured = {family for family, _texts in found}
    for family, result in race.results.items():
        if family in measured:
            whole = Point(
                family, int(result["texts"]), *(float(result[name]) for name in ("accuracy", "accuracy_low", "accuracy_high", "macro_f1"))
            )  # fmt: skip
            found[family, whole.texts] = whole
    return tuple(found[key] for key in sorted(found))


def read(rows: Iterable[Row]) -> tuple[Point, ...]:
    """The points in a history; a broken row is left out."""
    kept = []
    for row in rows:
        numbers = [row.get(name) for name in ("accuracy", "low", "high", "macro_f1")]
        family, texts = row.get("family"), row.get("texts")
        whole = isinstance(family, str) and type(texts) is int and texts > 0
        if row.get("kind") == "size" and whole and all(isinstance(n, int | float) for n in numbers):
            kept.append(Point(str(family), int(texts or 0), *(float(n or 0) for n in numbers)))
    return tuple(kept)
