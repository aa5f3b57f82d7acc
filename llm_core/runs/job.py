"""What a worker does for one kind of run: prepare, then yield records, and keep what they offer."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from llm_core.interpret.attention.head_rows import Heads, Scored, Underway
from llm_core.runs.history import Row
from llm_core.runs.run import Run
from llm_core.runs.status import Status
from llm_core.training.records import Record, Snapshot

Progress = Callable[[float], None]
Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Noted:
    """A row for the history just as it is, or None for a sign of life, and how the run stands with it: seconds of work,
    the share of it that is done, and seconds that remain. A row names no `step`: a resumed run takes such back."""

    row: Row | None
    seconds: float
    share: float
    remaining: float | None


Yielded = Record | Heads | Scored | Underway | Noted
"""What work yields: rows for the history, and signs of life, which are none."""


class Working(Protocol):
    """How a worker works on the child of its run, step by step: `llm_core.runs.worker.working`."""

    def __call__(self, run: Run, *, clock: Clock, report: Callable[[Row], None]) -> Iterator[Status]: ...


class Job(ABC):
    """One run's work. Its worker holds the run's lock, so that it is the only one at it."""

    working: Working
    """Given by the worker before anything is asked of the job."""

    def __init__(self, run: Run) -> None:
        self.run = run

    @abstractmethod
    def prepare(self, progress: Progress) -> None:
        """Get ready, telling the share done and so giving a sign of life. `progress` may raise, to stop it."""

    @abstractmethod
    def resume_step(self) -> int | None:
        """The step that `records` will go on after; None when it begins anew."""

    @abstractmethod
    def records(self, clock: Clock) -> Iterator[Yielded]:
        """The work itself. `clock` stands still while the run is paused."""

    @abstractmethod
    def write(self, snapshot: Snapshot) -> None:
        """Keep a snapshot; it is safe on the disk when this returns. Raises DiskFull or RunFailed."""

    @abstractmethod
    def snapshot(self) -> Snapshot | None:
        """A full snapshot of this moment, right after a Step; None where the work cannot be taken up from here."""

    def comparisons(self) -> list[Row]:
        """History rows of kind "baseline" to compare with, once work is under way."""
        return []
