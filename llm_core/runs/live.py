"""What a page that watches a run fetches again and again: the new rows, and how the run stands.

Many tabs may watch one run, so that the settled, thinned history is kept in memory and only its new lines are read.
"""

import heapq
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from llm_core.errors import N_
from llm_core.runs import history
from llm_core.runs.diagnosed import diagnosed
from llm_core.runs.status import Status
from llm_core.runs.store import Store

MOST_POINTS = 2000
LONG_WAIT = 90.0
"""Seconds in the queue after which a sentence says that nothing is wrong."""
STILL_WAITS = N_(
    "This run has waited for {minutes} min: all places are taken, and turns go round among all who wait. "
    "It begins by itself, also when this page is closed."
)
MOST_REPLIES = 100.0
"""So many replies a second to all watchers together: a tenth or two of one core."""
_KEPT = 32


def live(store: Store, run_id: str, offset: int = 0) -> dict[str, Any]:
    """The state of a run, and its rows after a byte offset; with offset 0 all of them, at most 2,000.

    `rows` are history rows, of those with many numbers at most about 120 of a kind; one with `resumed_at` takes back
    what a reader holds after that step. `next` is the offset for the next time, `reset` says that the reader must forget
    what it holds, `poll_milliseconds` when to ask again.
    `place`: its place in the queue, 1 for the next, and `waiting`, how many wait in it; null for a run that does not.
    `message` is an English template with its values, or null; `diagnosis` a Diagnosis, or null. Raises UserError when there is no such run.
    """
    run = store.find(run_id)
    status = run.status()
    rows, following = _beginning.rows(run.folder) if offset <= 0 else history.read(run.folder, offset)
    reset = offset <= 0 or following < offset
    if following < offset:
        rows, following = _beginning.rows(run.folder)
    rows = history.decimate(history.settle(rows), MOST_POINTS)
    place = store.queue.place(run.id) if status.state == "waiting" else None
    message = _patience(store, run.id) if place else status
    return {
        "run": run.id,
        "name": run.name,
        "state": status.state,
        "message": {"template": message.template, "values": message.values} if message.template else None,
        "step": status.step,
        "steps": status.steps,
        "tokens": status.tokens,
        "seconds": status.seconds,
        "remaining": status.remaining_seconds,
        "tokens_per_second": status.tokens_per_second,
        "loss": status.loss,
        "validation_loss": status.validation_loss,
        "bits_per_character": status.bits_per_character,
        "progress": status.progress,
        "diagnosis": diagnosed(run, status),
        "place": place[0] if place else None,
        "waiting": place[1] if place else None,
        "rows": [row for row in rows if row.get("kind") != "sample"],
        "samples": [row for row in rows if row.get("kind") == "sample"],
        "next": following,
        "reset": reset,
        "poll_milliseconds": ask_again(status),
    }


def _patience(store: Store, run_id: str) -> Status:
    """What is said to somebody whose run has waited for long; nothing before that."""
    entry = store.queue.find(run_id)
    waited = time.time() - entry.at if entry is not None else 0.0
    if waited < LONG_WAIT:
        return Status()
    return Status(template=STILL_WAITS, values={"minutes": round(waited / 60)})


def poll_milliseconds(status: Status) -> int:
    """How long a page may wait: quick while a run begins, slower as it goes on, rare when nothing moves."""
    if status.state == "running":
        return 300 if status.seconds < 10 else 1000 if status.seconds < 120 else 2000
    return 300 if status.state in ("waiting", "preparing") else 3000


def ask_again(status: Status) -> int:
    """Milliseconds that one page of all that watch runs may wait."""
    return _crowd.interval(poll_milliseconds(status), time.monotonic())


class Crowd:
    """Lets a crowd of watchers ask less often, so that training keeps its cores however many they are.

    Each reply says when its reader will ask again: so many are due that have not asked yet, so many watch.
    """

    def __init__(self, most: float = MOST_REPLIES) -> None:
        self._most = most
        self._due: list[float] = []
        self._lock = threading.Lock()

    def interval(self, milliseconds: int, now: float) -> int:
        """How long a reader is to wait who would ask again after so many milliseconds if it were alone."""
        with self._lock:
            while self._due and self._due[0] < now:
                heapq.heappop(self._due)
            wait = max(milliseconds, round(1000 * (len(self._due) + 1) / self._most))
            heapq.heappush(self._due, now + wait / 1000)
            return wait


_crowd = Crowd()


@dataclass
class _Beginnings:
    """Thinned histories from their start on, each with the offset up to which it was read."""

    kept: OrderedDict[Path, tuple[list[history.Row], int]] = field(default_factory=OrderedDict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def rows(self, folder: Path) -> tuple[list[history.Row], int]:
        with self.lock:
            rows, offset = self.kept.pop(folder, ([], 0))
            while True:
                more, following = history.read(folder, offset)
                if following < offset:  # another file than the one read before
                    rows, offset = [], 0
                    continue
                rows = history.settle(rows + more)
                rows = history.decimate(rows, MOST_POINTS) if len(rows) > 2 * MOST_POINTS else history.thin_heavy(rows)
                if following == offset:
                    break
                offset = following
            self.kept[folder] = rows, offset
            while len(self.kept) > _KEPT:
                self.kept.popitem(last=False)
            return rows, offset


_beginning = _Beginnings()
