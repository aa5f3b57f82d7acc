"""Head scores at many steps of a training, one snapshot after the other, as rows that a history can keep."""

import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from llm_core.interpret.attention.head_rows import Heads, Scored, Table, Underway
from llm_core.interpret.attention.head_scores import Exercise, Scores, score
from llm_core.interpret.reading import AnyTokenizer
from llm_core.models.base import Model

_DIGITS = 4


def score_steps(
    load: Callable[[int], Model | None],
    steps: Sequence[int],
    asked: Sequence[Exercise],
    tokenizer: AnyTokenizer,
    clock: Callable[[], float] = time.monotonic,
    done: int = 0,
) -> Iterator[Heads | Scored | Underway]:
    """The rows of every step, in the order given, a `Scored` after the last of each.

    `load` gives the model as it was at a step, or None where that was not kept after all; `done` steps were scored
    before. Closing the generator stops it.
    """
    whole, begun = done + len(steps), clock()
    for step in steps:
        model = load(step)
        if model is not None:
            work = score(model, asked, tokenizer)
            while True:
                try:
                    share = next(work)
                except StopIteration as end:
                    yield from rows(step, end.value)
                    break
                yield Underway((done + share) / whole)
        done += 1
        if model is not None:
            yield Scored(step, done, whole, clock() - begun)


def rows(step: int, scores: Scores) -> Iterator[Heads]:
    """The scores of a step as rows, rounded to what an interval leaves certain and more."""
    for part, by_name in scores.items():
        for name, found in by_name.items():
            yield Heads(
                step, part, name, _table(found.mean), _table(found.low), _table(found.high), found.items, found.texts,
                None if found.baseline is None else round(found.baseline, _DIGITS), found.baseline_name,
            )  # fmt: skip


def _table(values: NDArray[np.float64]) -> Table:
    table: Table = np.nan_to_num(values, nan=0.0, posinf=1e9, neginf=-1e9).round(_DIGITS).tolist()
    return table
