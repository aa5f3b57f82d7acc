"""Working on one family by itself, on the split of a race: a point of a curve against data size, or a family anew."""

from collections.abc import Iterator, Mapping

from llm_core.devices import use_threads
from llm_core.runs import slots
from llm_core.runs.curve import Curve
from llm_core.runs.entrant import Entry, enter, options_for
from llm_core.runs.job import Clock, Job, Noted, Progress
from llm_core.runs.race import ClassifyConfig
from llm_core.runs.race_job import families_of
from llm_core.runs.raced import open_race, outcome_of, race_of
from llm_core.runs.run import Run
from llm_core.training.classifiers.base import Family
from llm_core.training.records import Finish, Snapshot


class ClassifyJob(Job):
    """One that was under way begins anew; one that has finished stays as it is."""

    def __init__(self, run: Run, families: Mapping[str, Family] | None = None) -> None:
        super().__init__(run)
        assert isinstance(run.settings, ClassifyConfig)
        self._settings = run.settings
        self._given = families

    def prepare(self, progress: Progress) -> None:
        self._race = open_race(race_of(self.run))
        self._prepared = self._race.prepared
        progress(0.5)
        self._families = self._given or families_of(self._race.run)
        use_threads(self._settings.threads or slots.default_threads())

    def resume_step(self) -> int | None:
        return None

    def records(self, clock: Clock) -> Iterator[Noted | Finish]:
        if outcome_of(self.run) is None:
            began, seconds, curve = clock(), self._settings.seconds, Curve()
            options = options_for(self._race.settings, self._settings.augmentation)
            entry = Entry(
                self._families[self._settings.family], seconds, self._settings.seed, options, self._settings.share
            )
            for record in enter(entry, self._prepared, self.run, clock):
                taken = clock() - began
                row = curve.row(record)
                named = None if row is None else {**row, "family": self._settings.family}
                yield Noted(named, taken, curve.share, max(0.0, seconds - taken))
        yield Finish(0, "finished")

    def write(self, snapshot: Snapshot) -> None:
        raise NotImplementedError("a classifier is kept whole, when it has learned")

    def snapshot(self) -> Snapshot | None:
        return None
