"""What a finished training has taken, so that the next estimate on this machine is nearer."""

import contextlib
import itertools
import statistics
from collections.abc import Sequence

from llm_core.config import NgramConfig, RunConfig
from llm_core.data.prepare import open_corpus, with_vocabulary
from llm_core.devices import choose_device
from llm_core.errors import UserError
from llm_core.models.work import update
from llm_core.runs import history
from llm_core.runs.history import Row
from llm_core.runs.names import root_of
from llm_core.runs.run import Run
from llm_core.runs.speed import Point, add_points, kind_of
from llm_core.runs.text_size import size_of

_FEWEST = 20
"""Steps of a run that says something: the first ones are slow."""


def remember(run: Run) -> None:
    """Add what a finished run has taken to what is known of this machine. Nothing goes wrong by it."""
    with contextlib.suppress(UserError, OSError):
        if isinstance(run.settings, RunConfig):
            point = taken(run)
            if point is not None:
                add_points(root_of(run.folder), [point])


def taken(run: Run) -> Point | None:
    """What a step of a run took; None where it has too few, or is none of a network. Raises UserError."""
    config = run.config
    if isinstance(config.model, NgramConfig) or run.digest is None:
        return None
    seconds = step_seconds(history.records(run.folder))
    if seconds is None:
        return None
    corpus = open_corpus(run.corpora / run.digest)
    model, training = with_vocabulary(config.model, corpus), config.training
    work = update(model, training, training.batch_size, size_of(corpus).row_length(model.context))
    device = choose_device(training.device).type
    return Point("step", kind_of(model, training.objective), training.threads or 1, work, seconds, run.id, device)


def step_seconds(rows: Sequence[Row]) -> float | None:
    """The median time of a step, its looks left out; None of too few steps."""
    steps = [row for row in rows if row.get("kind") == "step"]
    if len(steps) < _FEWEST:
        return None
    each = [
        (after["tokens"] - before["tokens"]) / after["tokens_per_second"]
        for before, after in itertools.pairwise(steps)
        if after.get("tokens_per_second") and after["step"] == before["step"] + 1
    ]
    return statistics.median(each) if each else None
