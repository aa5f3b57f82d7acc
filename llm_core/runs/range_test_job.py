"""Working on a learning-rate range test: a row of the kind "rate" for every step. It is short, and begins anew when it was
interrupted."""

from collections.abc import Iterator
from dataclasses import asdict

from llm_core.data.prepare import TokenizedCorpus, prepare, require_length
from llm_core.runs import slots
from llm_core.runs.job import Clock, Job, Noted, Progress
from llm_core.runs.run import Run
from llm_core.runs.sweep import open_range_test
from llm_core.training.range_test import range_test
from llm_core.training.records import Finish, Snapshot


class RangeTestJob(Job):
    """Keeps no model: it is spoilt by the highest rates."""

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        self._settings = open_range_test(run)
        self._corpus: TokenizedCorpus | None = None

    def prepare(self, progress: Progress) -> None:
        self._corpus = prepare(self._settings.base.data, self.run.corpora, progress)
        require_length(self._corpus, self._settings.base.model.context)

    def resume_step(self) -> int | None:
        return None

    def records(self, clock: Clock) -> Iterator[Noted | Finish]:
        settings = self._settings
        assert self._corpus is not None, "prepare first"
        threads = settings.threads or slots.default_threads()
        base = settings.base.model_copy(
            update={"training": settings.base.training.model_copy(update={"threads": threads})}
        )
        last = 0
        for rate in range_test(base, self._corpus, settings.lowest, settings.highest, settings.steps, clock):
            last = rate.step
            left = rate.seconds / last * (settings.steps - last)
            yield Noted({"kind": "rate", **asdict(rate)}, rate.seconds, last / settings.steps, left)
        yield Finish(last, "finished")

    def write(self, snapshot: Snapshot) -> None:
        raise NotImplementedError("a range test keeps no model")

    def snapshot(self) -> Snapshot | None:
        return None
