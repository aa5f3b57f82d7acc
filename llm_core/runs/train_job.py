"""Training a language model, as a worker does it: text, checkpoint to go on from, records, files."""

import contextlib
from collections.abc import Iterator

from llm_core.data.prepare import TokenizedCorpus, open_corpus, prepare, require_length
from llm_core.errors import UserError
from llm_core.evaluate.floor import NoFloor, entropy_floor
from llm_core.runs.baselines import baselines
from llm_core.runs.files import replace_json, replace_text
from llm_core.runs.history import Row
from llm_core.runs.job import Clock, Job, Progress
from llm_core.runs.run import LABELS, Run
from llm_core.training import checkpoints
from llm_core.training.loop import train
from llm_core.training.records import Record, Snapshot
from llm_core.training.state import TrainingState


class TrainJob(Job):
    """`train` in a run folder. Goes on from the newest full checkpoint that verifies."""

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        self._steps = run.folder / "steps"
        self._corpus: TokenizedCorpus | None = None
        self._state: TrainingState | None = None

    @property
    def corpus(self) -> TokenizedCorpus:
        assert self._corpus is not None, "prepare first"
        return self._corpus

    def prepare(self, progress: Progress) -> None:
        config, digest = self.run.config, self.run.digest
        corpus = None
        if digest is not None:
            with contextlib.suppress(UserError):  # gone or damaged: the text itself may still be there
                corpus = open_corpus(self.run.corpora / digest)
        if corpus is None:
            corpus = prepare(config.data, self.run.corpora, progress)
        if digest not in (None, corpus.digest):
            raise UserError("The text of run {run} has changed since it began; start a new run.", run=self.run.id)
        require_length(corpus, config.model.context)
        if digest is None:
            replace_text(self.run.folder / "tokenizer.json", corpus.tokenizer.to_json(), durable=True)
            if corpus.labels:
                replace_json(self.run.folder / LABELS, {"labels": corpus.labels}, durable=True)
            replace_json(self.run.folder / "corpus.json", {"digest": corpus.digest}, durable=True)
        self._corpus = corpus
        newest = checkpoints.newest_full(self._steps)
        # Step 0 says nothing that the settings do not say, and its first look belongs to the records: begin anew.
        if newest is not None and int(newest.name) > 0:
            self._state = checkpoints.read_state(newest, config, corpus)
        checkpoints.take_back(self._steps, self.resume_step())

    def resume_step(self) -> int | None:
        return None if self._state is None else self._state.step

    def records(self, clock: Clock) -> Iterator[Record]:
        for record in train(self.run.config, self.corpus, self._state, clock):
            if isinstance(record, Snapshot):
                self._state = record.state
            yield record

    def write(self, snapshot: Snapshot) -> None:
        checkpoints.write(self._steps, snapshot)
        if snapshot.full:
            checkpoints.thin(self._steps)

    def snapshot(self) -> Snapshot | None:
        state = self._state
        if state is None or self.run.config.model.family == "ngram" or state.watch.in_a_row:
            return None
        return state.snapshot()

    def comparisons(self) -> list[Row]:
        return [*baselines(self.corpus), self._floor()]

    def _floor(self) -> Row:
        """The loss of a perfect predictor, or why nobody knows it."""
        floor = entropy_floor(self.run.config, self.corpus)
        if isinstance(floor, NoFloor):
            return {"kind": "no_floor", "template": floor.template, "values": dict(floor.values)}
        return {"kind": "baseline", "name": "floor", "loss": floor.nats_per_token}
