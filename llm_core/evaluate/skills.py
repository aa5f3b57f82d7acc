"""Accuracy per skill: how often a model prefers what is right where a story leaves no doubt. Never trains.

A skill item stands at a place of a story and has candidates, of which some are right and all others impossible after
what came before. Candidates are compared inside the story: its text with each of them in the place is cut into tokens,
and at the first token where two part, the model's probabilities decide. So a candidate of many tokens is not at a
disadvantage, and all of a story's items are read in one forward pass over the story as it stands.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from llm_core.data.grammar.sampler import Sampled
from llm_core.data.grammar.truth import Item
from llm_core.data.tokenizers import Tokenizer
from llm_core.evaluate.rows import Row, logits_at
from llm_core.models.base import Model

Ids = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Duel:
    """At place number `place`, the likeliest of the tokens `right` must be likelier than all of `wrong`."""

    place: int
    right: NDArray[np.int64]
    wrong: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Question:
    """A skill item for one tokenizer: solved when all duels of one of its attempts are won."""

    skill: str
    attempts: tuple[tuple[Duel, ...], ...]


@dataclass(frozen=True)
class Examination:
    """Questions and the token rows in which they stand; made once, put to any model with this tokenizer."""

    rows: tuple[Row, ...] = field(repr=False)
    places: tuple[tuple[int, int], ...] = field(repr=False)
    """Where logits are wanted: (row, position), the token after that position."""
    questions: tuple[Question, ...] = field(repr=False)

    def grade(self, model: Model) -> dict[str, tuple[int, int]]:
        """How many items of each skill the model solves, and how many there are."""
        if not self.questions:
            return {}
        logits = logits_at(model, self.rows, self.places).numpy()
        found: dict[str, tuple[int, int]] = {}
        for question in self.questions:
            correct, count = found.get(question.skill, (0, 0))
            solved = any(all(_won(logits, duel) for duel in attempt) for attempt in question.attempts)
            found[question.skill] = correct + solved, count + 1
        return dict(sorted(found.items()))


def examine(tokenizer: Tokenizer, stories: Iterable[Sampled], longest: int | None = None) -> Examination:
    """The skill items of these stories as questions in this tokenizer's tokens.

    longest: the most tokens a model reads at once; stories that are longer are left out.
    """
    return _Examiner(tokenizer, longest).examine(stories)


def _won(logits: NDArray[np.float32], duel: Duel) -> bool:
    line = logits[duel.place]
    return bool(line[duel.right].max() > line[duel.wrong].max()) if len(duel.wrong) else True


class _Examiner:
    """Collects rows and places while it turns items into questions."""

    def __init__(self, tokenizer: Tokenizer, longest: int | None) -> None:
        self._tokenizer = tokenizer
        self._longest = longest
        self._rows: list[Row] = []
        self._row_of: dict[Ids, int] = {}
        self._places: dict[tuple[int, int], int] = {}
        self._fitting: dict[tuple[bytes, tuple[bytes, ...]], tuple[NDArray[np.int64], NDArray[np.int64]]] = {}

    def examine(self, stories: Iterable[Sampled]) -> Examination:
        questions: list[Question] = []
        for story in stories:
            text = _Text(self._tokenizer, story.text)
            if self._longest is not None and len(text.ids) > self._longest:
                continue
            row = len(self._rows)
            self._rows.append((Tokenizer.end_of_text, *text.ids))
            for item in story.truth.items:
                attempts = self._among_candidates(text, row, item) if item.wrong else self._among_all(text, row, item)
                questions.append(Question(item.skill, attempts))
        return Examination(tuple(self._rows), tuple(self._places), tuple(questions))

    def _among_candidates(self, text: "_Text", row: int, item: Item) -> tuple[tuple[Duel, ...], ...]:
        """One attempt for each right candidate: it must win against every wrong one where the two part."""
        first, begin, end = text.around(item.start, item.end)
        before, after = text.text[begin : item.start], text.text[item.end : end]
        ids = {word: tuple(self._tokenizer.encode(before + word + after)) for word in (*item.right, *item.wrong)}
        wrong = {ids[word] for word in item.wrong}
        attempts: list[tuple[Duel, ...]] = []
        for right in dict.fromkeys(ids[word] for word in item.right):
            rivals: dict[int, set[int]] = {}
            for other in wrong:
                parted = _parted(right, other)
                if parted is not None:
                    rivals.setdefault(parted, set()).add(other[parted])
            attempts.append(
                tuple(
                    Duel(self._place(text, row, first, right[:at]), _array([right[at]]), _array(sorted(tokens)))
                    for at, tokens in sorted(rivals.items())
                )
            )
        return tuple(attempts)

    def _among_all(self, text: "_Text", row: int, item: Item) -> tuple[tuple[Duel, ...], ...]:
        """The story's own tokens over the item's span, each against the whole vocabulary."""
        start, end = (len(text.text[:at].encode()) for at in (item.start, item.end))
        rights = tuple(word.encode() for word in item.right)
        duels = []
        for index in text.tokens_over(start, end):
            # The token may begin before the item: then only those are rivals that begin with what is known.
            known = text.data[text.byte_starts[index] : start] if text.byte_starts[index] < start else b""
            done = text.data[start : text.byte_starts[index]] if text.byte_starts[index] > start else b""
            rest = tuple(right[len(done) :] for right in rights if right.startswith(done) and len(right) > len(done))
            fitting, others = self._split_vocabulary(known, rest)
            duels.append(Duel(self._number(row, index), fitting, others))
        return (tuple(duels),)

    def _split_vocabulary(self, known: bytes, rest: tuple[bytes, ...]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """All tokens that begin with `known`: those that go on as one of `rest` does, and the others."""
        if (known, rest) not in self._fitting:
            fitting: list[int] = []
            others: list[int] = []
            for token, data in enumerate(self._tokenizer.token_bytes):
                if not data.startswith(known):
                    continue
                more = data[len(known) :]
                fits = bool(more) and any(more.startswith(right) or right.startswith(more) for right in rest)
                (fitting if fits else others).append(token)
            self._fitting[known, rest] = _array(fitting), _array(others)
        return self._fitting[known, rest]

    def _place(self, text: "_Text", row: int, first: int, path: Ids) -> int:
        """The place after the story's first tokens and a path; in a row of its own where the story goes another way."""
        if tuple(text.ids[first : first + len(path)]) == path:
            return self._number(row, first + len(path))
        alone = (Tokenizer.end_of_text, *text.ids[:first], *path)
        if alone not in self._row_of:
            self._row_of[alone] = len(self._rows)
            self._rows.append(alone)
        return self._number(self._row_of[alone], len(alone) - 1)

    def _number(self, row: int, position: int) -> int:
        return self._places.setdefault((row, position), len(self._places))


