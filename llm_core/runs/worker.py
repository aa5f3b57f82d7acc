"""The worker: one process, one run, from its lock to its last word.

`work` is the same for a process of the server's and for the command line, which is its own worker. Whatever ends it,
the run folder is left so that the run can go on: a killed worker needs no clean-up but what the next one does.
"""

import contextlib
import dataclasses
import math
import sys
import time
from collections.abc import Callable, Iterator

import psutil

from llm_core.config import RunConfig
from llm_core.errors import N_, UserError
from llm_core.interpret.attention.head_rows import Scored, Underway
from llm_core.runs import history, opened, slots
from llm_core.runs import status as statuses
from llm_core.runs.failure import is_full, plain, sentence_of
from llm_core.runs.files import replace_json, sweep
from llm_core.runs.history import History, Row
from llm_core.runs.job import Clock, Job, Noted, Yielded
from llm_core.runs.kinds import job_of
from llm_core.runs.locks import Lock
from llm_core.runs.memory import limit_memory
from llm_core.runs.names import root_of
from llm_core.runs.owners import is_owner, is_teacher
from llm_core.runs.queue import Entry
from llm_core.runs.queued import queue_of
from llm_core.runs.run import Run
from llm_core.runs.status import State, Status
from llm_core.runs.wish import Wish
from llm_core.training import atomic
from llm_core.training.records import Evaluation, Finish, Opened, Snapshot, Step

BEAT = 0.25
"""Seconds between two signs of life while training; a new state is written at once."""
PAUSE_SAVES = 2.0
PAUSE_ENDS = 600.0
"""A paused worker saves after the first and leaves after the second, in seconds."""
PAUSE_MAKES_ROOM = 30.0
"""The same where others wait for a turn: a class that pauses its runs would fill the memory with their workers."""
DIVERGED = N_(
    "The loss stopped being usable at step {step}; the last good checkpoint is kept. Try a lower learning rate."
)


class _Stopped(Exception):  # noqa: N818 - a wish come true, no error
    """Raised out of a preparation that is no longer wanted."""


def work(
    run: Run,
    *,
    queue: bool = False,
    make_job: Callable[[Run], Job] = job_of,
    report: Callable[[Row], None] | None = None,
    pause_ends: float = PAUSE_ENDS,
) -> Status:
    """Work on a run until it has finished, stopped, or cannot go on; its last status, written to its folder too.

    `queue`: wait for a turn first. `report` is shown every history row. SIGINT and SIGTERM stop it
    cleanly, with a full checkpoint. Raises UserError when the run is broken, read-only, or another worker holds it;
    everything that goes wrong later is in the status. The process keeps the limit of its memory.
    """
    with _held(run):
        worker = _Worker(run, queue, report, pause_ends)
        for _status in worker.run_job(make_job):
            pass
        return worker.status


def working(
    run: Run, *, clock: Clock, report: Callable[[Row], None], make_job: Callable[[Run], Job] = job_of
) -> Iterator[Status]:
    """`work` on the child of a run, step by step, for the worker of that run: a status after every step, the last one at
    the end. Closing it stops the child with a full checkpoint.

    The signals, the turn and the pauses are those of the run that it belongs to, whose clock is `clock`; of the child
    itself only a stop is obeyed. Raises UserError as `work` does.
    """
    with _held(run):
        yield from _Worker(run, False, report, PAUSE_ENDS, within=clock).run_job(make_job)


@contextlib.contextmanager
def _held(run: Run) -> Iterator[None]:
    """Hold the run's lock, if it can be worked on."""
    if run.problem is not None:
        raise run.problem
    if run.read_only:
        raise UserError("Run {run} is read-only.", run=run.id)
    limit_memory()
    with Lock(run.folder / statuses.LOCK) as lock:
        if not lock.acquire(timeout=1.0):
            raise UserError("Run {run} is already under way in another process.", run=run.id)
        yield


