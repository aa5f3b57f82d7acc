"""Families of classifiers that need no torch and hardly any time, and a table for them to learn.

Run as a program, it is a worker process on a race whose decision tree hears nothing for a minute:
`python -m tests.runs.fake_families FOLDER`.
"""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llm_core.data.labelled import Labelled
from llm_core.inference.classifiers.base import Classifier
from llm_core.runs.job import Noted
from llm_core.runs.race import FAMILIES
from llm_core.runs.race_job import RaceJob
from llm_core.runs.run import Run, open_run
from llm_core.runs.worker import work
from llm_core.training.classifiers.base import Family, FitOptions, Fitted, Progress

TEXTS = 60


class FakeClassifier(Classifier):
    """Says `good` of what holds that word, with a certainty of 0.9; counts how often each text is read."""

    family = "majority"
    names = ("bad", "good")
    parameters = 7

    def __init__(self, read: list[str]) -> None:
        self.read = read

    def probabilities(self, texts: Sequence[str]) -> NDArray[np.float64]:
        self.read.extend(texts)
        return np.array([[0.1, 0.9] if "good" in text else [0.9, 0.1] for text in texts]).reshape(-1, 2)

    def files(self) -> dict[str, bytes]:
        return {"classifier.json": b'{"family": "majority"}'}


class FakeFamily(Family):
    """Takes `share` of its time, in `parts` parts; `before` is called before each of them with their number."""

    neural = True

    def __init__(
        self, name: str, share: float = 1.0, parts: int = 4, before: Callable[[int], None] | None = None
    ) -> None:
        self.name, self.title, self.share, self.parts, self.before = name, name, share, parts, before
        self.neural = name in FAMILIES[4:]
        self.given: list[tuple[float, tuple[str, ...], int, FitOptions]] = []
        self.read: list[str] = []
        self.wait: Callable[[float], None] = lambda seconds: None

    def fit(
        self, training: Labelled, *, seconds: float, seed: int, options: FitOptions = FitOptions(), clock: Any = None
    ) -> Iterator[Progress | Fitted]:
        self.given.append((seconds, training.texts, seed, options))
        began = clock()
        for part in range(self.parts):
            if self.before is not None:
                self.before(part)
            self.wait(seconds * self.share / self.parts)
            yield Progress(clock() - began, (part + 1) / self.parts, part + 1, part / 2, 0.5, 0.4, 0.5 + part / 10)
        yield Fitted(FakeClassifier(self.read), clock() - began, {"rate": 0.5})


def fakes(*families: FakeFamily) -> dict[str, FakeFamily]:
    """All families, those given here in place of plain ones."""
    return {name: FakeFamily(name) for name in FAMILIES} | {family.name: family for family in families}


def job(families: dict[str, FakeFamily]) -> Callable[[Run], RaceJob]:
    """What `work` takes as `make_job`."""
    return lambda run: RaceJob(run, families)


class Time:
    """A clock that only a family's work moves."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += seconds


def raced(run: Run, families: dict[str, FakeFamily]) -> tuple[float, list[Noted]]:
    """Work on a race by a clock of its own; how long it took, and what it noted."""
    clock = Time()
    began = clock.now
    for family in families.values():
        family.wait = clock.wait
    worked = RaceJob(run, families)
    worked.prepare(lambda share: None)
    worked._preparing = 0.0
    noted = [record for record in worked.records(clock) if isinstance(record, Noted)]
    return clock.now - began, noted


def write_table(folder: Path, rows: int = TEXTS) -> Path:
    """A CSV of so many different texts, every third of them good; of every ten one label is wrong."""
    path = folder / "reviews.csv"
    lines = [
        f"text number {n} is {'good' if n % 3 == 0 else 'poor'} indeed,{'good' if (n % 3 == 0) != (n % 10 == 9) else 'bad'}"
        for n in range(rows)
    ]
    path.write_text("\n".join(["text,label", *lines]) + "\n", encoding="utf-8")
    return path


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    deaf = fakes(FakeFamily("decision_tree", before=lambda part: time.sleep(60)))
    print(work(open_run(folder, folder.parent / "corpora"), make_job=job(deaf)).state)
