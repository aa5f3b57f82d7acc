"""Thousands of runs listed at once: of each what a row of a table says, read without its settings being checked.

What was read is kept by the times and sizes of its files, so that a look costs a few calls of the system for each run; a
server that has just begun finds it in a file beside the runs. That file is a cache: it is believed only where times and
sizes are still the same, and made anew where it is missing or broken.
"""

import contextlib
import json
import os
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from llm_core.runs import status as statuses
from llm_core.runs.files import moment, read_object, replace_text
from llm_core.runs.locks import held
from llm_core.runs.names import ID, LONGEST_NAME
from llm_core.runs.run import FORMAT, KINDS, Run
from llm_core.runs.status import Status, Wanted
from llm_core.runs.tags import tags_of

INDEX = ".index.jsonl"
WORTH_KEEPING = 200
"""So many runs read anew are written to the index; fewer are read again in no time."""
_SETTLED = 1_000_000_000
"""Nanoseconds after which a time of the file system tells two writes apart for certain."""
_SHARE = 10
"""A look at all runs is taken at most so rarely that it uses this part of the time."""
_RESTING = ("finished", "diverged", "failed", "stopped")
_USUAL = Status()

Stamp = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Fixed:
    """What never changes of a run, as its `run.json` says. `about`: the run or race whose model it looks at, or empty;
    `corpus`: the name of its text or table, without its folder. `broken`: it is none of this program's."""

    id: str
    kind: str
    owner: str
    created: float
    recipe: str
    corpus: str
    about: str
    broken: bool


@dataclass(frozen=True, slots=True)
class Moving:
    """What does change: its name, its tags, what its worker last said, what is wished of it, and how the worker ended."""

    name: str
    tags: tuple[str, ...]
    last: Status | None
    wish: Wanted
    end: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Summary:
    """A row of the list. `stamp` changes when anything in its folder does; `read_only`: it came with the program."""

    fixed: Fixed
    name: str
    tags: tuple[str, ...]
    status: Status
    stamp: Stamp
    folder: Path
    read_only: bool = False

    @property
    def id(self) -> str:
        """The id of the run, or the name of a bundled one."""
        return self.fixed.id

    @property
    def loss(self) -> float | None:
        """Nats per token: of held-out text where that has been looked at, else of the last step."""
        return self.status.loss if self.status.validation_loss is None else self.status.validation_loss


