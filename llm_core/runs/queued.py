"""The queue on the disk: a small file for each run that waits or has a turn, in `.queue` beside the runs.

Whoever changes it holds one lock, so that two servers on the same runs never give one turn twice; and nothing is kept
elsewhere, so that a server which is killed and started again misses nothing. Only this folder is read again and again,
never those of all runs.
"""

import contextlib
import dataclasses
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

from llm_core.errors import UserError
from llm_core.runs import slots
from llm_core.runs import status as statuses
from llm_core.runs.files import moment, read_object, replace_json, sweep
from llm_core.runs.limits import running_limits
from llm_core.runs.locks import Lock, held
from llm_core.runs.names import CHILDREN, ID, root_of
from llm_core.runs.queue import SHORT_KINDS, Entry, next_turns, places
from llm_core.runs.run import Run
from llm_core.runs.status import QUEUE

SERVED = "served.json"
PATIENCE = 10.0
"""Seconds to wait for whoever changes the queue; each takes milliseconds."""
UNSPAWNED = 5.0
"""Seconds after which a turn without a process was lost with the server that gave it."""
MOMENT = 0.25
"""Seconds for which the places that were counted hold."""
REMEMBERED = 1000
"""How many owners it is remembered of when they were last given a turn."""


class Queue:
    """The queue of one folder of runs. Safe to share among threads and processes."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / QUEUE
        self._seen: tuple[float, dict[str, tuple[int, int]]] = -math.inf, {}

    def entries(self) -> list[Entry]:
        """All that wait or have a turn, in no order. A broken file counts as missing."""
        try:
            names = [path for path in self.folder.iterdir() if path.suffix == ".json" and ID.fullmatch(path.stem)]
        except OSError:
            return []
        return [entry for path in names if (entry := _read(path)) is not None]

    def find(self, run: str) -> Entry | None:
        """The entry of one run; None where it is not in the queue."""
        return _read(self._path(run))

    def place(self, run: str) -> tuple[int, int] | None:
        """Which place a run has among those that wait beside it, 1 for the next, and how many those are; None where it does
        not wait. As it was a moment ago: a whole class may ask several times a second."""
        at, found = self._seen
        now = time.monotonic()
        if now - at > MOMENT:
            found = places(self.entries(), self._served())
            self._seen = now, found
        return found.get(run)

    @property
    def crowded(self) -> bool:
        """Whether somebody waits for a turn."""
        return any(entry.given is None for entry in self.entries())

    # ---- asking for a turn, and giving it back

    def ask(self, run: Run, process: psutil.Process | None = None) -> None:
        """Put a run into the queue; one that is there keeps its place. `process`: the worker that asks for itself.

        Raises UserError where the queue cannot be written.
        """
        with self._changing():
            entry = _read(self._path(run.id))
            if entry is None:
                if process is None and run.alive() and not statuses.asked_for(run.folder):
                    return  # its worker has heard the wish already
                at = statuses.wanted(run.folder).at or time.time()
                entry = Entry(run.id, run.owner, at, _threads(run), run.kind in SHORT_KINDS, parent=_parent(run))
            elif process is None:
                return
            if process is not None:
                entry = dataclasses.replace(entry, pid=process.pid, started=process.create_time())
            self._write(entry)

    def turn(self, run: Run) -> Entry | None:
        """For a worker that has asked: its entry once it has its turn. Takes it where it is the next, server or not."""
        entry = _read(self._path(run.id))
        if entry is None:
            self.ask(run, psutil.Process())  # somebody took its file away
        elif entry.given is not None:
            return entry
        with self._changing():
            for chosen in self._next():
                if chosen.id == run.id:
                    return self._give(chosen)
        return None

    def leave(self, run: Run) -> None:
        """Take a run that waits out of the queue. Nothing happens to one that has its turn: its worker hears the wish."""
        if not self._path(run.id).exists():
            return
        with self._changing():
            entry = _read(self._path(run.id))
            if entry is not None and entry.given is None:
                self._path(run.id).unlink(missing_ok=True)

    def give_back(self, run: Run, process: psutil.Process) -> None:
        """For a worker that pauses or ends: its turn is over. Where the run was asked for again meanwhile, it waits anew."""
        with self._changing():
            entry = _read(self._path(run.id))
            if entry is not None and entry.pid == process.pid:
                self._end(entry, run.folder)

    def give_turns(self, spawn: Callable[[Path], psutil.Process], asking: str | None = None) -> bool:
        """Give all turns that are free and start a process for each: `spawn` has the run's folder, and may raise. Whether
        somebody still waits.

        Raises what `spawn` raises, when all others have been served; that run waits on. With `asking`, the run of who
        presses Start, only what it raises for that one.
        """
        failed: dict[str, Exception] = {}
        with self._changing():
            for entry in self._next():
                given = self._give(entry)
                if entry.pid is not None:
                    continue  # a worker that waits with everything in its memory sees its turn by itself
                try:
                    process = spawn(self._folder(entry))
                except Exception as error:
                    self._write(dataclasses.replace(entry, aside=False))
                    failed[entry.id] = error
                    continue
                self._write(dataclasses.replace(given, pid=process.pid, started=process.create_time()))
            waits = any(entry.given is None for entry in self.entries())
        for run, reason in failed.items():
            if asking in (None, run):
                raise reason
        return waits

    # ---- under the lock

    @contextlib.contextmanager
    def _changing(self) -> Iterator[None]:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with Lock(self.folder / ".lock") as lock:
                if not lock.acquire(timeout=PATIENCE):
                    raise UserError("The queue of runs is busy; try again in a moment.")
                yield
        except OSError as error:
            reason = error.strerror or str(error)
            raise UserError("The queue of runs cannot be written: {reason}.", reason=reason) from error

    def _next(self) -> list[Entry]:
        """Those whose turn it is, among all that the queue still holds when what is over has been swept."""
        sweep(self.folder)
        present = [swept for entry in self.entries() if (swept := self._swept(entry)) is not None]
        # A run that another worker still holds cannot begin yet, and must not keep a place from one that can.
        ready = [entry for entry in present if entry.given or entry.pid or not self._alive(entry)]
        return next_turns(ready, self._served(), slots.budget(), running_limits(self.root))

    def _swept(self, entry: Entry) -> Entry | None:
        """An entry as it is to be; None for one that is over, whose file is gone then."""
        folder = self._folder(entry)
        if not folder.is_dir():
            self._path(entry.id).unlink(missing_ok=True)
            return None
        living = statuses.same_process(entry.pid, entry.started) is not None
        if entry.given is None:
            if not living and not statuses.asked_for(folder):
                self._path(entry.id).unlink(missing_ok=True)  # stopped, or gone through by a worker of its own
                return None
            if entry.pid is not None and not living:
                entry = dataclasses.replace(entry, pid=None, started=None)
                self._write(entry)
            return entry
        if living or self._alive(entry):
            return entry
        if entry.pid is None:
            if 0 <= time.time() - entry.given < UNSPAWNED:
                return entry
            entry = dataclasses.replace(entry, given=None, aside=False)  # its server went before it had a process
            self._write(entry)
            return entry
        return self._end(entry, folder)

    def _end(self, entry: Entry, folder: Path) -> Entry | None:
        """The end of a turn: the run leaves, or waits anew where it was asked for since its worker's last word."""
        wish = statuses.wanted(folder)
        if entry.given is not None and wish.at > entry.given and statuses.asked_for(folder):
            again = Entry(entry.id, entry.owner, wish.at, entry.threads, entry.short, parent=entry.parent)
            self._write(again)
            return again
        self._path(entry.id).unlink(missing_ok=True)
        return None

    def _give(self, entry: Entry) -> Entry:
        now = time.time()
        given = dataclasses.replace(entry, given=now)
        self._write(given)
        served = {**self._served(), (entry.owner, entry.short): now}
        newest = sorted(served.items(), key=lambda pair: -pair[1])[:REMEMBERED]
        replace_json(self.folder / SERVED, {"turns": [[owner, short, at] for (owner, short), at in newest]})
        return given

    def _served(self) -> dict[tuple[str, bool], float]:
        rows = (read_object(self.folder / SERVED) or {}).get("turns")
        rows = [row for row in rows if isinstance(row, list) and len(row) == 3] if isinstance(rows, list) else []
        return {(str(owner), bool(short)): moment(at) for owner, short, at in rows}

    def _alive(self, entry: Entry) -> bool:
        return held(self._folder(entry) / statuses.LOCK)

    def _folder(self, entry: Entry) -> Path:
        """Where the run of an entry stands."""
        return (self.root if entry.parent is None else self.root / entry.parent / CHILDREN) / entry.id

    def _path(self, run: str) -> Path:
        return self.folder / f"{run}.json"

    def _write(self, entry: Entry) -> None:
        replace_json(self._path(entry.id), dataclasses.asdict(entry))


def queue_of(run: Run) -> Queue:
    """The queue that a run stands in."""
    return Queue(root_of(run.folder))


def _read(path: Path) -> Entry | None:
    values = read_object(path)
    if values is None or not isinstance(values.get("owner"), str):
        return None
    given, pid, threads = values.get("given"), values.get("pid"), values.get("threads")
    parent = values.get("parent")
    return Entry(
        path.stem, values["owner"], moment(values.get("at")), max(1, threads) if type(threads) is int else 1,
        values.get("short") is True, None if given is None else moment(given), values.get("aside") is True,
        pid if type(pid) is int else None, moment(values.get("started")),
        parent if isinstance(parent, str) and ID.fullmatch(parent) else None,
    )  # fmt: skip


def _parent(run: Run) -> str | None:
    return run.folder.parents[1].name if run.folder.parent.name == CHILDREN else None


def _threads(run: Run) -> int:
    settings = run.settings
    return getattr(getattr(settings, "training", settings), "threads", None) or slots.default_threads()
