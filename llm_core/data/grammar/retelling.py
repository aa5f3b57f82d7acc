"""The same text with one thing in it changed: another name, another place, one for many. All other draws stay.

What the change forces to be different (an article, a verb, a pronoun) is different; a change that another draw cannot
live with, as a thing that the new place has no room for, gives no text.
"""

from collections.abc import Iterator
from typing import Any

from llm_core.data.grammar.distributions import Distribution
from llm_core.data.grammar.domains import Place
from llm_core.data.grammar.grammar import Frame, Grammar
from llm_core.data.grammar.machine import NOWHERE, Draws
from llm_core.data.grammar.sampler import Drawing, tell
from llm_core.data.grammar.truth import Truth


class Original:
    """Text number `index` of a seed, and the ways to tell it with one of its frame's variables changed."""

    def __init__(self, grammar: Grammar, language: str, seed: int, index: int) -> None:
        self._grammar, self._language = grammar, language
        self._draws = Drawing(seed, index)
        self.text, self.truth = tell(grammar, self._draws, language)

    @property
    def variables(self) -> tuple[str, ...]:
        """The variables of its frame that it has drawn."""
        frame: Frame = self._draws.memo["#frame"]
        return tuple(name for name in frame.variables if name in self._draws.memo)

    def value(self, variable: str) -> Any:
        """What a variable is here: a `Word` or a whole number."""
        return self._draws.memo[variable]

    def others(self, variable: str) -> Iterator[Any]:
        """What the variable could have been instead, after those that it depends on; the likeliest first."""
        frame: Frame = self._draws.memo["#frame"]
        distribution = frame.variables[variable].distribution(self._draws, Place("", NOWHERE))
        ranked = sorted(zip(distribution.probabilities, distribution.values, strict=True), key=lambda pair: -pair[0])
        return (value for _, value in ranked if value != self.value(variable))

    def retold(self, variable: str, value: Any, language: str | None = None) -> tuple[str, Truth] | None:
        """The text and its truth with this value, in its own language or the other; None where something else that was
        drawn does not go with it."""
        draws = _Repeated(self._draws.memo, variable, value)
        try:
            return tell(self._grammar, draws, language or self._language)
        except _DoesNotGoError:
            return None


class _DoesNotGoError(Exception):
    """What was drawn before cannot be drawn now."""


class _Repeated(Draws):
    """The draws of another text once more, but for one."""

    __slots__ = ("_before",)

    def __init__(self, before: dict[str, Any], variable: str, value: Any) -> None:
        super().__init__({variable: value})
        self._before = before

    def draw(self, key: str, distribution: Distribution) -> Any:
        value = self._before.get(key)
        if value is None or value not in distribution.values:
            raise _DoesNotGoError
        self.memo[key] = value
        return value
