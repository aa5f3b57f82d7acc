"""How a run stands: what its worker last said, and what that means now.

The worker writes `status.json`; nobody else does. Whether it still lives is read from its lock, so that a killed
worker is seen at once and a silent one is told apart from a dead one.
"""

import dataclasses
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, cast, get_args

import psutil

from llm_core.config import TrainingConfig
from llm_core.errors import N_
from llm_core.runs.files import moment, read_object
from llm_core.runs.locks import held
from llm_core.runs.names import root_of
from llm_core.runs.sentences import sentence_in

State = Literal[
    "waiting", "preparing", "running", "paused", "stopped", "finished", "interrupted", "diverged", "failed", "stalled"
]
Wish = Literal["running", "paused", "stopped"]

LOCK = ".lock"
QUEUE = ".queue"
"""The folder, beside the runs, with a file for each that waits for its turn or has it (`llm_core.runs.queued`)."""
SILENCE = 30.0
"""Seconds without a sign of life after which a living worker counts as stalled, and a start as lost."""


@dataclass(frozen=True, slots=True)
class Status:
    """What is known about a run. Seconds are of training; `heartbeat` is the clock time of the last sign of life.

    `template` and `values` make a sentence, when there is something to say. `progress` is the share of a preparation
    that is done. Losses are in nats per token.
    """

    state: State = "waiting"
    step: int = 0
    steps: int | None = None
    tokens: int = 0
    seconds: float = 0.0
    remaining_seconds: float | None = None
    tokens_per_second: float | None = None
    loss: float | None = None
    validation_loss: float | None = None
    bits_per_character: float | None = None
    progress: float | None = None
    template: str | None = None
    values: dict[str, Any] = field(default_factory=dict)
    heartbeat: float = 0.0
    pid: int | None = None
    started: float | None = None

    @property
    def message(self) -> str:
        """The sentence in English; empty when there is nothing to say."""
        return self.template.format(**self.values) if self.template else ""

    @property
    def under_way(self) -> bool:
        """Whether a worker is, or should be, at it."""
        return self.state in ("waiting", "preparing", "running", "stalled")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What people ask of a run; the worker follows it."""

    state: Wish = "running"
    until_step: int | None = None
    at: float = 0.0
    owner: str = ""


_TYPES: dict[str, tuple[type, ...]] = {
    "step": (int,), "steps": (int,), "tokens": (int,), "seconds": (int, float), "remaining_seconds": (int, float),
    "tokens_per_second": (int, float), "loss": (int, float), "validation_loss": (int, float),
    "bits_per_character": (int, float), "progress": (int, float), "template": (str,), "values": (dict,),
    "heartbeat": (int, float), "pid": (int,), "started": (int, float),
}  # fmt: skip


def recorded(folder: Path) -> Status | None:
    """What the worker last wrote; None when it has not, or when the file is broken."""
    values = read_object(folder / "status.json")
    if values is None or values.get("state") not in get_args(State):
        return None
    known = {k: values[k] for k, types in _TYPES.items() if isinstance(values.get(k), types)}
    if sentence_in(known) is None:  # none, or not as a worker writes it
        known = {name: value for name, value in known.items() if name not in ("template", "values")}
    return Status(state=values["state"], **known)


def wanted(folder: Path) -> Wanted:
    """What is asked of the run; a missing or broken file asks that it run."""
    values: Mapping[str, Any] = read_object(folder / "wanted.json") or {}
    state, until = values.get("state"), values.get("until_step")
    return Wanted(
        state=cast(Wish, state) if state in get_args(Wish) else "running",
        until_step=until if type(until) is int else None,
        at=moment(values.get("at")),
        owner=str(values.get("owner", "")),
    )


def current(folder: Path) -> Status:
    """How the run stands now."""
    alive = held(folder / LOCK)  # before the status, so that a worker which ends in between is not taken for killed
    turn = None if alive else turn_of(folder)
    return derive(recorded(folder), wanted(folder), alive, time.time(), read_object(folder / "exit.json"), turn)


def turn_of(folder: Path) -> float | None:
    """The moment up to which the queue knows that the run is on its way: now while it waits, or while the process that
    has its turn begins; else when that turn was given. None for a run that is not in the queue."""
    entry = read_object(root_of(folder) / QUEUE / f"{folder.name}.json")
    if entry is None:
        return None
    given, pid = entry.get("given"), entry.get("pid")
    if given is None or (type(pid) is int and same_process(pid, moment(entry.get("started"))) is not None):
        return time.time()
    return moment(given)


def asked_for(folder: Path) -> bool:
    """Whether the run is wanted, and no worker has said a word since it was asked for."""
    wish, last = wanted(folder), recorded(folder)
    return wish.state == "running" and wish.at > (last.heartbeat if last is not None else 0.0)


def derive(
    last: Status | None,
    wish: Wanted,
    alive: bool,
    now: float,
    end: Mapping[str, Any] | None = None,
    turn: float | None = None,
) -> Status:
    """What the last written status means, given what is asked, whether the worker lives, how it ended, and up to when the
    queue knows of it (`turn_of`)."""
    status = last or Status()
    fresh = wish.state == "running" and wish.at > status.heartbeat
    if alive:
        if status.state in ("waiting", "preparing", "running", "paused"):
            return replace(status, state="stalled") if 0 < status.heartbeat < now - SILENCE else status
        return replace(status, state="preparing", template=None, values={}) if fresh else status
    if fresh and now - max(wish.at, turn or 0.0) < SILENCE:
        return replace(status, state="waiting", template=None, values={})
    if status.state == "paused" and wish.state == "stopped" and wish.at > status.heartbeat:
        return replace(status, state="stopped")  # its worker has left after a long pause
    if status.state in ("finished", "diverged", "failed", "stopped", "paused"):
        return status
    if wish.state != "running":
        return replace(status, state=wish.state)
    if end is not None and end.get("pid") == status.pid and end.get("returncode") == -9:
        return replace(status, state="interrupted", template=KILLED, values={})
    return replace(status, state="interrupted")


KILLED = N_(
    "The worker was killed from outside, perhaps because memory ran out. Resume goes on from the last checkpoint."
)


def trained_share(status: Status, training: TrainingConfig) -> float:
    """The share of its steps, or of its seconds, that a training has behind it."""
    if status.state == "finished":
        return 1.0
    seconds = training.seconds
    return min(1.0, status.step / training.steps if seconds is None else status.seconds / seconds)


def as_json(status: Status) -> dict[str, Any]:
    """The status as `status.json` holds it."""
    return dataclasses.asdict(status)


def same_process(pid: int | None, started: float | None) -> psutil.Process | None:
    """The process with this number if it is the very one that started then; numbers are used again."""
    if pid is None or started is None:
        return None
    try:
        process = psutil.Process(pid)
        return process if abs(process.create_time() - started) < 2 else None
    except psutil.Error:
        return None
