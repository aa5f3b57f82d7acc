"""Work that needs no torch: a chain of numbers in which every one depends on all before it.

Run as a program, it is a worker process on a run folder: `python -m tests.runs.fake FOLDER [STEPS [SECONDS]]`.
"""

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from llm_core.runs.history import Row
from llm_core.runs.job import Clock, Job, Progress
from llm_core.runs.run import Run, open_run
from llm_core.runs.worker import work
from llm_core.training import atomic
from llm_core.training.records import Evaluation, Finish, Record, Snapshot, Step


class FakeJob(Job):
    """Counts to `steps`; a full checkpoint every `full_every` of them."""

    steps = 20
    seconds_a_step = 0.0
    full_every = 5
    hang_at = -1

    def prepare(self, progress: Progress) -> None:
        progress(0.5)
        self.step, self.number = 0, 1
        folders = sorted((self.run.folder / "steps").glob("0*"), reverse=True)
        for folder in folders:
            atomic.verify(folder)
            state = json.loads((folder / "state.json").read_text())
            if state["step"]:
                self.step, self.number = state["step"], state["number"]
                return

    def resume_step(self) -> int | None:
        return self.step or None

    def records(self, clock: Clock) -> Iterator[Record]:
        state: Any = SimpleNamespace()
        if self.step == 0:
            yield Snapshot(0, True, state)
            yield Evaluation(0, 0, 0.0, 3.0, 20.0, 4.0, False)
        while self.step < self.steps:
            time.sleep(self.seconds_a_step)
            while self.step == self.hang_at:
                time.sleep(1)
            self.step += 1
            self.number = (self.number * 6364136223846793005 + self.step) % 2**64
            yield Step(self.step, self.step * 10, clock(), self.number / 2**64, 0.1, 1.0, 100.0)
            if self.step % self.full_every == 0 or self.step == self.steps:
                yield Snapshot(self.step, True, state)
        yield Finish(self.step, "finished")

    def write(self, snapshot: Snapshot) -> None:
        content = json.dumps({"step": self.step, "number": self.number}).encode()
        atomic.write_folder(self.run.folder / "steps", f"{snapshot.step:08d}", {"state.json": content})

    def snapshot(self) -> Snapshot | None:
        state: Any = SimpleNamespace()
        return Snapshot(self.step, True, state)

    def comparisons(self) -> list[Row]:
        return [{"kind": "baseline", "name": "uniform", "loss": 3.0}]


def make_job(**settings: Any) -> type[FakeJob]:
    """A kind of FakeJob with other settings."""
    return type("OtherJob", (FakeJob,), settings)


def expected(steps: int) -> list[float]:
    """The losses of a run that nothing interrupts."""
    number, losses = 1, []
    for step in range(1, steps + 1):
        number = (number * 6364136223846793005 + step) % 2**64
        losses.append(number / 2**64)
    return losses


def losses(rows: list[Row]) -> list[float]:
    """The losses of the steps in a settled history, which must count 1, 2, 3, ..."""
    steps = [row for row in rows if row.get("kind") == "step"]
    assert [row["step"] for row in steps] == list(range(1, len(steps) + 1))
    return [row["loss"] for row in steps]


def folder_run(folder: Path) -> Run:
    return open_run(folder, folder.parent / "corpora")


if __name__ == "__main__":
    words = sys.argv[1:]
    job = make_job(
        steps=int(words[1]) if len(words) > 1 else 20,
        seconds_a_step=float(words[2]) if len(words) > 2 else 0.0,
        hang_at=int(words[3]) if len(words) > 3 else -1,
    )
    print(work(folder_run(Path(words[0])), make_job=job).state)
