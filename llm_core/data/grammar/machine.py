"""What a grammar does, one small step at a time, the same for whoever makes the draws.

A text under way is a memo of the draws made and a stack of what is still to come. A draw is made when a word needs it,
its ancestors before it, so that both languages share one joint distribution though they show the draws in other orders.
"""

from collections.abc import Mapping
from typing import Any

from llm_core.data.grammar.distributions import Distribution
from llm_core.data.grammar.domains import Domain, Place
from llm_core.data.grammar.grammar import Alternative, Frame, Grammar, Sentence
from llm_core.data.grammar.slots import Op

NOWHERE: Mapping[str, Domain] = {}


class Call:
    """To do: go on with one alternative of a group."""

    __slots__ = ("group",)

    def __init__(self, group: str) -> None:
        self.group = group


class Done:
    """To do: note that a sentence is over, and what it has changed."""

    __slots__ = ("sentence",)

    def __init__(self, sentence: Sentence) -> None:
        self.sentence = sentence


Task = tuple[Call | Done | Op, Place]
"""Something still to be done, and where in the text that is."""


class Draws:
    """The draws of one text so far. What makes a new one is left to those who derive from it."""

    __slots__ = ("memo",)

    def __init__(self, memo: dict[str, Any]) -> None:
        self.memo = memo

    def draw(self, key: str, distribution: Distribution) -> Any:
        """The value of a draw that has not been made yet."""
        raise NotImplementedError

    def variable(self, name: str, place: Place) -> Any:
        """The value of a variable of the frame (capital letter) or of the sentence at `place`."""
        key = name if name[0].isupper() else place.path + name
        value = self.memo.get(key)
        if value is not None:
            return value
        return self.draw(key, self.domain(name, place).distribution(self, place))

    def domain(self, name: str, place: Place) -> Domain:
        """What a variable can be."""
        if name[0].isupper():
            frame: Frame = self.memo["#frame"]
            return frame.variables[name]
        return place.own[name]

    def choose(self, key: str, distribution: Distribution) -> Any:
        """The value of a draw that belongs to no variable."""
        value = self.memo.get(key)
        return self.draw(key, distribution) if value is None else value


def beginning(grammar: Grammar) -> Task:
    """What a text begins with."""
    return Call(grammar.start), Place("", NOWHERE)


def choose_alternative(grammar: Grammar, draws: Draws, name: str, place: Place) -> Alternative:
    """Which alternative of a group comes here. A frame becomes the frame of the text."""
    group, memo = grammar.groups[name], draws.memo
    if len(group.alternatives) > 1:
        used: tuple[int, ...] = memo.get(group.mark, ())
        chosen: int = draws.choose(place.path + "?", group.distribution(used))
        memo[group.mark] = (*used, chosen)
        alternative = group.alternatives[chosen]
    else:
        alternative = group.alternatives[0]
    if isinstance(alternative, Frame):
        memo["#frame"] = alternative
        for hidden in sorted(alternative.variables.keys() & grammar.hidden):
            draws.variable(hidden, place)  # no word may need it, yet it has its share
    return alternative


def expand(alternative: Alternative, place: Place, language: str) -> list[Task]:
    """The parts of an alternative, in order."""
    if isinstance(alternative, Sentence):
        template = alternative.templates[language]
        here = Place(place.path, template.own)
        return [*((op, here) for op in template.ops), (Done(alternative), here)]
    names = alternative.body if isinstance(alternative, Frame) else alternative
    path = place.path
    return [(Call(part), Place(f"{path}{number}.", NOWHERE)) for number, part in enumerate(names)]
