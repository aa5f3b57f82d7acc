"""Toy tasks with a right answer: a line is a question drawn by chance and its answer, which is certain.

Every line can be had alone: its draws depend on the seed and its index. What a line costs a perfect predictor is known:
the question's -log P, the answer costs nothing. Sources: copy, reverse and induction after Olsson et al., "In-context
learning and induction heads" (2022); modular addition after Power et al., "Grokking" (2022); brackets are prefixes of
Dyck-(k, m) as in Hewitt et al. (2020), answered by what closes them. Knows no token and no model.
"""

import math
import random
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from string import ascii_lowercase

import numpy as np
from numpy.typing import NDArray

from llm_core.errors import N_, UserError


@dataclass(frozen=True)
class Task(ABC):
    """`title` and `description` are English templates, marked for translation."""

    name: str
    title: str
    description: str

    @abstractmethod
    def question(self, seed: int, index: int) -> str:
        """Question `index` of a seed, up to the place where the answer begins."""

    @abstractmethod
    def answer_start(self, text: str) -> int:
        """The character offset at which the answer begins. Raises UserError for what is no line of this task."""

    @abstractmethod
    def solve(self, question: str) -> str:
        """The right answer. Raises UserError for what is no question of this task."""

    @abstractmethod
    def question_log_probability(self, question: str) -> float:
        """The natural logarithm of the probability that this question, one that `solve` takes, is drawn."""

    def documents(self, count: int, seed: int, start: int = 0) -> Iterator[str]:
        """Lines `start` to `start + count - 1` of a seed: question and answer, without a line end."""
        for index in range(start, start + count):
            question = self.question(seed, index)
            yield question + self.solve(question)

    def log_probability(self, text: str) -> float:
        """log P of a whole line in nats; minus infinity for what the task never says."""
        try:
            question = text[: self.answer_start(text)]
            if text != question + self.solve(question):
                return -math.inf
        except UserError:
            return -math.inf
        return self.question_log_probability(question)

    def _refuse(self, question: str) -> UserError:
        return UserError(
            "{question!r} is no question of the task {task}; one is {example!r}.",
            question=question[:80], task=self.name, example=self.question(0, 0),
        )  # fmt: skip


@dataclass(frozen=True)
class Rewriting(Task):
    """`cabd>dbac`: letters drawn independently, a sign, and the letters written anew by a rule."""

    rule: Callable[[str], str] = field(repr=False)
    letters: str = ascii_lowercase
    lengths: range = range(4, 13)

    def question(self, seed: int, index: int) -> str:
        draw = _Draws(seed, index)
        length = draw.one_of(self.lengths)
        return "".join(self.letters[draw.below(len(self.letters))] for _ in range(length)) + ">"

    def answer_start(self, text: str) -> int:
        return _after(self, text, ">")

    def solve(self, question: str) -> str:
        asked = question.removesuffix(">")
        if asked == question or len(asked) not in self.lengths or not set(asked) <= set(self.letters):
            raise self._refuse(question)
        return self.rule(asked)

    def question_log_probability(self, question: str) -> float:
        return -math.log(len(self.lengths)) - (len(question) - 1) * math.log(len(self.letters))


@dataclass(frozen=True)
class Addition(Task):
    """`27+8=35`: two numbers from 0 to limit - 1, every pair equally likely.

    Among the first limit² lines of a seed no pair comes twice, so that questions held out have never been seen: what is
    answered right is understood and not remembered.
    modulus: sums are taken modulo this; None for plain sums.
    """

    limit: int
    modulus: int | None = None

    def question(self, seed: int, index: int) -> str:
        round_, place = divmod(index, self.limit**2)
        first, second = divmod(int(_order(seed, round_, self.limit**2)[place]), self.limit)
        return f"{first}+{second}="

    def answer_start(self, text: str) -> int:
        return _after(self, text, "=")

    def solve(self, question: str) -> str:
        asked = re.fullmatch(r"(0|[1-9][0-9]{0,8})\+(0|[1-9][0-9]{0,8})=", question)
        if asked is None or max(map(int, asked.groups())) >= self.limit:
            raise self._refuse(question)
        total = sum(map(int, asked.groups()))
        return str(total % self.modulus if self.modulus else total)

    def question_log_probability(self, question: str) -> float:
        return -2 * math.log(self.limit)


@dataclass(frozen=True)
class Brackets(Task):
    """`([]{>})`: the beginning of a balanced sequence, and what closes it, innermost first.

    Each step opens or closes with equal chance, where both can be; the last never closes all, so that there is always
    something to answer. Each opening bracket is of any kind with equal chance.
    """

    kinds: tuple[tuple[str, str], ...] = (("(", ")"), ("[", "]"), ("{", "}"))
    depth: int = 5
    lengths: range = range(6, 21)

    def question(self, seed: int, index: int) -> str:
        draw = _Draws(seed, index)
        length = draw.one_of(self.lengths)
        written, closing = "", ""
        while len(written) < length:
            may = self._may(len(closing), len(written) + 1 == length)
            if may == "both":
                may = ("open", "close")[draw.below(2)]
            if may == "open":
                opened, closes = self.kinds[draw.below(len(self.kinds))]
                written, closing = written + opened, closes + closing
            else:
                written, closing = written + closing[0], closing[1:]
        return written + ">"

    def answer_start(self, text: str) -> int:
        return _after(self, text, ">")

    def solve(self, question: str) -> str:
        closing, _ = self._read(question)
        return closing

    def question_log_probability(self, question: str) -> float:
        return self._read(question)[1]

    def _may(self, depth: int, last: bool) -> str:
        """What the next step can do with so many brackets open: open, close or both."""
        if depth == 0 or (last and depth == 1):
            return "open"
        return "close" if depth == self.depth else "both"

    def _read(self, question: str) -> tuple[str, float]:
        """What closes the question, and its log P."""
        asked = question.removesuffix(">")
        if asked == question or len(asked) not in self.lengths:
            raise self._refuse(question)
        pairs = dict(self.kinds)
        closing, log_probability = "", -math.log(len(self.lengths))
        for place, character in enumerate(asked, 1):
            may = self._may(len(closing), place == len(asked))
            step = "open" if character in pairs else "close"
            if may not in ("both", step) or (step == "close" and character != closing[0]):
                raise self._refuse(question)
            log_probability -= math.log(2) * (may == "both") + math.log(len(pairs)) * (step == "open")
            closing = pairs[character] + closing if step == "open" else closing[1:]
        return closing, log_probability


