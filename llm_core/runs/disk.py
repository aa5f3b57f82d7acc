"""What the runs take on the disk: each of them, the texts beside them, the trash, and what is free.

Of texts those can go that no run names, in the trash or out of it: they are prepared, or brought, again.
"""

import os
import re
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from llm_core.errors import UserError
from llm_core.runs.files import size_of
from llm_core.runs.listing import Stamp, Summary
from llm_core.runs.names import CHILDREN, ID
from llm_core.runs.owners import is_teacher
from llm_core.runs.store import Store

YOUNG = 3600.0
"""Seconds in which a text stays though no run names it: one may just be about to."""
IMPORTED = "imported"
"""The folder among the texts in which files stand that people have brought."""
_DIGEST = re.compile(r"[0-9a-f]{32}")
_PAUSE = 0.002
_KEPT = 60.0
_measuring, _working_out = threading.Lock(), threading.Lock()


@dataclass(frozen=True)
class Use:
    """Bytes. `runs` counts those that are measured; `unneeded` is that part of `texts` which no run names."""

    runs: int
    texts: int
    unneeded: int
    trash: int
    free: int


@dataclass(frozen=True)
class _Known:
    """Bytes of unneeded texts: when they were worked out, and for which runs, here and in the trash."""

    at: float
    runs: tuple[str, ...]
    size: int


_known: dict[Path, _Known] = {}


def measure(store: Store, summaries: "tuple[Summary, ...] | list[Summary]") -> None:
    """Measure the runs of which the size is not known, those first that come first; gently, for others want the disk."""
    found: dict[str, tuple[Stamp, int]] = {}
    for one in summaries:
        if store.listing.size(one) is None:
            found[one.id] = one.stamp, size_of(one.folder)
            if len(found) == 50:
                store.listing.keep_sizes(found)
                found = {}
                time.sleep(_PAUSE)
    store.listing.keep_sizes(found)


def measure_apart(store: Store) -> bool:
    """Have all runs measured by a thread, one at a time; whether there was anything to measure."""
    summaries = list(store.listing.summaries())
    if all(store.listing.size(one) is not None for one in summaries):
        return False
    if _measuring.acquire(blocking=False):

        def work() -> None:
            try:
                measure(store, summaries)
            finally:
                _measuring.release()

        threading.Thread(target=work, name="disk-use", daemon=True).start()
    return True


def use(store: Store) -> Use:
    """What everything takes; runs that are not measured yet count nothing."""
    unneeded = _unneeded_bytes(store)
    try:
        free = shutil.disk_usage(store.root).free
    except OSError:
        free = 0
    runs = sum(store.listing.size(one) or 0 for one in store.listing.summaries())
    return Use(runs, size_of(store.corpora), unneeded, size_of(store.trash), free)


def _unneeded_bytes(store: Store) -> int:
    """What `unneeded_texts` takes, worked out at most once a minute while no run comes or goes: it reads two files of every
    run, and open pages ask every other second."""
    with _working_out:
        runs = (*(one.id for one in store.listing.fixed()), "/", *sorted(path.name for path in _entries(store.trash)))
        known = _known.get(store.root)
        if known is None or known.runs != runs or not known.at <= time.monotonic() < known.at + _KEPT:
            size = sum(size_of(folder) for folder in unneeded_texts(store))
            known = _known[store.root] = _Known(time.monotonic(), runs, size)
        return known.size


def unneeded_texts(store: Store) -> list[Path]:
    """The folders of texts that no run names, neither one in the trash, and that are older than an hour."""
    needed = set()
    for folder in (*_folders(store.root), *_folders(store.trash)):
        for name in ("run.json", "corpus.json"):
            try:
                needed |= set(_DIGEST.findall((folder / name).read_text(encoding="utf-8", errors="replace")))
            except OSError:
                continue
    now = time.time()
    found = []
    for place in (store.corpora, store.corpora / IMPORTED):
        try:
            entries = [entry for entry in os.scandir(place) if _DIGEST.fullmatch(entry.name)]
        except OSError:
            continue
        for entry in entries:
            young = now - entry.stat(follow_symlinks=False).st_mtime < YOUNG
            if entry.is_dir(follow_symlinks=False) and entry.name not in needed and not young:
                found.append(Path(entry.path))
    return sorted(found)


def remove_unneeded_texts(store: Store, owner: str) -> int:
    """Remove them; how many bytes that gave. Raises UserError for who is no teacher: the texts belong to all."""
    if not is_teacher(owner):
        raise UserError("Texts belong to all runs; only the teacher may remove those that none needs.")
    if any(one.status.under_way for one in store.listing.summaries(fresh=True)):
        raise UserError("A run is under way and may need a text; wait until it has stopped.")
    freed = 0
    for folder in unneeded_texts(store):
        freed += size_of(folder)
        try:
            shutil.rmtree(folder)
        except OSError as error:
            raise UserError("The text {digest} cannot be removed: {reason}.", digest=folder.name, reason=error.strerror or str(error)) from None  # fmt: skip
        finally:
            _known.pop(store.root, None)
    return freed


def _folders(place: Path) -> Iterator[Path]:
    """The folders of the runs in a place, and of the children of each."""
    for folder in _entries(place):
        yield folder
        children = folder / CHILDREN
        if children.is_dir():
            yield from _folders(children)


def _entries(place: Path) -> list[Path]:
    try:
        return [Path(entry.path) for entry in os.scandir(place) if ID.fullmatch(entry.name)]
    except OSError:
        return []
