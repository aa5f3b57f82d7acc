"""Training a language model, as a worker does it: text, checkpoint to go on from, records, files."""

import contextlib
from collections.abc import Iterator

from llm_core.data.prepare import TokenizedCorpus, open_corpus, prepare, require_length
from llm_core.errors import UserError
from llm_core.evaluate.floor import NoFloor, entropy_floor
from llm_core.runs import history, opened
from llm_core.runs.baselines import baselines, unigram_baseline
from llm_core.runs.branch import beginning
from llm_core.runs.files import replace_json, replace_text
from llm_core.runs.history import Row
from llm_core.runs.job import Clock, Job, Progress
from llm_core.runs.run import LABELS, Run
from llm_core.runs.wish import Wish
from llm_core.training import checkpoints
from llm_core.training.branching import branched_state
from llm_core.training.fixed_text import fixed_text
from llm_core.training.loop import train
from llm_core.training.records import Record, Snapshot
from llm_core.training.state import TrainingState


class TrainJob(Job):
    """`train` in a run folder. Goes on from the newest full checkpoint that verifies, or from where it branched off."""

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        self._wish = Wish(run.folder)
        self._lacks_text = False
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
        self._state = self._last_state(corpus)
        checkpoints.take_back(self._steps, self.resume_step())
        opened.take_back(self.run.folder, self.resume_step())

    def _last_state(self, corpus: TokenizedCorpus) -> TrainingState | None:
        """What to go on from; None where the run begins."""
        config, rows = self.run.config, history.records(self.run.folder)
        known = {row.get("kind") for row in rows}
        self._lacks_text = "step" in known and "fixed_text" not in known
        branched = beginning(rows)
        if branched is not None and "snapshot" not in known:  # what lies there is its parent's
            folder = checkpoints.step_folder(self._steps, branched["step"])
            return branched_state(
                folder, config, corpus,
                tokens=branched["tokens"], seconds=branched["seconds"], initial=branched["initial_loss"],
            )  # fmt: skip
        newest = checkpoints.newest_full(self._steps)
        # Step 0 says nothing that the settings do not say, and its first look belongs to the records: begin anew.
        if newest is None or (int(newest.name) == 0 and branched is None):
            return None
        return checkpoints.read_state(newest, config, corpus)

    def resume_step(self) -> int | None:
        return None if self._state is None else self._state.step

    def records(self, clock: Clock) -> Iterator[Record]:
        if self._lacks_text and self._state is not None and not self._state.finished:
            text = fixed_text(self.corpus, self._state.config)  # a version before this one began the run
            if text is not None:
                yield text.record(0, self.corpus, self._state.config)
        for record in train(self.run.config, self.corpus, self._state, clock, self._opens):
            if isinstance(record, Snapshot):
                self._state = record.state
            yield record

    def _opens(self, step: int) -> bool:
        """Whether just this step is asked for."""
        wanted = self._wish.now()
        return wanted.state == "running" and wanted.until_step == step

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
        unigram = unigram_baseline(self.corpus, self.run.config.training.objective)
        return [*baselines(self.corpus), *([] if unigram is None else [unigram]), self._floor()]

    def _floor(self) -> Row:
        """The loss of a perfect predictor, or why nobody knows it."""
        floor = entropy_floor(self.run.config, self.corpus)
        if isinstance(floor, NoFloor):
            return {"kind": "no_floor", "template": floor.template, "values": dict(floor.values)}
        return {"kind": "baseline", "name": "floor", "loss": floor.nats_per_token}
