"""Working on a race: one family after another on the same split, each in the folder of its own child run.

They share one worker: on two cores, families that ran side by side would only take each other's time.
"""

import contextlib
import time
from collections.abc import Iterator, Mapping
from typing import Any

from llm_core.devices import use_threads
from llm_core.errors import UserError
from llm_core.runs import slots
from llm_core.runs import status as statuses
from llm_core.runs.budget import Budget
from llm_core.runs.curve import Curve
from llm_core.runs.entrant import Entry, enter, options_for
from llm_core.runs.failure import is_full, plain, sentence_of
from llm_core.runs.files import moment, replace_json, sweep
from llm_core.runs.history import Row
from llm_core.runs.job import Clock, Job, Noted, Progress
from llm_core.runs.locks import Lock
from llm_core.runs.race import ClassifyConfig, family_of
from llm_core.runs.raced import SPLIT, open_race, outcome_of, prepared_for, split_of
from llm_core.runs.run import Run
from llm_core.runs.status import State, Status, as_json
from llm_core.runs.store import Store
from llm_core.training import atomic
from llm_core.training.classifiers.base import Family
from llm_core.training.records import Finish, Snapshot


class RaceJob(Job):
    """A family that has finished, or failed, is not fitted again; one that was under way begins anew."""

    def __init__(self, run: Run, families: Mapping[str, Family] | None = None) -> None:
        super().__init__(run)
        self._settings = open_race(run).settings
        self._given = families

    def prepare(self, progress: Progress) -> None:
        began = time.monotonic()
        self._prepared = prepared_for(self.run, self._settings)
        progress(0.4)
        replace_json(self.run.folder / SPLIT, split_of(self._prepared))
        self._children = self._enlist()
        self._families = self._given or families_of(self.run)
        progress(0.8)
        use_threads(self._settings.threads or slots.default_threads())
        self._preparing = time.monotonic() - began

    def resume_step(self) -> int | None:
        return None

    def records(self, clock: Clock) -> Iterator[Noted | Finish]:
        lanes = self._settings.lanes
        done = [result for lane in lanes if (result := outcome_of(self._children[lane]))]
        waiting = [lane for lane in lanes if not _is_over(self._children[lane])]
        spent = self._preparing + sum(moment(result.get("all_seconds")) for result in done)
        budget = Budget(self._settings.seconds, each=self._settings.per_family, spent=spent)
        for result in done:
            budget.learn(result)
        for number, lane in enumerate(waiting):
            yield from self._run_lane(lane, len(waiting) - number, budget, clock)
        yield Finish(len(lanes), "finished")

    def write(self, snapshot: Snapshot) -> None:
        raise NotImplementedError("a race keeps its classifiers in the folders of its children")

    def snapshot(self) -> Snapshot | None:
        return None

    def _enlist(self) -> dict[str, Run]:
        """The child run in every lane, made where there is none yet."""
        store = Store(self.run.folder.parent)
        known = open_race(self.run).lanes
        for lane in self._settings.lanes:
            if lane not in known:
                family = family_of(lane)
                config = ClassifyConfig(
                    race=self.run.id, family=family, seconds=self._settings.seconds, seed=self._settings.seed,
                    threads=self._settings.threads, augmentation=None if lane == family else "none",
                )  # fmt: skip
                store.create(config, name=lane, owner=self.run.owner)
        return open_race(self.run).lanes

    def _allotted(self, lane: str, waiting: int, budget: Budget) -> float:
        """Seconds for the next lane: what the same family had with augmentation, so that only that differs, else its part
        of what is left."""
        before = outcome_of(self._children[family_of(lane)]) if lane != family_of(lane) else None
        return budget.allot(waiting) if before is None else moment(before.get("allotted"))

    def _run_lane(self, lane: str, waiting: int, budget: Budget, clock: Clock) -> Iterator[Noted]:
        child, began, seconds = self._children[lane], clock(), self._allotted(lane, waiting, budget)
        assert isinstance(child.settings, ClassifyConfig)
        family, augmentation = child.settings.family, child.settings.augmentation
        over = len(self._settings.lanes) - waiting

        def noted(row: Row | None, share: float) -> Noted:
            taken = clock() - began
            named = None if row is None else {**row, "family": family, "lane": lane}
            whole = (over + min(1.0, share)) / len(self._settings.lanes)
            return Noted(named, budget.spent + taken, whole, budget.left(waiting, seconds, taken))

        state: State = "stopped"
        sentence = None
        with _held(child):
            _say(child, "running", {})
            try:
                yield noted({"kind": "family", "run": child.id, "state": "running", "budget": seconds}, 0)
                curve = Curve(self._settings.folds or 0)
                entry = Entry(
                    self._families[family], seconds, self._settings.seed, options_for(self._settings, augmentation),
                    folds=self._settings.folds,
                )  # fmt: skip
                for record in enter(entry, self._prepared, child, clock):
                    yield noted(curve.row(record), curve.share)
                state = "finished"
            except Exception as error:
                if is_full(error) or not child.folder.is_dir():
                    raise
                sentence = sentence_of(error, self.run.folder / "log.txt")
                state = "failed"
            finally:
                _say(child, state, _told(sentence))
        if sentence is not None:
            yield noted({"kind": "family", "run": child.id, "state": "failed", **_told(sentence)}, 1)
        elif result := outcome_of(child):
            budget.learn(result)
        budget.spent += clock() - began


def families_of(race: Run) -> Mapping[str, Family]:
    """The families that a race may run. Imports all of them, torch among them."""
    from llm_core.runs.families import families_for

    return families_for(open_race(race).settings, Store(race.folder.parent))


def _is_over(child: Run) -> bool:
    return outcome_of(child) is not None or child.status().state == "failed"


@contextlib.contextmanager
def _held(child: Run) -> Iterator[None]:
    """Hold a child's lock, so that nobody else works on it, and clear what a killed worker has left in its folder."""
    with Lock(child.folder / statuses.LOCK) as lock:
        if not lock.acquire(timeout=1.0):
            raise UserError("Run {run} is already under way in another process.", run=child.id)
        sweep(child.folder)
        atomic.sweep(child.folder)
        yield


def _say(child: Run, state: State, told: Mapping[str, Any]) -> None:
    """Write a child's status. While it runs the race's own is the sign of life."""
    heartbeat = 0.0 if state == "running" else time.time()
    with contextlib.suppress(OSError):
        replace_json(child.folder / "status.json", as_json(Status(state=state, heartbeat=heartbeat, **told)))


def _told(sentence: UserError | None) -> dict[str, Any]:
    return {} if sentence is None else {"template": sentence.template, "values": plain(sentence.values)}