class Listing:
    """The runs in one folder. Safe to share among threads."""

    def __init__(self, root: Path, *, index: bool = True) -> None:
        self.root = root
        self._index = root / INDEX if index else None
        self._lock, self._looking = threading.RLock(), threading.RLock()
        self._fixed: dict[str, tuple[Stamp, Fixed]] = {}
        self._moving: dict[str, tuple[Stamp, Moving]] = {}
        self._sizes: dict[str, tuple[Stamp, int]] = {}
        self._root: Stamp = ()
        self._sorted: tuple[Fixed, ...] = ()
        self._looked = (0.0, 0.0)
        self._changes = 0
        self.looked = False
        """Whether all runs have been looked at since this process began: then another look is quick."""
        self._seen: tuple[Summary, ...] = ()
        self._unwritten = 0
        self._loaded = False

    def fixed(self, *, thorough: bool = False) -> Sequence[Fixed]:
        """What never changes of all runs, newest first: those that there are now. `thorough` finds those, too, whose
        `run.json`, which is written once, was changed all the same."""
        with self._lock:
            self._load()
            found, known = {}, self._fixed
            now = time.time_ns()
            before = _stamp(self.root)
            if before == self._root and not thorough:
                return self._sorted
            for identity in self._names():
                stamp = _stamp(self.root / identity / "run.json")
                kept = known.get(identity)
                if kept is None or kept[0] != stamp:
                    kept = stamp if _is_settled(stamp, now) else (), read_fixed(self.root / identity)
                    self._unwritten += 1
                found[identity] = kept
            self._fixed = found
            self._sorted = tuple(sorted((one for _stamp, one in found.values()), key=lambda one: -one.created))
            # A run that comes or goes changes the time of the folder that all stand in.
            self._root = before if _is_settled(before, now) else ()
            return self._sorted

    def summaries(self, *, fresh: bool = False) -> Sequence[Summary]:
        """All runs as they stand, newest first; what was seen a moment ago unless `fresh`."""
        with self._looking:  # another lock than that of short looks, which need not wait for a long one
            at, took = self._looked
            if not fresh and time.monotonic() < at + _SHARE * took:
                return self._seen
            began, changes = time.monotonic(), self._changes
            seen = tuple(self._summary(fixed) for fixed in self.fixed(thorough=True))
            with self._lock:
                self._seen = seen
                here = {one.id for one in seen}
                self._moving = {identity: kept for identity, kept in self._moving.items() if identity in here}
                self._sizes = {identity: kept for identity, kept in self._sizes.items() if identity in here}
                self.looked = True
                if changes == self._changes:
                    self._looked = time.monotonic(), time.monotonic() - began
                worth = self._unwritten >= WORTH_KEEPING
                self._unwritten = 0 if worth else self._unwritten
            if worth:
                threading.Thread(target=self.write_index, daemon=True).start()
            return seen

    def rows(self, some: Sequence[Fixed]) -> list[Summary]:
        """A few of the runs as they stand, without a look at all others."""
        return [self._summary(fixed) for fixed in some]

    def forget(self) -> None:
        """Something was changed here: the next look is a new one."""
        with self._lock:
            self._looked = 0.0, 0.0
            self._changes += 1

    def size(self, summary: Summary) -> int | None:
        """How many bytes the run takes on the disk, where that has been measured since it last changed."""
        kept = self._sizes.get(summary.id)
        return kept[1] if kept is not None and kept[0] == summary.stamp else None

    def keep_sizes(self, sizes: Mapping[str, tuple[Stamp, int]]) -> None:
        """Keep what was measured of runs as they were then."""
        with self._lock:
            self._sizes |= sizes
            self._unwritten += len(sizes)

    def write_index(self) -> None:
        """Write what is known beside the runs. Where that cannot be, nothing is lost."""
        with self._lock:
            if self._index is None:
                return
            lines = [
                json.dumps([stamp, asdict(fixed), *self._known(identity)], ensure_ascii=False, separators=(",", ":"))
                for identity, (stamp, fixed) in self._fixed.items()
            ]
        with contextlib.suppress(OSError, ValueError):
            replace_text(self._index, "\n".join(lines) + "\n")

    def _known(self, identity: str) -> tuple[Stamp, dict[str, Any] | None, tuple[Stamp, int] | None]:
        stamp, moving = self._moving.get(identity, ((), None))
        return stamp, None if moving is None else _as_json(moving), self._sizes.get(identity)

    def _load(self) -> None:
        if self._loaded:
            return
        self._loaded = True
        if self._index is None:
            return
        try:
            lines = self._index.read_text(encoding="utf-8").splitlines()
        except (OSError, ValueError):
            return
        with contextlib.suppress(ValueError, TypeError, KeyError, AttributeError, RecursionError):
            for line in lines:
                stamp, fixed, moved, moving, size = json.loads(line)
                one = Fixed(**fixed)
                self._fixed[one.id] = tuple(stamp), one
                if moving is not None:
                    self._moving[one.id] = tuple(moved), _from_json(moving)
                if size is not None:
                    self._sizes[one.id] = tuple(size[0]), int(size[1])

    def _names(self) -> list[str]:
        try:
            with os.scandir(self.root) as entries:
                return [e.name for e in entries if ID.fullmatch(e.name) and e.is_dir(follow_symlinks=False)]
        except OSError:
            return []

    def _summary(self, fixed: Fixed) -> Summary:
        folder = self.root / fixed.id
        stamp = _stamp(folder) + _stamp(folder / "status.json")
        kept = self._moving.get(fixed.id)
        if kept is None or kept[0] != stamp:
            settled = _is_settled(stamp, time.time_ns())
            kept = stamp if settled else (), read_moving(folder)
            with self._lock:
                self._moving[fixed.id] = kept
                self._unwritten += settled
        moving = kept[1]
        return Summary(fixed, moving.name or fixed.id, moving.tags, _standing(folder, moving), stamp, folder)


