"""What a model for a task says of held-out texts while it learns, beside what is right."""

from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np

from llm_core.config import TaskConfig
from llm_core.data.prepare import TokenizedCorpus
from llm_core.data.targets import FIRST_TAG, first_tokens, words_in
from llm_core.evaluate.excess import split_stories
from llm_core.evaluate.language_model import still
from llm_core.inference.answer import answer
from llm_core.inference.label import label
from llm_core.inference.tag import entities_of, marked, tag
from llm_core.models.base import Model
from llm_core.training.records import Sample

_SHOWN = 3


def answered_samples(model: Model, corpus: TokenizedCorpus, step: int, prompts: Sequence[str] = ()) -> Iterator[Sample]:
    """The first held-out texts, with what the model says of each and what is right; before them `prompts`, unless the
    model needs a question beside each. The model comes back in the mode it was in."""
    assert isinstance(model.config, TaskConfig)
    tell = {"classify": _labelled, "tag": _tagged, "answer": _answered}[model.config.task]
    with still(model):
        for prompt in prompts if model.config.task != "answer" else ():
            yield Sample(step, prompt, _said(model, corpus, prompt))
        for prompt, said, right in islice(tell(model, corpus), _SHOWN):
            yield Sample(step, prompt, said, right)


Shown = Iterator[tuple[str, str, str]]
"""What is asked, what the model says, and what is right."""


def _said(model: Model, corpus: TokenizedCorpus, text: str) -> str:
    if isinstance(model.config, TaskConfig) and model.config.task == "classify":
        return next(iter(label(model, corpus.tokenizer, corpus.labels, [text])[0]))
    return marked(text, tag(model, corpus.tokenizer, corpus.labels, text).entities)


def _labelled(model: Model, corpus: TokenizedCorpus) -> Shown:
    for text, targets in _held_out(corpus, 2):
        shown = corpus.tokenizer.decode(text.tolist())
        yield shown, _said(model, corpus, shown), corpus.labels[int(targets[0]) - 1]


def _tagged(model: Model, corpus: TokenizedCorpus) -> Shown:
    for text, targets in _held_out(corpus, 2):
        shown = corpus.tokenizer.decode(text.tolist())
        words = words_in(shown)
        tags = [
            "O" if place is None else corpus.labels[max(0, int(targets[place]) - FIRST_TAG)]
            for place in first_tokens(words, corpus.tokenizer.spans(shown))
        ]
        yield shown, _said(model, corpus, shown), marked(shown, entities_of(shown, words, tags))


def _answered(model: Model, corpus: TokenizedCorpus) -> Shown:
    tokenizer = corpus.tokenizer
    for question, text, targets in _held_out(corpus, 3):
        asked, shown = tokenizer.decode(question.tolist()), tokenizer.decode(text.tolist())
        best = answer(model, tokenizer, shown, asked, count=1).answers[0]
        first, last = targets.tolist()
        right = tokenizer.decode(text[first - 1 : last].tolist()).strip()
        yield f"{shown}\n{asked}", best.text, right


def _held_out(corpus: TokenizedCorpus, turns: int) -> Iterator[list[np.ndarray]]:
    """The turns of each held-out document."""
    texts = split_stories(corpus.held_out)
    for first in range(0, len(texts), turns):
        yield texts[first : first + turns]
