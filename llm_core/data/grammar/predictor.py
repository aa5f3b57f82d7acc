"""The perfect predictor: what comes next, knowing the grammar and nothing but the text so far. An exact filter.

It follows all sequences of draws that the text so far allows (hypotheses), each with its probability, and makes a draw
only when a word needs it. Two hypotheses that differ in what no text shows are summed, so the probabilities of texts are
exact whatever is hidden or ambiguous.
"""

import math
from collections.abc import Iterable
from typing import Any

from llm_core.data.grammar.distributions import Distribution
from llm_core.data.grammar.grammar import Grammar
from llm_core.data.grammar.machine import Call, Done, Draws, Task, beginning, choose_alternative, expand
from llm_core.data.grammar.surface import START, State, surface_of

Stack = tuple[Task, Any] | None
"""What is still to come, the next first; shared between hypotheses."""


class DrawNeededError(Exception):
    """A draw that has not been made; without a distribution, one for which nothing is left."""

    def __init__(self, key: str, distribution: Distribution | None) -> None:
        self.key, self.distribution = key, distribution


class Asking(Draws):
    """Draws that stop where a new one is needed."""

    __slots__ = ()

    def draw(self, key: str, distribution: Distribution) -> Any:
        raise DrawNeededError(key, distribution)


class Hypothesis:
    """One sequence of draws, what it still has to say, and its share of the probability."""

    __slots__ = ("memo", "pending", "stack", "state", "weight")

    def __init__(
        self, memo: dict[str, Any], stack: Stack, state: State, pending: tuple[str, ...], weight: float
    ) -> None:
        self.memo, self.stack, self.state, self.pending, self.weight = memo, stack, state, pending, weight


class Predictor:
    """Reads a text from its start, piece by piece, and knows what can follow."""

    _draws: type[Draws] = Asking
    """How a draw that is needed is asked for."""

    def __init__(self, grammar: Grammar, language: str, starts: Iterable[Hypothesis] = ()) -> None:
        """starts: other beginnings than that of a text, with any weights."""
        self._grammar, self._language = grammar, language
        self._surface = surface_of(language)
        self._hypotheses = list(starts) or [Hypothesis({}, (beginning(grammar), None), START, (), 1.0)]

    @property
    def possible(self) -> bool:
        """Whether the grammar can say what has been read."""
        return bool(self._hypotheses)

    def copy(self) -> "Predictor":
        """Another one that has read the same."""
        other = object.__new__(type(self))
        other._grammar, other._language, other._surface = self._grammar, self._language, self._surface
        other._hypotheses = self._hypotheses  # never changed in place
        return other

    def push(self, text: str) -> float:
        """Read on. log P(text | all before), in nats; -inf when the grammar cannot say it, and from then on."""
        kept = self._reading(text)
        total = math.fsum(one.weight for one in kept)
        self._hypotheses = [Hypothesis(one.memo, one.stack, one.state, one.pending, one.weight / total) for one in kept]
        return math.log(total) if kept else -math.inf

    def end(self) -> float:
        """log P(the text ends here | all before), in nats."""
        total = math.fsum(one.weight for one in self.opened() if not one.pending)
        return math.log(total) if total else -math.inf

    def continuations(self) -> dict[str, float]:
        """What can come next with its probability: in English a word with the space before it, or a sign; in Chinese a
        character; "" for the end. The likeliest first."""
        found: dict[str, float] = {}
        for one in self.opened():
            piece = one.pending[0] if one.pending else ""
            if self._language == "zh":
                piece = piece[:1]
            found[piece] = found.get(piece, 0.0) + one.weight
        return dict(sorted(found.items(), key=lambda entry: -entry[1]))

    def posterior(self, variable: str, *, ended: bool = False) -> dict[str, float]:
        """How probable each value of a variable is after the text so far, by its English word; "" where it is not drawn.

        ended: given that the text ends here. Empty where that cannot be.
        """
        found: dict[str, float] = {}
        for one in self.opened():
            if one.pending and ended:
                continue
            value = str(one.memo.get(variable, ""))
            found[value] = found.get(value, 0.0) + one.weight
        total = math.fsum(found.values())
        return {value: weight / total for value, weight in found.items()}

    def derivations(self) -> int:
        """How many sequences of draws give the text so far and end here: more than one where a text is ambiguous."""
        return sum(1 for one in self.opened() if not one.pending)

    def opened(self) -> list[Hypothesis]:
        """The hypotheses with their next words at hand; those without any are at their end."""
        self._hypotheses = [opened for one in self._hypotheses for opened in self._open(one)]
        return self._hypotheses

    def _reading(self, text: str) -> list[Hypothesis]:
        """The hypotheses that go on with `text`, taken off what they have to say."""
        kept, waiting = [], [(one, text) for one in self._hypotheses]
        while waiting:
            one, left = waiting.pop()
            if not left:
                kept.append(one)
                continue
            if not one.pending:
                waiting += [(opened, left) for opened in self._open(one) if opened.pending]
                continue
            piece = one.pending[0]
            if left.startswith(piece):
                waiting.append(
                    (Hypothesis(one.memo, one.stack, one.state, one.pending[1:], one.weight), left[len(piece) :])
                )
            elif piece.startswith(left):
                rest = (piece[len(left) :], *one.pending[1:])
                kept.append(Hypothesis(one.memo, one.stack, one.state, rest, one.weight))
        return kept

    def _open(self, one: Hypothesis) -> list[Hypothesis]:
        """All that a hypothesis can say next: with something pending, or at its end."""
        opened, waiting = [], [one]
        while waiting:
            one = waiting.pop()
            if one.pending or one.stack is None:
                opened.append(one)
                continue
            (task, place), rest = one.stack
            if isinstance(task, Done):
                waiting.append(Hypothesis(one.memo, rest, one.state, (), one.weight))
                continue
            memo = dict(one.memo)
            try:
                if isinstance(task, Call):
                    alternative = choose_alternative(self._grammar, self._draws(memo), task.group, place)
                    for part in reversed(expand(alternative, place, self._language)):
                        rest = (part, rest)
                    waiting.append(Hypothesis(memo, rest, one.state, (), one.weight))
                else:
                    pieces, state, _, _ = self._surface(task.words(self._draws(memo), place), one.state)
                    waiting.append(Hypothesis(memo, rest, state, pieces, one.weight))
            except DrawNeededError as needed:
                if needed.distribution is None:
                    continue
                key, distribution = needed.key, needed.distribution
                for value, probability in zip(distribution.values, distribution.probabilities, strict=True):
                    fork = dict(one.memo)
                    fork[key] = value
                    waiting.append(Hypothesis(fork, one.stack, one.state, (), one.weight * probability))
        return opened


def log_probability(grammar: Grammar, language: str, text: str) -> float:
    """log P of a whole text, its end included, in nats; -inf for what is no text of the grammar."""
    predictor = Predictor(grammar, language)
    nats = predictor.push(text)
    return nats + predictor.end() if nats > -math.inf else nats
