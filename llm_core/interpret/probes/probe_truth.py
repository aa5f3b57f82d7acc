"""What is true of the tokens of any text, as far as the words themselves say it.

A program that has written a text knows all about it. Of a text that a person types it knows its words: those that are
always the same thing in the texts of a grammar are taken to be that here, too. Of others nothing is said.
"""

import re
from collections.abc import Mapping

from llm_core.interpret.probes.probe_labels import EIGHTHS, Property, marked_texts
from llm_core.interpret.reading import Side

_OPEN, _CLOSED = "([{", ")]}"
_LONGEST_WORD = 24


def lexicon(about: Property, language: str = "en", grammar: str = "stories", texts: int = 800) -> dict[str, str]:
    """Words, in small letters, that bear always the same label in so many texts of a grammar; empty for depth and position."""
    if about in ("depth", "position"):
        return {}
    found: dict[str, set[str]] = {}
    for _, marks in marked_texts(about, language, grammar, texts, 0):
        for mark in marks:
            found.setdefault(mark.type, set()).add(mark.label)
    return {word: next(iter(labels)) for word, labels in sorted(found.items()) if len(labels) == 1}


def truth_of(text: str, side: Side, about: Property, words: Mapping[str, str], longest: int) -> tuple[str | None, ...]:
    """The label of each token of one side, which reads `text`; None where nobody knows.

    A word's label stands at its last token, as probes are asked there. `longest`: tokens of the longest text that the
    probe has seen, of which a position is an eighth.
    """
    if about == "position":
        return tuple(
            str(1 + place * EIGHTHS // longest) if end > start and place < longest else None
            for place, (start, end) in enumerate(side.spans)
        )
    ends = dict(_depths(text) if about == "depth" else _known(text, words))
    return tuple(ends.get(end) if end > start else None for start, end in side.spans)


def _depths(text: str) -> list[tuple[int, str]]:
    """After each bracket of a text how many are open, while they are closed as they should be."""
    waiting: list[int] = []
    found: list[tuple[int, str]] = []
    for place, sign in enumerate(text):
        if sign in _OPEN:
            waiting.append(_OPEN.index(sign))
        elif sign in _CLOSED:
            if not waiting or waiting.pop() != _CLOSED.index(sign):
                return found
        else:
            continue
        found.append((place + 1, str(len(waiting))))
    return found


def _known(text: str, words: Mapping[str, str]) -> list[tuple[int, str]]:
    """Where each known word ends, and its label: the longest that can stand there; letters are not cut apart."""
    small = text.lower() if len(text.lower()) == len(text) else text
    found, place = [], 0
    while place < len(small):
        ends = range(min(len(small), place + _LONGEST_WORD), place, -1)
        end = next((end for end in ends if small[place:end] in words and not _cuts(small, place, end)), None)
        if end is not None:
            found.append((end, words[small[place:end]]))
        place = place + 1 if end is None else end
    return found


def _cuts(text: str, start: int, end: int) -> bool:
    """Whether a word from `start` to `end` would be a part of a longer one; Chinese writes no spaces."""
    letter = re.compile(r"[a-zà-ÿ0-9]")
    return any(
        0 < at < len(text) and bool(letter.match(text[at - 1])) and bool(letter.match(text[at])) for at in (start, end)
    )
