"""What people and the system ask of a working process: `wanted.json`, SIGINT and SIGTERM."""

import signal
import threading
from pathlib import Path
from types import FrameType
from typing import Any

from llm_core.runs import status as statuses
from llm_core.runs.status import Wanted


class Wish:
    """Cheap to ask after every step: the file is read only when it has changed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: tuple[int, int, int] | None = None
        self._wanted = Wanted()
        self._signalled = False
        self._before: dict[int, Any] = {}

    def now(self) -> Wanted:
        """What is asked now. After a signal it is to stop, whatever the file says."""
        if self._signalled:
            return Wanted(state="stopped")
        try:
            about = (self._folder / "wanted.json").stat()
            seen = (about.st_mtime_ns, about.st_ino, about.st_size)
        except OSError:
            seen = None
        if seen is None or seen != self._seen:
            self._wanted, self._seen = statuses.wanted(self._folder), seen
        return self._wanted

    def listen(self) -> None:
        """Take SIGINT and SIGTERM as the wish to stop cleanly; a second one ends the process at once."""
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._take)

    def forget(self) -> None:
        """Give the signals back to whoever had them."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def _take(self, number: int, frame: FrameType | None) -> None:
        self._signalled = True
        signal.signal(number, signal.SIG_DFL)
