"""Scoring the attention heads of another run's model, as a worker does it: snapshot by snapshot, into its own history."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch

from llm_core.config import RunConfig
from llm_core.data.annotated import ASKED
from llm_core.data.corpora import CORPORA, Corpus
from llm_core.data.generated import documents
from llm_core.data.prepare import open_corpus
from llm_core.devices import choose_device
from llm_core.errors import UserError
from llm_core.interpret.attention.head_scores import Exercise, exercises
from llm_core.interpret.attention.head_scores_over_steps import score_steps
from llm_core.models.base import Model
from llm_core.runs import history, slots
from llm_core.runs.headless import refuse_headless
from llm_core.runs.job import Clock, Job, Progress, Yielded
from llm_core.runs.run import Run
from llm_core.runs.scored import HeadScoresConfig
from llm_core.runs.store import Store
from llm_core.training.records import Finish, Snapshot

if TYPE_CHECKING:
    from llm_core.data.tokenizers import Tokenizer

_LOOKED_AT = 200_000
"""Tokens of a run's own text that are looked at to know which ones it uses."""
_LINES = 2_000
"""Lines of a toy task that are written to know the same."""


class HeadScoresJob(Job):
    """`score_steps` in a run folder: the last step first, since that is what a page shows, then from the first on.

    Goes on after the steps that are whole in its history.
    """

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        assert isinstance(run.settings, HeadScoresConfig)
        self._settings = run.settings
        self._store = Store(run.folder.parent)
        self._done = [row["step"] for row in history.records(run.folder) if row.get("kind") == "scored"]
        self._exercises: tuple[Exercise, ...] = ()

    def prepare(self, progress: Progress) -> None:
        self._watched = self._store.find(self._settings.run)
        refuse_headless(self._watched)
        torch.set_num_threads(slots.default_threads())
        model, self._tokenizer = self._store.model(self._watched)
        self._exercises = exercises_for(self._watched, model, self._tokenizer, self._settings, progress)

    def resume_step(self) -> int | None:
        return max(self._done, default=None)

    def records(self, clock: Clock) -> Iterator[Yielded]:
        steps = self._watched.steps()
        waiting = [step for step in (steps[-1], *steps[:-1]) if step not in self._done]
        yield from score_steps(self._load, waiting, self._exercises, self._tokenizer, clock, len(self._done))
        yield Finish(steps[-1], "finished")

    def _load(self, step: int) -> Model | None:
        if step not in self._watched.steps():
            return None  # a run under way thins out its snapshots
        model, _ = self._store.model(self._watched, step)
        return model.to(choose_device("auto"))

    def write(self, snapshot: Snapshot) -> None:
        raise NotImplementedError("a run that scores heads keeps no model")

    def snapshot(self) -> Snapshot | None:
        return None


def exercises_for(
    run: Run, model: Model, tokenizer: "Tokenizer", settings: HeadScoresConfig, progress: Progress | None = None
) -> tuple[Exercise, ...]:
    """What the model of a run is asked, at any step.

    A text of a grammar asks in its own world; a toy task speaks no language; all else is asked in stories. Random texts
    are drawn from the tokens that the run's own text uses, where that is at hand: that of a task can always be written.
    """
    corpus = CORPORA.get(run.settings.data.corpus) if isinstance(run.settings, RunConfig) else None
    language: str | None = corpus.language if corpus is not None and corpus.language in ("en", "zh") else "en"
    own = corpus is not None and corpus.kind in ("grammar", *ASKED)
    return exercises(
        model, tokenizer, texts=settings.texts, seed=settings.seed,
        language=None if corpus is not None and corpus.kind == "task" else language,
        grammar=corpus.source if corpus is not None and own else "stories",
        vocabulary=None if own else _own_tokens(run, corpus, tokenizer), progress=progress,
    )  # fmt: skip


def _own_tokens(run: Run, embedded: Corpus | None, tokenizer: "Tokenizer") -> list[int] | None:
    if embedded is not None and embedded.kind == "task":
        # A word that begins a line is a token of its own, without a space, that stands nowhere else.
        return sorted({token for text in documents(embedded, 0, _LINES) for token in tokenizer.encode(text)[1:]})
    if run.digest is None:
        return None
    try:
        corpus = open_corpus(run.corpora / run.digest)
    except UserError:  # not prepared here, as that of a bundled model
        return None
    used = {int(token) for token in corpus.held_out[:_LOOKED_AT]}
    return sorted(used - corpus.tokenizer.separators)
