"""Questions to heads out of random tokens that come twice: what a head does by place and by likeness alone.

A text is some tokens drawn at random, none of them twice, and the same again. Its length differs from text to text, so
that no fixed offset finds the first copy. Olsson et al. (2022, "In-context Learning and Induction Heads") repeat random
tokens to tell induction heads from heads that know the language.

previous_token: from each token but the first, to the one before it. duplicate_token: from each token of the second copy,
to the same one in the first. induction: from each token of the second copy, to the one after the same one in the first,
which is what comes next; of models that write left to right.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from llm_core.interpret.attention.attention import Part, parts
from llm_core.interpret.attention.questions import NO_UNIT, AskedText, Question
from llm_core.interpret.reading import AnyTokenizer, Reading, Side
from llm_core.models.base import Model

_LONGEST = 32
"""Tokens of a copy at most; short enough that hundreds of texts take a second."""


def repeated_texts(
    model: Model, tokenizer: AnyTokenizer, vocabulary: Sequence[int], texts: int, seed: int
) -> Iterator[AskedText]:
    """Random tokens out of a vocabulary, twice, with their questions to each part of the model but the cross-attention.

    An encoder-decoder reads the tokens twice and is given the same as its text. Nothing comes out where vocabulary or
    context have no room for two different tokens, twice.
    """
    random = np.random.default_rng([seed, len(vocabulary)])
    context = getattr(model.config, "context", 0)
    begin, end = tokenizer.begin, tokenizer.end
    longest = min(_LONGEST, (context - len(begin) - len(end)) // 2, len(vocabulary))
    shortest = max(2, longest // 4)
    if longest < shortest:
        return
    present = parts(model)
    for _ in range(texts):
        length = int(random.integers(shortest, longest + 1))
        piece = [int(token) for token in random.choice(np.asarray(vocabulary), length, replace=False)]
        if "cross" in present:
            text, source = (*begin, *piece, *piece), (*piece, *piece, *begin)
            reading = Reading(_side(text), _side(source), 0)
            starts: dict[Part, tuple[int, int]] = {"decoder": (len(begin), len(text)), "encoder": (0, len(source))}
        else:
            text = (*begin, *piece, *piece, *end)
            reading = Reading(_side(text), None, 0)
            starts = {present[0]: (len(begin), len(text))}
        yield AskedText(
            reading,
            {part: _units(first, length, total) for part, (first, total) in starts.items()},
            {part: _questions(first, length, causal=part == "decoder") for part, (first, _) in starts.items()},
        )


def _side(ids: tuple[int, ...]) -> Side:
    return Side(ids, ("",) * len(ids), ((0, 0),) * len(ids))


def _units(first: int, length: int, total: int) -> tuple[int, ...]:
    """Each random token is a unit of its own, control tokens are none."""
    return tuple(at - first if 0 <= at - first < 2 * length else NO_UNIT for at in range(total))


def _questions(first: int, length: int, causal: bool) -> dict[str, tuple[Question, ...]]:
    """Of copies of `length` tokens, the first of which is token `first`."""

    def ask(unit: int, right: int) -> Question:
        return Question((first + unit,), unit, frozenset({right}))

    second = range(length, 2 * length)
    questions = {
        "previous_token": tuple(ask(unit, unit - 1) for unit in range(1, 2 * length)),
        "duplicate_token": tuple(ask(unit, unit - length) for unit in second),
    }
    if causal:
        questions["induction"] = tuple(ask(unit, unit - length + 1) for unit in second)
    return questions
