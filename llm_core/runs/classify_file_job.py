"""Classifying a whole file, as a worker does it: piece by piece, so that it can be watched and stopped."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from llm_core.data.table_reading import read_table
from llm_core.devices import use_threads
from llm_core.runs import slots
from llm_core.runs.classified_file import PROBABILITIES, texts_of
from llm_core.runs.file_to_classify import ClassifyFileConfig
from llm_core.runs.job import Clock, Job, Noted, Progress
from llm_core.runs.raced import open_race
from llm_core.runs.run import Run
from llm_core.runs.store import Store
from llm_core.training.records import Finish, Snapshot

AT_ONCE = 128
"""Texts between two signs of life."""


class ClassifyFileJob(Job):
    """One that was under way begins anew; one that has finished stays as it is."""

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        assert isinstance(run.settings, ClassifyFileConfig)
        self._settings = run.settings

    def prepare(self, progress: Progress) -> None:
        use_threads(self._settings.threads or slots.default_threads())
        race = open_race(Store(self.run.folder.parent).find(self._settings.race))
        self._classifier = race.classifier(self._settings.family)
        progress(0.5)
        table = read_table(Path(self._settings.file), self._settings.encoding)
        column, kept = texts_of(table, self._settings.text_column)
        self._texts = [str(table.rows[place][column]) for place in kept]

    def resume_step(self) -> int | None:
        return None

    def records(self, clock: Clock) -> Iterator[Noted | Finish]:
        if not (self.run.folder / PROBABILITIES).is_file():
            began, count, parts = clock(), len(self._texts), []
            for start in range(0, count, AT_ONCE):
                parts.append(self._classifier.probabilities(self._texts[start : start + AT_ONCE]))
                done, taken = min(start + AT_ONCE, count), clock() - began
                yield Noted(None, taken, done / count, taken / done * (count - done))
            self._keep(np.concatenate(parts))
        yield Finish(len(self._texts), "finished")

    def _keep(self, probabilities: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> None:
        from safetensors.numpy import save

        partial = self.run.folder / f".{PROBABILITIES}"
        partial.write_bytes(save({"probabilities": np.ascontiguousarray(probabilities, dtype=np.float32)}))
        partial.replace(self.run.folder / PROBABILITIES)

    def write(self, snapshot: Snapshot) -> None:
        raise NotImplementedError("a file that is classified trains no model")

    def snapshot(self) -> Snapshot | None:
        return None