class _Worker:
    def __init__(
        self,
        run: Run,
        queue: bool,
        report: Callable[[Row], None] | None,
        pause_ends: float,
        within: Clock | None = None,
    ) -> None:
        self.run = run
        self.queue = queue
        self.report = report or (lambda row: None)
        self.pause_ends = pause_ends
        self.within = within
        self.wish = Wish(run.folder)
        self.slots: list[Lock] = []
        self.turn: Entry | None = None
        self.queued = False
        self.bed: Lock | None = None
        self.paused_for = 0.0
        self.first: tuple[int, float] | None = None
        self.process = me = psutil.Process()
        last = statuses.recorded(run.folder) or Status()
        kept = {name: getattr(last, name) for name in ("step", "tokens", "seconds", "validation_loss", "bits_per_character")}  # fmt: skip
        self.status = Status(pid=me.pid, started=me.create_time(), steps=_steps(run), **kept)
        self.written = -math.inf

    def run_job(self, make_job: Callable[[Run], Job]) -> Iterator[Status]:
        """Everything, step by step, with whatever goes wrong turned into a last status."""
        if self.within is None:
            self.wish.listen()
        try:
            sweep(self.run.folder)
            atomic.sweep(self.run.folder / "steps")
            self._say("waiting" if self.queue else "preparing")
            if not self._take_turn(lambda: self.wish.now().state == "stopped"):
                raise _Stopped
            self._say("preparing", progress=0.0)
            job = make_job(self.run)
            job.working = working
            job.prepare(self._progress)
            yield from self._train(job)
        except _Stopped:
            self._say("stopped")
        except Exception as error:
            self._say(*self._explain(error))
        finally:
            self._give_turn_back()
            self._get_up()
            self.wish.forget()
        yield self.status

    # ---- the work

    def _train(self, job: Job) -> Iterator[Status]:
        resumed = job.resume_step()
        with History(self.run.folder) as lines:
            known = history.records(self.run.folder)
            if known:
                lines.append({"kind": "resumed", "resumed_at": -1 if resumed is None else resumed})
            self._recall(known, resumed)
            compared = any(row.get("kind") == "baseline" for row in known)
            self._say("running", progress=None, template=None, values={})
            records = job.records(self._clock)
            try:
                for record in records:
                    self._keep(record, job, lines)
                    if isinstance(record, Finish):
                        lines.sync()
                        self._finish(record)
                        return
                    if isinstance(record, Step) and not compared:
                        compared = True
                        self._compare(job, lines)
                    # Between a step and its looks only, so that a resumed run looks at each step once.
                    between = isinstance(record, Step | Scored | Underway | Noted) or self.status.step == 0
                    if between:
                        if _ends_a_part(record) and self.queue and queue_of(self.run).crowded:
                            self._give_turn_back()
                        if self._obey(job, lines):
                            return
                        yield self.status
            except GeneratorExit:  # the run that this one belongs to stops
                try:
                    self._save(job, lines)
                    self._say("stopped")
                except Exception as error:
                    self._say(*self._explain(error))
                raise
            finally:
                close = getattr(records, "close", None)
                if close is not None:
                    close()

    def _finish(self, record: Finish) -> None:
        if record.reason == "finished":
            self._say("finished", remaining_seconds=None)
        else:
            self._say("diverged", remaining_seconds=None, template=DIVERGED, values={"step": record.step})

    def _keep(self, record: Yielded, job: Job, lines: History) -> None:
        if isinstance(record, Underway):
            self._say(progress=record.share)
            return
        if isinstance(record, Noted):
            if record.row is not None:
                self._note(record.row, lines)
            self._say(seconds=record.seconds, progress=record.share, remaining_seconds=record.remaining)
            return
        if isinstance(record, Snapshot):
            if not self.run.folder.is_dir():
                raise UserError("Run {run} was deleted.", run=self.run.id)
            if record.full:
                lines.sync()
            job.write(record)
            self._note({"kind": "snapshot", "step": record.step, "full": record.full}, lines)
            return
        if isinstance(record, Opened):
            opened.keep(self.run.folder, record)
            self._note({"kind": "opened", "step": record.step}, lines)
            return
        self._note(history.row_of(record), lines)
        if isinstance(record, Step):
            if self.first is None:
                self.first = record.step - 1, record.seconds
            self._say(
                step=record.step, tokens=record.tokens, seconds=record.seconds, loss=_finite(record.loss),
                tokens_per_second=record.tokens_per_second, remaining_seconds=self._remaining(record),
            )  # fmt: skip
        elif isinstance(record, Evaluation):
            self._say(
                tokens=record.tokens, seconds=record.seconds, validation_loss=_finite(record.loss),
                bits_per_character=_finite(record.bits_per_character),
            )  # fmt: skip
        elif isinstance(record, Scored):
            self._say(step=record.step, seconds=record.seconds, progress=record.done / record.of)

    def _compare(self, job: Job, lines: History) -> None:
        """Note what the run is compared with. The time that this takes is none of the training's."""
        before = time.monotonic()
        for row in job.comparisons():
            self._note(row, lines)
        self.paused_for += time.monotonic() - before

    def _note(self, row: Row, lines: History) -> None:
        lines.append(row)
        self.report(row)

    def _recall(self, known: list[Row], resumed: int | None) -> None:
        """Take the figures of the step that the run goes on after from its history."""
        at = resumed or 0
        rows = [row for row in known if isinstance(row.get("step"), int) and row["step"] <= at and resumed is not None]
        step = next((row for row in reversed(rows) if row.get("kind") in ("step", "branched")), {})
        looked = next((row for row in reversed(rows) if row.get("kind") == "evaluation"), {})
        self._say(
            step=at, tokens=step.get("tokens", 0), seconds=step.get("seconds", 0.0), loss=step.get("loss"),
            validation_loss=looked.get("loss"), bits_per_character=looked.get("bits_per_character"),
        )  # fmt: skip

    def _remaining(self, record: Step) -> float | None:
        limit = getattr(getattr(self.run.settings, "training", None), "seconds", None)
        if limit is not None:
            return max(0.0, float(limit) - record.seconds)
        if self.status.steps is None or self.first is None:
            return None
        step, seconds = self.first
        return max(0.0, (self.status.steps - record.step) * (record.seconds - seconds) / max(1, record.step - step))

    # ---- wishes

    def _obey(self, job: Job, lines: History) -> bool:
        """Follow what is asked now, through a pause if need be; whether the worker is to leave."""
        if not self._wants_rest() and (self.turn is not None or not self.queue):
            return False
        asleep = time.monotonic()
        saved = False
        state: State = "paused"
        looked = asleep
        while self._wants_rest() or not self._take_turn(self._wants_rest):
            if self.wish.now().state == "stopped":
                state = "stopped"
                saved = saved or self._save(job, lines)
                if self._wants_rest():
                    break
                continue
            self._say("paused", remaining_seconds=self.status.remaining_seconds)
            self._give_turn_back()
            rested = time.monotonic() - asleep
            if rested > PAUSE_SAVES and not saved:
                saved = self._save(job, lines)
            leaves = rested > self.pause_ends or (saved and not self._may_stay())
            if rested > PAUSE_MAKES_ROOM and time.monotonic() - looked > 1.0:
                looked = time.monotonic()
                leaves |= self.queue and queue_of(self.run).crowded
            if leaves and self._wants_rest():
                break
            time.sleep(0.05)
        else:
            self._get_up()
            self.paused_for += time.monotonic() - asleep
            self._say("running")
            return False
        self._get_up()
        self._say(state)
        return True

    def _may_stay(self) -> bool:
        """Whether this worker may rest with everything in its memory: of a student's runs one may, or who pauses all would
        fill the memory with them."""
        if not self.queue or self.bed is not None or is_teacher(self.run.owner) or not is_owner(self.run.owner):
            return True
        with contextlib.suppress(OSError):
            self.bed = slots.rest(root_of(self.run.folder), self.run.owner)
        return self.bed is not None

    def _get_up(self) -> None:
        if self.bed is not None:
            self.bed.release()
            self.bed = None

    def _wants_rest(self) -> bool:
        wish = self.wish.now()
        if self.within is not None:
            return wish.state == "stopped"
        return wish.state != "running" or (wish.until_step is not None and self.status.step >= wish.until_step)

    def _save(self, job: Job, lines: History) -> bool:
        """A full checkpoint of now. At step 0 there is nothing that a new start would not give."""
        snapshot = job.snapshot() if self.status.step else None
        if snapshot is not None:
            self._keep(snapshot, job, lines)
        lines.sync()
        return True

    def _take_turn(self, leaves: Callable[[], bool]) -> bool:
        """Wait in the queue for a turn and then for its slots; False where `leaves` became true meanwhile."""
        if not self.queue or self.turn is not None:
            return True
        queue, root = queue_of(self.run), root_of(self.run.folder)
        self.queued = True
        queue.ask(self.run, self.process)
        while not leaves():
            turn = queue.turn(self.run)
            if turn is not None:
                taken = [] if turn.aside else slots.take(root, turn.threads)
                if taken is not None:
                    self.turn, self.slots = turn, taken
                    return True
            self._say("waiting")
            time.sleep(0.2)
        return False

    def _give_turn_back(self) -> None:
        """Let somebody else have the turn, and the place in the queue, if there is one."""
        slots.release(self.slots)
        self.slots, self.turn = [], None
        if self.queued:
            with contextlib.suppress(OSError, UserError):  # whoever looks next at the queue sweeps it
                queue_of(self.run).give_back(self.run, self.process)
                self.queued = False

    def _progress(self, share: float) -> None:
        if self.wish.now().state == "stopped":
            raise _Stopped
        self._say(progress=share)

    def _clock(self) -> float:
        return (self.within or time.monotonic)() - self.paused_for

    # ---- the last word, and those before

    def _say(self, state: State | None = None, **changes: object) -> None:
        """Write the status: at once when the state is a new one, else when the last sign of life is a while ago."""
        fresh = state is not None and state != self.status.state
        self.status = dataclasses.replace(self.status, **({"state": state} if state else {}), **changes)  # type: ignore[arg-type]
        now = time.monotonic()
        if not fresh and now - self.written < BEAT:
            return
        self.written = now
        self.status = dataclasses.replace(self.status, heartbeat=time.time())
        try:
            replace_json(self.run.folder / "status.json", statuses.as_json(self.status))
        except OSError as error:
            if not fresh:
                return  # the next beat may come through
            print(f"status.json cannot be written: {error}", file=sys.stderr)

    def _explain(self, error: Exception) -> tuple[State]:
        """The state that an error leads to; its sentence goes into the status, its trace into the log."""
        sentence = sentence_of(error, self.run.folder / "log.txt")
        self.status = dataclasses.replace(self.status, template=sentence.template, values=plain(sentence.values))
        return ("paused" if is_full(error) else "failed",)


def _ends_a_part(record: Yielded) -> bool:
    """Whether one of the trainings of a sweep is over: others may have its turn before the next one."""
    row = record.row if isinstance(record, Noted) else None
    return row is not None and row.get("kind") == "cell" and row.get("state") != "running"


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _steps(run: Run) -> int | None:
    """How many steps it will take; None where nobody knows, or where it trains nothing."""
    if not isinstance(run.settings, RunConfig):
        return None
    training = run.config.training
    if run.config.model.family == "ngram":
        return 1
    return None if training.seconds is not None else training.steps
