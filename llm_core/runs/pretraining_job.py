"""Measuring what pre-training is worth, as a worker does it: seed by seed in all languages, so that all bars grow together."""

from collections.abc import Callable, Generator, Iterator, Mapping

from llm_core.devices import use_threads
from llm_core.runs import history, slots
from llm_core.runs.history import Row
from llm_core.runs.job import Clock, Job, Noted, Progress
from llm_core.runs.pretrained import STARTS, PretrainingConfig
from llm_core.runs.run import Run
from llm_core.training.classifiers.base import Family
from llm_core.training.records import Finish, Snapshot


class PretrainingJob(Job):
    """Goes on after the trials that are in its history."""

    def __init__(self, run: Run, families: Mapping[str, Family] | None = None) -> None:
        super().__init__(run)
        assert isinstance(run.settings, PretrainingConfig)
        self._settings = run.settings
        self._given = families
        known = history.records(run.folder)
        self._told = {row.get("language") for row in known if row.get("kind") == "known"}
        self._done = {(row.get("language"), row.get("seed"), row.get("start")) for row in known if row.get("kind") == "trial"}  # fmt: skip

    def prepare(self, progress: Progress) -> None:
        from llm_core.transfer.held_out_words import families

        use_threads(self._settings.threads or slots.default_threads())
        self._families = self._given or families()
        progress(0.5)

    def resume_step(self) -> int | None:
        return None

    def records(self, clock: Clock) -> Iterator[Noted | Finish]:
        settings = self._settings
        trials = [
            (language, seed, start) for seed in range(settings.seeds) for language in settings.languages for start in STARTS
        ]  # fmt: skip
        waiting = [trial for trial in trials if trial not in self._done]
        began, over = clock(), len(trials) - len(waiting)

        def noted(row: Row | None, done: float) -> Noted:
            taken = clock() - began
            left = taken / done * (len(waiting) - done) if done else None
            return Noted(row, taken, (over + done) / len(trials), left)

        for language in settings.languages:
            if language not in self._told:
                yield noted(None, 0)
                yield noted(_known(language, settings), 0)
        for number, trial in enumerate(waiting):
            row = yield from self._trial(*trial, lambda share, number=number: noted(None, number + min(0.99, share)))  # type: ignore[misc]
            yield noted(row, number + 1)
        yield Finish(len(trials), "finished")

    def _trial(
        self, language: str, seed: int, start: str, sign: Callable[[float], Noted]
    ) -> Generator[Noted, None, Row]:
        from llm_core.transfer.held_out_words import Trial, attempt

        settings = self._settings
        for record in attempt(start, self._families[start], language, seed, settings.labelled, settings.tested):
            if isinstance(record, Trial):
                return {
                    "kind": "trial", "language": language, "start": start, "seed": seed, "accuracy": record.accuracy,
                    "trial_seconds": record.seconds,
                }  # fmt: skip
            yield sign(record.share)
        raise AssertionError(f"{start} has yielded no trial")

    def write(self, snapshot: Snapshot) -> None:
        raise NotImplementedError("a run that measures what pre-training is worth keeps no model")

    def snapshot(self) -> Snapshot | None:
        return None


def _known(language: str, settings: PretrainingConfig) -> Row:
    """The best accuracy that is possible on the test, and how many of its telling words were never labelled, at least."""
    from llm_core.transfer.held_out_words import ceiling, held_out_part, labelled_part, never_labelled

    test = held_out_part(language, settings.tested)
    parts = [labelled_part(language, seed, settings.labelled) for seed in range(settings.seeds)]
    share = min(never_labelled(language, part, test).share for part in parts)
    return {"kind": "known", "language": language, "ceiling": ceiling(language, settings.tested), "never_labelled": share}  # fmt: skip
