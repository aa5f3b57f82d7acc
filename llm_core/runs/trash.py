"""Deleted runs: moved as they are into `trash/` beside the others, and back, until the trash is emptied.

A folder is moved by one rename while its lock is held, so that no worker takes it up in between, and two who delete the
same run find it deleted. What is restored never takes the place of another.
"""

import contextlib
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from llm_core.errors import UserError
from llm_core.runs import status as statuses
from llm_core.runs.files import moment, read_object, replace_json
from llm_core.runs.locks import Lock
from llm_core.runs.names import CHILDREN, ID, display_name, new_id
from llm_core.runs.owners import is_teacher, refuse_stranger
from llm_core.runs.run import Run, open_run
from llm_core.runs.store import Store

DELETED = "deleted.json"
"""Who deleted a run and when; it stands in the folder of a run that is in the trash."""
_ASIDE = ".old-"
"""What the name of a folder in the trash begins with that is just being removed."""


@dataclass(frozen=True)
class Deleted:
    """A run in the trash. `at`: when it was deleted, in seconds since 1970; 0 where nobody has noted it."""

    run: Run
    at: float


def delete(store: Store, reference: str, owner: str) -> None:
    """Move a run, with all that belongs to it, into the trash; one that lies there already stays there.

    Raises UserError when there is no such run, when it is at work or `owner` may not, or when it cannot be moved.
    """
    if ID.fullmatch(reference) and (store.trash / reference).is_dir() and not (store.root / reference).exists():
        return
    run = store.find(reference)
    _refuse(run, owner)
    if run.folder.parent.name == CHILDREN:
        raise UserError("Run {run} is a part of run {parent}; delete that one.", run=run.id, parent=run.folder.parents[1].name)  # fmt: skip
    try:
        store.trash.mkdir(exist_ok=True)
        with Lock(run.folder / statuses.LOCK) as lock:
            taken = lock.acquire(timeout=0.2)
            if taken and not run.folder.is_dir():
                return  # another tab was quicker: its lock went along with the folder
            if not taken or _at_work(run):
                raise UserError("Run {run} is at work; stop it first, then delete it.", run=run.id)
            if os.name == "nt":  # a folder in which a file is open is not moved there
                lock.release()
            place = store.trash / run.id
            with _alone(store) if place.is_dir() else contextlib.nullcontext():
                _make_room(store, place, run.owner)
                run.folder.rename(place)
        with contextlib.suppress(OSError):  # without the note it lies in the trash all the same
            replace_json(store.trash / run.id / DELETED, {"at": time.time(), "owner": owner})
    except OSError as error:
        if (store.trash / run.id).is_dir() and not run.folder.exists():
            return  # another tab was quicker
        raise UserError("Run {run} cannot be moved to the trash: {reason}.", run=run.id, reason=error.strerror or str(error)) from None  # fmt: skip
    finally:
        store.listing.forget()


def restore(store: Store, reference: str, owner: str) -> Run:
    """Bring a run back from the trash; the run. One that is back already stays as it is.

    Raises UserError when it is not in the trash, when `owner` may not, or when there is a run with its id again.
    """
    with _alone(store):
        run = _find(store, reference)
        if run is None:
            return store.find(reference)
        refuse_stranger_of_any(run, owner)
        target = store.root / run.id
        if target.exists():
            raise UserError("There is a run {run} again; what lies in the trash stays there, and nothing is overwritten.", run=run.id)  # fmt: skip
        try:
            run.folder.rename(target)
            (target / DELETED).unlink(missing_ok=True)
        except OSError as error:
            if run.folder.is_dir():  # where `target` is one now, it is another run that has taken the id
                raise UserError("Run {run} cannot be brought back: {reason}.", run=run.id, reason=error.strerror or str(error)) from None  # fmt: skip
    store.listing.forget()
    return open_run(target, store.corpora)


def in_trash(store: Store) -> list[Deleted]:
    """What lies in the trash, the last deleted first."""
    try:
        entries = [e for e in os.scandir(store.trash) if ID.fullmatch(e.name) and e.is_dir(follow_symlinks=False)]
    except OSError:
        return []
    found = [
        Deleted(
            open_run(Path(e.path), store.corpora),
            moment((read_object(Path(e.path) / DELETED) or {}).get("at")),
        )
        for e in entries
    ]
    return sorted(found, key=lambda one: -one.at)


def empty(store: Store, owner: str, only: Sequence[str] | None = None) -> int:
    """Remove for good what lies in the trash and belongs to this owner, or is among `only` of it; how many runs. A teacher
    removes everything. Raises UserError where the disk does not let go of one."""
    removed = 0
    with _alone(store):
        for one in in_trash(store):
            mine = one.run.owner == owner or is_teacher(owner)
            if not mine or (only is not None and one.run.id not in only):
                continue
            try:
                shutil.rmtree(one.run.folder)
            except OSError as error:
                raise UserError("Run {run} cannot be removed: {reason}.", run=one.run.id, reason=error.strerror or str(error)) from None  # fmt: skip
            removed += 1
    return removed


def _make_room(store: Store, place: Path, owner: str) -> None:
    """Questions that are asked again have their old ids again: the newer answer takes the place of the older, and lies
    beside it where that is another person's, who still may bring it back, then under an id of its own."""
    if not place.is_dir():
        return
    if open_run(place, store.corpora).owner != owner:
        place.rename(place.with_name(new_id()))
        return
    old = place.with_name(f"{_ASIDE}{place.name}")
    place.rename(old)
    shutil.rmtree(old, ignore_errors=True)


def refuse_stranger_of_any(run: Run, owner: str) -> None:
    """As `refuse_stranger`, but a broken run may go too: with its owner, where that can be read, or with a teacher. What
    came with the program stays, broken or not."""
    if run.read_only:
        raise UserError("Run {run} is read-only.", run=run.id)
    if run.problem is None:
        refuse_stranger(run, owner)
    elif run.owner != owner and not is_teacher(owner):
        raise UserError("Run {run} belongs to {owner}; only they may change it.", run=run.id, owner=run.owner or "-")


def _refuse(run: Run, owner: str) -> None:
    refuse_stranger_of_any(run, owner)
    if run.alive() or _at_work(run):
        raise UserError("Run {run} is at work; stop it first, then delete it.", run=run.id)


def _at_work(run: Run) -> bool:
    """Whether a worker is on its way to it. Its lock tells of one that lives; here it may be held by who deletes."""
    folder = run.folder
    last, wish, turn = statuses.recorded(folder), statuses.wanted(folder), statuses.turn_of(folder)
    return run.problem is None and statuses.derive(last, wish, False, time.time(), turn=turn).state == "waiting"


def _find(store: Store, reference: str) -> Run | None:
    folder = store.trash / reference
    if not ID.fullmatch(reference) or folder.is_symlink() or not folder.is_dir():
        if not ID.fullmatch(reference):
            raise UserError("There is no run {run} in the trash.", run=display_name(reference, "-"))
        return None
    return open_run(folder, store.corpora)


@contextlib.contextmanager
def _alone(store: Store) -> Iterator[None]:
    """While runs leave the trash, or one makes way for another, nobody else takes any out."""
    if not store.trash.is_dir():
        yield
        return
    with Lock(store.trash / ".lock") as lock:
        if not lock.acquire(timeout=10.0):
            raise UserError("The trash is being emptied; try again in a moment.")
        for left in store.trash.glob(f"{_ASIDE}*"):  # by one who was killed while removing it
            shutil.rmtree(left, ignore_errors=True)
        yield