@dataclass(frozen=True)
class Induction(Task):
    """`qkzbxmzbxm`: different signs; the first that comes again (A B … A) is followed as before (→ B), to the end.

    No mark tells where the repetition begins: only looking back for the sign does.
    signs: letters or whole words; `between` stands between two of them.
    """

    signs: Sequence[str] = ascii_lowercase
    lengths: range = range(6, 13)
    between: str = ""

    def question(self, seed: int, index: int) -> str:
        draw = _Draws(seed, index)
        left = list(self.signs)
        first = [left.pop(draw.below(len(left))) for _ in range(draw.one_of(self.lengths))]
        return self.between.join([*first, first[draw.below(len(first) - 1)]])

    def answer_start(self, text: str) -> int:
        known: set[str] = set()
        end = -len(self.between)
        for sign in self._signs_of(text):
            end += len(self.between) + len(sign)
            if sign in known:
                return end
            known.add(sign)
        raise self._refuse(text)

    def solve(self, question: str) -> str:
        *first, again = self._signs_of(question) or [""]
        wrong = len(set(first)) < len(first) or not set(first) <= set(self.signs)
        if wrong or len(first) not in self.lengths or again not in first[:-1]:
            raise self._refuse(question)
        return "".join(self.between + sign for sign in first[first.index(again) + 1 :])

    def question_log_probability(self, question: str) -> float:
        length = len(self._signs_of(question)) - 1
        orders = math.perm(len(self.signs), length)
        return -math.log(len(self.lengths)) - math.log(orders) - math.log(length - 1)

    def _signs_of(self, text: str) -> list[str]:
        return text.split(self.between) if self.between else list(text)


class _Draws:
    """Chance for one line: independent for each seed and index, the same in every version of Python."""

    def __init__(self, seed: int, index: int) -> None:
        # Of `random`, only the sequence of `random()` is promised to stay.
        self._random = random.Random((seed << 64) + index).random

    def below(self, count: int) -> int:
        return int(self._random() * count)

    def one_of(self, values: range) -> int:
        return values[self.below(len(values))]


@lru_cache(maxsize=4)
def _order(seed: int, round_: int, count: int) -> "NDArray[np.uint32]":
    return np.random.default_rng([seed, round_]).permutation(np.arange(count, dtype=np.uint32))


def _after(task: Task, text: str, sign: str) -> int:
    """The place behind the first such sign."""
    place = text.find(sign) + 1
    if not place:
        raise task._refuse(text)
    return place


def _reverse(letters: str) -> str:
    return letters[::-1]


def _sort(letters: str) -> str:
    return "".join(sorted(letters))


_WORDS = (
    "Lily Tom Anna Max Mia Sam she he it they had put found saw went looked ate took gave liked cat dog ball box bag cup "
    "apple pear cake book hat kite door table tree garden park river lake house bed school friend morning in on under "
    "behind to at with from the a an and but red blue green yellow white black big small happy sad old new one two three "
    ". ,"
)

TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        Rewriting(
            "copy", N_("Copy"), N_("Four to twelve letters, and the same again: cabd>cabd. The first thing attention learns."), str
        ),
        Rewriting("reverse", N_("Reverse"), N_("Four to twelve letters, and the same backwards: cabd>dbac."), _reverse),
        Rewriting("sort", N_("Sort"), N_("Four to twelve letters, and the same in the order of the alphabet: cabd>abcd."), _sort),
        Addition("addition", N_("Addition"), N_("Two numbers of up to three digits and their sum, digit by digit: 27+8=35. No sum is asked twice."), limit=1000),
        Addition(
            "modular-addition", N_("Modular addition"),
            N_("Two numbers below 97 and what remains of their sum after division by 97: 90+10=3. Every pair comes once; known for grokking: long learnt by heart, then suddenly understood."),
            limit=97, modulus=97,
        ),
        Brackets(
            "brackets", N_("Closing brackets"),
            N_("Three kinds of brackets, at most five deep, and what closes all that are open, innermost first: (()[>])."),
        ),
        Induction(
            "induction", N_("Induction"),
            N_("Letters without pattern; then one of them comes again, and what followed it follows again: qkzbxmzbxm. Grows induction heads."),
        ),
        Induction(
            "word-induction", N_("Induction with words"),
            N_("Words without pattern; then one of them comes again, and what followed it follows again: cat red put Tom red put Tom. Grows induction heads."),
            signs=tuple(_WORDS.split(" ")), lengths=range(6, 21), between=" ",
        ),
    )
}  # fmt: skip
