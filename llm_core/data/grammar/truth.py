"""What is known of a text because it was made: its parse, its words, who is who, what is where, and what can be asked.

Words and nodes are named tuples: a text has dozens of them, and they are made several times as fast as frozen data
classes.
"""

from dataclasses import dataclass
from typing import NamedTuple


class Node(NamedTuple):
    """A part of a text, from `start` to `end` (characters, end exclusive): the text, a sentence or a word."""

    label: str
    start: int
    end: int
    children: "tuple[Node, ...]" = ()


class Word(NamedTuple):
    """A word or sign. `part`: universal part of speech · `variable`: what it shows · `aligned`: words of the same
    sentence in the other language with this mark say the same."""

    start: int
    end: int
    part: str
    entity: str | None
    variable: str | None
    aligned: str | None


@dataclass(frozen=True, slots=True)
class Link:
    """The word from `start` to `end` agrees in number with the one from `to_start` to `to_end`."""

    start: int
    end: int
    to_start: int
    to_end: int


@dataclass(frozen=True, slots=True)
class Chain:
    """All mentions of one person or thing, by name, noun or pronoun."""

    variable: str
    kind: str
    spans: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Item:
    """A place where a skill shows: after `text[:start]`, one of `right` must come and none of `wrong` can.

    `text[start:end]` is among `right`; all stand as they would in the text, with their spaces and capitals. Where
    `wrong` is empty, nothing but `right` can come. Solved when the likeliest candidate, compared at the first token
    where they part, is in `right`.
    """

    skill: str
    start: int
    end: int
    right: tuple[str, ...]
    wrong: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Truth:
    """All of it. `states`: after which character, who or what is where (in words of the text's language)."""

    frame: str
    tree: Node
    words: tuple[Word, ...]
    agreements: tuple[Link, ...]
    chains: tuple[Chain, ...]
    states: tuple[tuple[int, dict[str, str]], ...]
    items: tuple[Item, ...]
    values: dict[str, str]
    """Variable to its English word or number."""