def read_fixed(folder: Path) -> Fixed:
    """What a run's `run.json` says, its settings not checked. Never raises."""
    values = read_object(folder / "run.json") or {}
    kind, config = values.get("kind"), values.get("config")
    whole = values.get("format") == FORMAT and isinstance(kind, str) and kind in KINDS and isinstance(config, dict)
    config = config if isinstance(config, dict) else {}
    data, table = config.get("data"), config.get("table")
    corpus = (
        data.get("corpus") if isinstance(data, dict) else table.get("file") if isinstance(table, dict) else config.get("file")
    )  # fmt: skip
    about = config.get("run") or config.get("race")
    recipe = values.get("recipe")
    return Fixed(
        folder.name, str(kind or "")[:40], str(values.get("owner", ""))[:40], moment(values.get("created")),
        recipe if isinstance(recipe, str) else "", last_part(corpus) if isinstance(corpus, str) else "",
        about if isinstance(about, str) else "", not whole,
    )  # fmt: skip


def last_part(corpus: str) -> str:
    """The name of a text or table that may be given as a path: where things lie on this computer is nobody's business."""
    return corpus.replace("\\", "/").rstrip("/").rpartition("/")[2][-80:]


def read_moving(folder: Path) -> Moving:
    """What changes of a run, read from its folder. Never raises."""
    try:
        name = (folder / "name.txt").read_text(encoding="utf-8", errors="replace")[:LONGEST_NAME].strip()
    except OSError:
        name = ""
    end = read_object(folder / "exit.json")
    return Moving(name, tags_of(folder), statuses.recorded(folder), statuses.wanted(folder), end)


def summary_of(run: Run, *, fixed: Fixed | None = None) -> Summary:
    """The row of one run that has been opened: a bundled one, or the child of another."""
    return Summary(
        fixed or read_fixed(run.folder), run.name, tags_of(run.folder), run.status(),
        _stamp(run.folder) + _stamp(run.folder / "status.json"), run.folder, run.read_only,
    )  # fmt: skip


def text_searched(summary: Summary, more: Iterable[str] = ()) -> str:
    """All that a search looks through, without the difference of capitals."""
    fixed = summary.fixed
    return "\n".join((summary.name, fixed.recipe, fixed.corpus, *summary.tags, fixed.id, fixed.kind, *more)).casefold()


def _standing(folder: Path, moving: Moving) -> Status:
    last, wish = moving.last, moving.wish
    if last is not None and last.state in _RESTING and not (wish.state == "running" and wish.at > last.heartbeat):
        return last
    alive = held(folder / statuses.LOCK)
    turn = None if alive else statuses.turn_of(folder)
    return statuses.derive(last, wish, alive, time.time(), moving.end, turn)


def _stamp(path: Path) -> Stamp:
    try:
        found = path.stat()
    except OSError:
        return (0, 0)
    return found.st_mtime_ns, found.st_size


def _is_settled(stamp: Stamp, now: int) -> bool:
    """Whether no write can come that leaves these times as they are. A time is as fine as the clock of the system."""
    return all(written < now - _SETTLED for written in stamp[::2])


def _as_json(moving: Moving) -> dict[str, Any]:
    last = moving.last
    said = None if last is None else {f.name: getattr(last, f.name) for f in fields(Status) if getattr(last, f.name) != getattr(_USUAL, f.name)}  # fmt: skip
    return {"name": moving.name, "tags": moving.tags, "last": said, "wish": asdict(moving.wish), "end": moving.end}


def _from_json(values: Mapping[str, Any]) -> Moving:
    last = values["last"]
    return Moving(
        str(values["name"]), tuple(map(str, values["tags"])), None if last is None else Status(**last),
        Wanted(**values["wish"]), values["end"],
    )  # fmt: skip
