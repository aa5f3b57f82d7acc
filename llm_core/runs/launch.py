"""Worker processes: spawned apart from the server, so that they outlive it, and one kept warm for a quick start."""

import contextlib
import json
import logging
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil

from llm_core.config import RunConfig
from llm_core.devices import KERNEL_CACHES
from llm_core.errors import UserError
from llm_core.runs import status as statuses
from llm_core.runs.files import replace_json
from llm_core.runs.queued import Queue
from llm_core.runs.run import Run
from llm_core.runs.swept import SweepConfig

SOURCE = Path(__file__).parents[2]
PATIENCE = 10.0
"""Seconds that a worker may stay silent after a stop before it is ended."""
NOTHING_TO_SAVE = 1.0
"""The same where a stop saves nothing: what is finished is on the disk, and what is under way begins anew in any case. A
fit of scikit-learn, which hears nothing, may take a minute."""
REWARM = 8.0
"""Seconds until the next worker is warmed, so that its imports do not slow down the start of the one before."""
LOOK = 0.5
"""Seconds between two looks at the queue, where nothing else says that a turn came free."""


class Launcher:
    """Starts workers when their runs get a turn. Keeps nothing that a restarted server would miss: the queue, locks and
    folders tell it all."""

    def __init__(self, root: Path, corpora: Path) -> None:
        self._corpora = corpora
        self._queue = Queue(root)
        self._lock = threading.Lock()
        self._warm: subprocess.Popen[bytes] | None = None
        self._changed = threading.Event()
        self._watching = False
        self._serving = False

    def warm(self) -> None:
        """Keep one process waiting for a run; it ends by itself when this one does."""
        with self._lock:
            if self._warm is None or self._warm.poll() is not None:
                self._warm = _spawn(["--warm", str(self._corpora)], subprocess.PIPE, None)

    def start(self, run: Run) -> None:
        """Put the run into the queue; when its turn is free it begins before this returns, with the warm worker if that
        is ready. Nothing happens to one that has its turn already.

        Raises UserError where the queue cannot be written, or where no process can be started.
        """
        self._queue.ask(run)
        try:
            if not self._queue.give_turns(self._launch, run.id):
                return
        except UserError:
            self._watch()
            raise
        self._watch()

    def leave(self, run: Run) -> None:
        """Take a run that waits out of the queue. Raises UserError where the queue cannot be written."""
        self._queue.leave(run)

    def serve(self) -> None:
        """Give turns as long as this process lives, also to runs that wait since before it began."""
        self._serving = True
        self._watch()

    def _watch(self) -> None:
        with self._lock:
            if not self._watching:
                self._watching = True
                threading.Thread(target=self._give_turns, name="queue", daemon=True).start()
        self._changed.set()

    def _give_turns(self) -> None:
        """Give turns as they come free. Nothing is done where nobody waits; a server looks again all the same, for what
        others put in."""
        while True:
            self._changed.wait(LOOK)
            self._changed.clear()
            waits = True
            try:
                waits = any(entry.given is None for entry in self._queue.entries())
                if waits:
                    waits = self._queue.give_turns(self._launch)
            except (UserError, OSError):
                logging.getLogger(__name__).exception("No turn could be given; trying again.")
                time.sleep(LOOK)
            with self._lock:
                if not waits and not self._serving and not self._changed.is_set():
                    self._watching = False
                    return

    def _launch(self, folder: Path) -> psutil.Process:
        """A process at work on the run of a folder: the warm worker, or a new one."""
        with self._lock:
            started = self._hand_over(folder)
            if started is None:
                try:
                    with (folder / "log.txt").open("ab") as log:
                        started = _spawn([str(folder)], None, log.fileno())
                except OSError as error:
                    raise UserError(
                        "No worker can be started: {reason}.", reason=error.strerror or str(error)
                    ) from None
        process = psutil.Process(started.pid)
        threading.Thread(target=self._note_end, args=(started, folder), daemon=True).start()
        return process

    def _note_end(self, process: subprocess.Popen[bytes], folder: Path) -> None:
        """Wait for a worker, so that no zombie stays, and keep what it ended with where a page can say it."""
        code = process.wait()
        if code:
            with contextlib.suppress(OSError):
                replace_json(folder / "exit.json", {"pid": process.pid, "returncode": code})
        self._changed.set()  # its turn is free

    def _hand_over(self, folder: Path) -> subprocess.Popen[bytes] | None:
        """The warm worker with the run in its hands; None where none is ready."""
        process, self._warm = self._warm, None
        if process is None:
            return None
        timer = threading.Timer(REWARM, self.warm)  # also after one that died: the next start is to be quick again
        timer.daemon = True
        timer.start()
        if process.poll() is not None or process.stdin is None:
            return None
        try:
            process.stdin.write(json.dumps({"folder": str(folder)}).encode() + b"\n")
            process.stdin.close()
        except OSError:
            return None
        return process

    def end_if_silent(self, run: Run) -> None:
        """Watch a worker that was asked to stop, and end it if it shows no sign of life: for 10 s where it trains a model,
        which it saves first, for 1 s where it does anything else."""
        if run.alive():
            threading.Thread(target=_end_if_silent, args=(run,), daemon=True).start()


def _end_if_silent(run: Run) -> None:
    asked = time.monotonic()
    patience = PATIENCE if isinstance(run.settings, RunConfig | SweepConfig) else NOTHING_TO_SAVE
    while run.alive() and statuses.wanted(run.folder).state == "stopped":
        last = statuses.recorded(run.folder)
        silent = last is not None and time.time() - last.heartbeat > patience
        if last is not None and silent and time.monotonic() - asked > patience:
            process = statuses.same_process(last.pid, last.started)
            if process is not None:
                process.kill()
            return
        time.sleep(0.2)


def environment() -> dict[str, str]:
    """What a process of this program's is started with: it finds the source, wherever the server was started from."""
    search = os.pathsep.join(filter(None, (str(SOURCE), os.environ.get("PYTHONPATH"))))
    return {**KERNEL_CACHES, **os.environ, "PYTHONPATH": search}


def _spawn(arguments: list[str], stdin: int | None, log: int | None) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "llm_core.runs.process", *arguments],
        stdin=subprocess.DEVNULL if stdin is None else stdin,
        stdout=subprocess.DEVNULL if log is None else log,
        stderr=subprocess.DEVNULL if log is None else log,
        env=environment(),
        start_new_session=True,
    )
