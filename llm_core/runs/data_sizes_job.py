"""Fitting families of a race on shares of its training part, as a worker does it: one after another, the smallest share
of all families first, so that whole curves grow together."""

from collections.abc import Callable, Generator, Iterator, Mapping

import numpy as np

from llm_core.data.labelled import Labelled
from llm_core.data.splits import groups_of, stratified
from llm_core.devices import use_threads
from llm_core.evaluate.bootstrap import interval, resample
from llm_core.evaluate.classification import Floats, predict, report
from llm_core.inference.classifiers.base import Classifier
from llm_core.runs import history, slots
from llm_core.runs.entrant import READ_AT_ONCE, options_for
from llm_core.runs.failure import is_full, plain, sentence_of
from llm_core.runs.history import Row
from llm_core.runs.job import Clock, Job, Noted, Progress
from llm_core.runs.race_job import families_of
from llm_core.runs.raced import open_race
from llm_core.runs.run import Run
from llm_core.runs.sized import DataSizesConfig
from llm_core.runs.store import Store
from llm_core.training.classifiers.base import Family, Fitted
from llm_core.training.records import Finish, Snapshot

LEAST_SECONDS = 1.0
"""What a family gets at the least, however quick it was in the race."""


class DataSizesJob(Job):
    """Goes on after the points that are in its history; a family that fails on one leaves a row that says so."""

    def __init__(self, run: Run, families: Mapping[str, Family] | None = None) -> None:
        super().__init__(run)
        assert isinstance(run.settings, DataSizesConfig)
        self._settings = run.settings
        self._given = families
        self._done = {
            (row.get("family"), row.get("share")) for row in history.records(run.folder) if row.get("kind") == "size"
        }

    def prepare(self, progress: Progress) -> None:
        self._race = open_race(Store(self.run.folder.parent).find(self._settings.race))
        self._prepared = self._race.prepared
        progress(0.5)
        self._families = self._given or families_of(self._race.run)
        use_threads(self._settings.threads or slots.default_threads())

    def resume_step(self) -> int | None:
        return None

    def records(self, clock: Clock) -> Iterator[Noted | Finish]:
        waiting = [
            (family, share)
            for share in sorted(self._settings.shares)
            for family in self._settings.families
            if (family, share) not in self._done
        ]
        began, count = clock(), len(self._settings.families) * len(self._settings.shares)
        left = sum(self._seconds(family) for family, _share in waiting)
        for number, (family, share) in enumerate(waiting):
            over = (count - len(waiting) + number) / count

            def noted(row: Row | None, over: float = over, left: float = left) -> Noted:
                return Noted(row, clock() - began, over, left)

            try:
                row = yield from self._point(family, share, clock, noted)
            except Exception as error:
                if is_full(error):
                    raise
                sentence = sentence_of(error, self.run.folder / "log.txt")
                row = {"kind": "size", "family": family, "share": share, "template": sentence.template, "values": plain(sentence.values)}  # fmt: skip
            left -= self._seconds(family)
            yield noted(row, (count - len(waiting) + number + 1) / count, left)
        yield Finish(count, "finished")

    def _seconds(self, family: str) -> float:
        return max(LEAST_SECONDS, float(self._race.results.get(family, {}).get("seconds", LEAST_SECONDS)))

    def _point(
        self, family: str, share: float, clock: Clock, noted: Callable[[Row | None], Noted]
    ) -> Generator[Noted, None, Row]:
        training, test = share_of(self._prepared.training, share, self._settings.seed), self._prepared.test
        fitted: Fitted | None = None
        for record in self._families[family].fit(
            training, seconds=self._seconds(family), seed=self._settings.seed, options=options_for(self._race.settings), clock=clock
        ):  # fmt: skip
            if isinstance(record, Fitted):
                fitted = record
            yield noted(None)
        assert fitted is not None, f"{family} has yielded no classifier"
        probabilities = yield from _read(fitted.classifier, test.texts, noted)
        predicted = predict(probabilities)
        found = report(test.labels, predicted, len(test.names))
        reach = interval(resample(test.labels, [predicted], len(test.names)).accuracy[:, 0])
        return {
            "kind": "size", "family": family, "share": share, "texts": len(training), "accuracy": found.accuracy,
            "low": reach.low, "high": reach.high, "macro_f1": found.macro.f1, "seconds": fitted.seconds,
        }  # fmt: skip

    def write(self, snapshot: Snapshot) -> None:
        raise NotImplementedError("a run that measures data sizes keeps no model")

    def snapshot(self) -> Snapshot | None:
        return None


def share_of(training: Labelled, share: float, seed: int) -> Labelled:
    """A share of every class, at least one text of each."""
    return training.take(np.flatnonzero(stratified(training.labels, groups_of(training.texts), share, seed, least=1)))


def _read(
    classifier: Classifier, texts: tuple[str, ...], noted: Callable[[Row | None], Noted]
) -> Generator[Noted, None, Floats]:
    """The probabilities (N, K), with signs of life."""
    parts = []
    for start in range(0, len(texts), READ_AT_ONCE):
        parts.append(classifier.probabilities(texts[start : start + READ_AT_ONCE]))
        yield noted(None)
    return np.concatenate(parts)
