"""Operating-system locks on files: held exactly as long as the process that took them lives.

Asking whether a lock is held never takes it away from somebody: on POSIX askers share among themselves. A worker that
meets an asker at the very moment of locking tries again for a second.
"""

import contextlib
import errno
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

PATIENCE = 10.0
"""Seconds that `alone` waits for whoever is changing the same file."""

if sys.platform == "win32":
    import msvcrt

    def _lock(handle: int, *, shared: bool) -> bool:
        try:
            os.lseek(handle, 0, os.SEEK_SET)
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _lock(handle: int, *, shared: bool) -> bool:
        try:
            fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


class Lock:
    """One file's lock, for one process at a time. The file itself stays; only the lock counts."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle: int | None = None

    def acquire(self, timeout: float = 0.0) -> bool:
        """Take the lock, trying for `timeout` seconds; whether that worked. Raises OSError where no file can be."""
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        deadline = time.monotonic() + timeout
        while not _lock(handle, shared=False):
            if time.monotonic() >= deadline:
                os.close(handle)
                return False
            time.sleep(0.02)
        self._handle = handle
        return True

    def release(self) -> None:
        """Give the lock back; nothing happens when it is not held."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


@contextlib.contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold this file's lock meanwhile, so that of two who read, change and write something neither loses what the other
    wrote, be they threads or processes. Raises OSError where it cannot be had."""
    with Lock(path) as lock:
        if not lock.acquire(PATIENCE):
            raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN), str(path))
        yield


def held(path: Path) -> bool:
    """Whether some living process holds the lock on this file."""
    try:
        handle = os.open(path, os.O_RDONLY if sys.platform != "win32" else os.O_RDWR)
    except OSError:
        return False
    try:
        return not _lock(handle, shared=True)
    finally:
        os.close(handle)
