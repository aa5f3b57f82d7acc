"""Answering a question about the model of another run, as a worker does it."""

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

from llm_core.devices import choose_device, use_threads
from llm_core.errors import UserError
from llm_core.runs import history, slots
from llm_core.runs.history import Row
from llm_core.runs.inquired import METHODS, InquiryConfig
from llm_core.runs.inquiry import ANEW, answer_of
from llm_core.runs.inquiry_subject import Subject
from llm_core.runs.job import Clock, Job, Noted, Progress
from llm_core.runs.run import Run
from llm_core.runs.store import Store
from llm_core.training.records import Finish, Snapshot

RESUMED = frozenset({"training"})
"""Methods that go on after the rows that they have written; all others begin anew."""
OF_ALL_STEPS = frozenset({"training"})
"""Methods whose questions are about no one step; all others are about the newest where none is named."""

Answering = Callable[[Any, Subject], Iterator[float | Row]]
"""A question of a method's own class is answered: the share that is done, as a sign of life, or a row."""


def answering(method: str) -> Answering:
    """How a method's questions are answered: by the module of its name. Imported only when one is.

    Raises UserError for an unknown one.
    """
    if method not in METHODS:
        raise UserError("Run {run} was made by another version of this program.", run=method)
    found: Answering = import_module(f"llm_core.runs.inquiries.{method}").answer
    return found


class InquiryJob(Job):
    """Rows and shares as they come, told to the worker with the time that remains."""

    def __init__(self, run: Run, find_answering: Callable[[str], Answering] = answering) -> None:
        super().__init__(run)
        assert isinstance(run.settings, InquiryConfig)
        self._settings = run.settings
        self._store = Store(run.folder.parent)
        self._find_answering = find_answering

    def prepare(self, progress: Progress) -> None:
        use_threads(self._settings.threads or slots.default_threads())
        asked = self._store.find(self._settings.run)
        progress(0.2)
        step = self._settings.step
        if step is None and self._settings.question.method not in OF_ALL_STEPS:
            step = next(reversed(asked.steps()), None)  # none kept yet: the store says so
        model, tokenizer = self._store.model(asked, step)
        self._subject = Subject(
            self._store, asked, step, model.to(choose_device("auto")), tokenizer, self.run.folder,
            answer_of(self.run).rows if self._resumes else (),
        )  # fmt: skip

    def resume_step(self) -> int | None:
        return None

    def records(self, clock: Clock) -> Iterator[Noted | Finish]:
        if history.records(self.run.folder) and not self._resumes:
            yield Noted({"kind": ANEW}, 0.0, 0.0, None)
        begun, share, first = clock(), 0.0, 0.0
        question = self._settings.question
        for found in self._find_answering(question.method)(question, self._subject):
            row = None
            if isinstance(found, dict):
                row = found
            else:
                first = first or (found if self._subject.known else 0.0)
                share = min(0.999, max(share, found))
            taken = clock() - begun
            done = share - first
            yield Noted(row, taken, share, taken / done * (1 - share) if done > 0 else None)
        yield Finish(0, "finished")

    @property
    def _resumes(self) -> bool:
        return self._settings.question.method in RESUMED

    def write(self, snapshot: Snapshot) -> None:
        raise NotImplementedError("an inquiry keeps no model")

    def snapshot(self) -> Snapshot | None:
        return None
