"""What can be said of a model beside its loss, where the right answer is known: looked at during training. Never trains.

Shares from 0 to 1 by name: `skill.<name>` for a text that a grammar has written, `accuracy` for a toy task. Always the
same small part of the held-out text, so that a curve moves by the model alone.
"""

from collections import OrderedDict
from itertools import islice

import numpy as np

from llm_core.config import RunConfig
from llm_core.data.corpora import CORPORA
from llm_core.data.prepare import TokenizedCorpus
from llm_core.data.tasks import TASKS
from llm_core.evaluate.excess import split_stories
from llm_core.evaluate.rows import logits_at
from llm_core.evaluate.skills import Examination, examine
from llm_core.evaluate.world import world_of
from llm_core.models.base import Model

MOST_TOKENS = 3072
"""Held-out tokens in a look: a fraction of a second for a small model on a processor."""
_KEPT = 4
_examinations: OrderedDict[tuple[str, int, int], Examination] = OrderedDict()


def measure(model: Model, corpus: TokenizedCorpus, config: RunConfig, limit: int | None) -> dict[str, float]:
    """The measures of a model on at most `limit` held-out tokens (and never on many); empty where none are defined."""
    known = CORPORA.get(config.data.corpus)
    budget = min(limit or MOST_TOKENS, MOST_TOKENS)
    if known is None or known.kind not in ("grammar", "task"):
        return {}
    if known.kind == "task":
        return {"accuracy": _accuracy(model, corpus, known.source, budget)}
    grades = _examination(corpus, config, budget).grade(model)
    return {f"skill.{skill}": correct / count for skill, (correct, count) in grades.items()}


def _examination(corpus: TokenizedCorpus, config: RunConfig, budget: int) -> Examination:
    """The questions on the first stories; they cost more than the answers, so they are kept."""
    key = corpus.digest, config.model.context, budget
    if key not in _examinations:
        world = world_of(config.data)
        assert world is not None
        count = _within(corpus, budget)
        _examinations[key] = examine(corpus.tokenizer, world.stories(count), config.model.context)
        if len(_examinations) > _KEPT:
            _examinations.popitem(last=False)
    return _examinations[key]


def _accuracy(model: Model, corpus: TokenizedCorpus, task: str, budget: int) -> float:
    """The share of lines whose whole answer, its end included, a model that always takes the likeliest token writes."""
    tokenizer, end = corpus.tokenizer, corpus.tokenizer.end_of_text
    rows: list[list[int]] = []
    places: list[tuple[int, int]] = []
    wanted: list[int] = []
    for number, line in enumerate(islice(split_stories(corpus.held_out[: budget * 2]), _within(corpus, budget))):
        text = tokenizer.decode(line.tolist())
        question = tokenizer.encode(text[: TASKS[task].answer_start(text)])
        answer = tokenizer.encode(text[TASKS[task].answer_start(text) :])
        rows.append([end, *question, *answer])
        places += [(number, len(question) + place) for place in range(len(answer) + 1)]
        wanted += [*answer, end]
    if not rows:
        return 0.0
    # The likeliest tokens are all right exactly where the model, left to itself, would have written them.
    right = logits_at(model, rows, places).argmax(-1).numpy() == np.array(wanted)
    lines = np.array([line for line, _ in places])
    return 1.0 - len(np.unique(lines[~right])) / len(rows)


def _within(corpus: TokenizedCorpus, budget: int) -> int:
    """How many held-out documents there are in so many tokens; at least one."""
    starts = np.flatnonzero(np.asarray(corpus.held_out[: budget + 1]) == corpus.tokenizer.end_of_text)
    return max(1, len(starts) - 1) if len(corpus.held_out) > budget else len(starts)
