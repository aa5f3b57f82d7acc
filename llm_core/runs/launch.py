"""Worker processes: spawned apart from the server, so that they outlive it, and one kept warm for a quick start."""

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from llm_core.config import RunConfig
from llm_core.errors import UserError
from llm_core.runs import status as statuses
from llm_core.runs.files import replace_json
from llm_core.runs.run import Run

SOURCE = Path(__file__).parents[2]
PATIENCE = 10.0
"""Seconds that a worker may stay silent after a stop before it is ended."""
NOTHING_TO_SAVE = 1.0
"""The same where a stop saves nothing: what is finished is on the disk, and what is under way begins anew in any case. A
fit of scikit-learn, which hears nothing, may take a minute."""
REWARM = 8.0
"""Seconds until the next worker is warmed, so that its imports do not slow down the start of the one before."""


class Launcher:
    """Starts workers. Keeps nothing that a restarted server would miss: locks and folders tell it all."""

    def __init__(self, corpora: Path) -> None:
        self._corpora = corpora
        self._lock = threading.Lock()
        self._warm: subprocess.Popen[bytes] | None = None
        self._begun: dict[str, tuple[subprocess.Popen[bytes], float]] = {}

    def warm(self) -> None:
        """Keep one process waiting for a run; it ends by itself when this one does."""
        with self._lock:
            if self._warm is None or self._warm.poll() is not None:
                self._warm = _spawn(["--warm", str(self._corpora)], subprocess.PIPE, None)

    def start(self, run: Run) -> None:
        """Give the run to the warm worker or to a new one; where one still holds it, as soon as that lets go."""
        if run.alive():
            threading.Thread(target=self._start_when_free, args=(run,), daemon=True).start()
        else:
            self._launch(run)

    def _start_when_free(self, run: Run) -> None:
        asked = statuses.wanted(run.folder).at
        for _ in range(300):
            if not run.alive():
                if run.status().state == "waiting":
                    self._launch(run)
                return
            last = statuses.recorded(run.folder)
            if last is not None and last.heartbeat > asked and last.state in ("preparing", "running"):
                return
            time.sleep(0.1)

    def _launch(self, run: Run) -> None:
        with self._lock:
            asked = statuses.wanted(run.folder).at
            begun = self._begun.get(run.id)
            if begun is not None and begun[1] == asked and begun[0].poll() is None:
                return
            process = self._hand_over(run)
            if process is None:
                try:
                    with (run.folder / "log.txt").open("ab") as log:
                        process = _spawn([str(run.folder)], None, log.fileno())
                except OSError as error:
                    raise UserError(
                        "No worker can be started: {reason}.", reason=error.strerror or str(error)
                    ) from None
            self._begun[run.id] = process, asked
        threading.Thread(target=_note_end, args=(process, run.folder), daemon=True).start()

    def _hand_over(self, run: Run) -> subprocess.Popen[bytes] | None:
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
            process.stdin.write(json.dumps({"folder": str(run.folder)}).encode() + b"\n")
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
    patience = PATIENCE if isinstance(run.settings, RunConfig) else NOTHING_TO_SAVE
    while run.alive() and statuses.wanted(run.folder).state == "stopped":
        last = statuses.recorded(run.folder)
        silent = last is not None and time.time() - last.heartbeat > patience
        if last is not None and silent and time.monotonic() - asked > patience:
            process = statuses.same_process(last.pid, last.started)
            if process is not None:
                process.kill()
            return
        time.sleep(0.2)


def _note_end(process: subprocess.Popen[bytes], folder: Path) -> None:
    """Wait for a worker, so that no zombie stays, and keep what it ended with where a page can say it."""
    code = process.wait()
    if code:
        with contextlib.suppress(OSError):
            replace_json(folder / "exit.json", {"pid": process.pid, "returncode": code})


def _spawn(arguments: list[str], stdin: int | None, log: int | None) -> subprocess.Popen[bytes]:
    search = os.pathsep.join(filter(None, (str(SOURCE), os.environ.get("PYTHONPATH"))))
    return subprocess.Popen(
        [sys.executable, "-m", "llm_core.runs.process", *arguments],
        stdin=subprocess.DEVNULL if stdin is None else stdin,
        stdout=subprocess.DEVNULL if log is None else log,
        stderr=subprocess.DEVNULL if log is None else log,
        env={**os.environ, "PYTHONPATH": search},
        start_new_session=True,
    )
