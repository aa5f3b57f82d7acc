"""What a grammar does, one small step at a time, the same for whoever makes the draws.

A text under way is a memo of the draws made and a stack of what is still to come. A draw is made when a word needs it,
its ancestors before it, so that both languages share one joint distribution though they show the draws in other orders.
"""

from collections.abc import Mapping
from typing import Any

from llm_core.data.grammar.distributions import Distribution
from llm_core.data.grammar.domains import Domain, Place
from llm_core.data.grammar.grammar import Frame, Grammar, Sentence
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


def expand(grammar: Grammar, draws: Draws, name: str, place: Place, language: str) -> list[Task]:
    """The parts of one alternative of a group, in order."""
    group, path, memo = grammar.groups[name], place.path, draws.memo
    used: tuple[int, ...] = memo.get("#used " + name, ())
    chosen: int = draws.choose(path + "?", group.distribution(used))
    if len(group.alternatives) > 1:
        memo["#used " + name] = (*used, chosen)
    alternative = group.alternatives[chosen]
    if isinstance(alternative, Sentence):
        template = alternative.templates[language]
        here = Place(path, template.own)
        tasks: list[Task] = [(op, here) for op in template.ops]
        tasks.append((Done(alternative), here))
        return tasks
    if isinstance(alternative, Frame):
        memo["#frame"] = alternative
        for hidden in sorted(
            alternative.variables.keys() & grammar.hidden
        ):  # no word may need it, yet it has its share
            draws.variable(hidden, place)
        names = alternative.body
    else:
        names = alternative
    return [(Call(part), Place(f"{path}{number}.", NOWHERE)) for number, part in enumerate(names)]