class _Text:
    """A story in tokens, with where its words and tokens begin."""

    def __init__(self, tokenizer: Tokenizer, text: str) -> None:
        self.text = text
        self.data = text.encode()
        self.ids = tokenizer.encode(text)
        sizes = [len(tokenizer.token_bytes[token]) for token in self.ids]
        self.byte_starts: list[int] = [0, *np.cumsum(sizes).tolist()]  # and where the last one ends
        self._ends = tokenizer.word_ends(text)

    def around(self, start: int, end: int) -> tuple[int, int, int]:
        """How many tokens stand safely before a span of characters, where they end, and an end some words after it.

        What is put into the span can change how the words that touch it are cut, and no others.
        """
        last = bisect_right(self._ends, start)  # words that end at `start` or before; the last two may go on
        begin = self._ends[last - 3] if last >= 3 else 0
        after = bisect_left(self._ends, end) + 1
        stop = self._ends[after] if after < len(self._ends) else len(self.text)
        return bisect_left(self.byte_starts, len(self.text[:begin].encode())), begin, stop

    def tokens_over(self, start: int, end: int) -> range:
        """The tokens that have a byte between byte `start` and byte `end`."""
        return range(bisect_right(self.byte_starts, start) - 1, bisect_left(self.byte_starts, end))


def _parted(one: Ids, other: Ids) -> int | None:
    """Where two sequences first differ; None when one is the beginning of the other."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), None)


def _array(ids: Sequence[int]) -> NDArray[np.int64]:
    return np.array(ids, dtype=np.int64)
