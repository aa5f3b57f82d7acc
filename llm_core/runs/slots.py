"""How many processor threads the workers of the server may use together. A slot is a thread, and a lock on a file.

Two workers side by side, and one thread stays free for the pages: threads × workers ≤ cores - 1, one thread each where
that cannot hold. The locks go when their process goes, so no slot is ever lost.
"""

from pathlib import Path

from llm_core.devices import physical_cores
from llm_core.runs.locks import Lock

WORKERS = 2
FOLDER = ".slots"


def budget() -> int:
    """Threads for all workers of the server together."""
    return max(WORKERS, physical_cores() - 1)


def default_threads() -> int:
    """Threads for one worker of the server whose settings leave it open."""
    return max(1, (physical_cores() - 1) // WORKERS)


def take(root: Path, threads: int) -> list[Lock] | None:
    """Take slots for so many threads under a root folder, all that there are when more are asked; None while taken.

    Whose turn it is says the queue (`llm_core.runs.queued`); that no two workers share a slot, these locks.
    """
    folder = root / FOLDER
    folder.mkdir(exist_ok=True)
    needed = min(threads, budget())
    taken: list[Lock] = []
    for number in range(budget()):
        lock = Lock(folder / f"{number}.lock")
        if lock.acquire():
            taken.append(lock)
        if len(taken) == needed:
            return taken
    release(taken)
    return None


def rest(root: Path, owner: str) -> Lock | None:
    """The one place of an owner for a paused worker that keeps everything in its memory; None while that is taken."""
    folder = root / FOLDER
    folder.mkdir(exist_ok=True)
    lock = Lock(folder / f"{owner}.lock")
    return lock if lock.acquire() else None


def release(taken: list[Lock]) -> None:
    """Give slots back."""
    for lock in taken:
        lock.release()
