"""The answer to a question out of a text: by a model with two pointers, to its first and to its last token."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from llm_core.data.tokenizers import Tokenizer
from llm_core.errors import UserError
from llm_core.inference.reading_task import logits_of, of_task
from llm_core.models.base import Model

LONGEST_ANSWER = 30
"""Most tokens in an answer, as in the evaluation of BERT on SQuAD."""
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Answer:
    """A span of the text: `text` is what stands at its characters `start` to `end`; `first` and `last` are its tokens.

    `probability`: that the answer begins at the one and ends at the other, each judged by itself.
    """

    text: str
    start: int
    end: int
    first: int
    last: int
    probability: float


@dataclass(frozen=True)
class Answered:
    """What a model makes of a question: its best answers, and what it thinks of every token of the text.

    tokens, spans: those of the text that were read · begins, ends (T,): the probability of each token to be the first or
    the last of the answer · left_out: tokens at the end of the text that did not fit in the context.
    """

    text: str
    question: str
    tokens: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]
    begins: Floats
    ends: Floats
    answers: tuple[Answer, ...]
    left_out: int


def answer(
    model: Model, tokenizer: Tokenizer, text: str, question: str, count: int = 5, longest: int = LONGEST_ANSWER
) -> Answered:
    """The `count` likeliest answers, the best first. Of a text too long the beginning is read.

    Raises UserError for a model of another task, and where text or question are empty or the question fills the context.
    """
    model = of_task(model, "answer")
    asked, ids, spans = tokenizer.encode(question), tokenizer.encode(text), tokenizer.spans(text)
    if not text.strip() or not question.strip():
        raise UserError("An answer needs a question and a text that it stands in.")
    before = [*tokenizer.begin, *asked, *tokenizer.begin]
    room = model.config.context - len(before)
    if room < 1:
        raise UserError("The question has {have} tokens, which leaves no room for the text in a context of {context}.", have=len(asked), context=model.config.context)  # fmt: skip
    read, spans = ids[:room], spans[:room]
    segments = [[0] * len(before) + [1] * len(read)]
    logits = logits_of(model, [[*before, *read]], segments)[0, len(before) :].to(torch.float64)
    begins, ends = logits.softmax(0).T.numpy()
    pieces = tokenizer.pieces
    answers = []
    for first, last, probability in best_spans(begins, ends, count, longest):
        start, end = _bare(text, spans[first][0], spans[last][1])
        answers.append(Answer(text[start:end], start, end, first, last, probability))
    tokens = tuple([pieces[token] for token in read])
    return Answered(text, question, tokens, tuple(spans), begins, ends, tuple(answers), len(ids) - len(read))


def best_spans(begins: Floats, ends: Floats, count: int, longest: int) -> list[tuple[int, int, float]]:
    """The likeliest (first, last, probability) with first <= last and at most `longest` tokens; begins, ends (T,)."""
    places = np.arange(len(begins))
    apart = places[None, :] - places[:, None]  # (T, T) tokens from the first to the last
    joint = np.where((apart >= 0) & (apart < longest), begins[:, None] * ends[None, :], -1.0)
    order = np.argsort(-joint, axis=None, kind="stable")[:count]
    found = [divmod(int(place), len(begins)) for place in order]
    return [(first, last, float(joint[first, last])) for first, last in found if joint[first, last] >= 0]


def _bare(text: str, start: int, end: int) -> tuple[int, int]:
    """The same span without white space around it."""
    shown = text[start:end]
    return start + len(shown) - len(shown.lstrip()), end - len(shown) + len(shown.rstrip())
