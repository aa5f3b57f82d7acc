"""Slightly changed copies of a text that keep its label: more to learn from where there is little.

Random deletion, random swap and synonym replacement of "EDA" (Wei and Zou 2019, arXiv:1901.11196), with its share of a
tenth of the words. Where words are not written apart, as in Chinese, a character is deleted or swapped like a word, and
synonyms are found as the longest match. Synonyms are the grammar's own sets, not WordNet's.
"""

import re
from collections.abc import Callable
from functools import lru_cache

import numpy as np

from llm_core.data.synonyms import Synonyms
from llm_core.errors import UserError

SHARE = 0.1
"""Share of the words of a text that are changed: alpha and p in the paper."""

_CHARACTERS = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_UNITS = re.compile(rf"[{_CHARACTERS}]|[^\W{_CHARACTERS}]+(?:['’-][^\W{_CHARACTERS}]+)*|\s+|[^\w\s]")


def augment(text: str, kind: str, random: np.random.Generator, synonyms: Synonyms = ()) -> str:
    """A changed copy of a text; the text itself where nothing can be changed. `kind` is one of KINDS.

    Raises UserError for another kind.
    """
    if kind not in KINDS:
        raise UserError("There is no augmentation {kind!r}; there are {known}.", kind=kind[:40], known=", ".join(KINDS))  # fmt: skip
    return KINDS[kind](text, random, synonyms)


def _unchanged(text: str, random: np.random.Generator, synonyms: Synonyms) -> str:
    return text


def _deletion(text: str, random: np.random.Generator, synonyms: Synonyms) -> str:
    """Each word is left out with a probability of a tenth; one stays at least."""
    units = _UNITS.findall(text)
    words = _words(units)
    if len(words) < 2:
        return text
    gone = random.random(len(words)) < SHARE
    gone[random.integers(len(words))] = False
    left_out = {words[place] for place in np.flatnonzero(gone)}
    # The space before a word goes with it.
    left_out |= {place - 1 for place in left_out if place and units[place - 1].isspace()}
    kept = "".join([unit for place, unit in enumerate(units) if place not in left_out])
    return kept if text[:1].isspace() else kept.lstrip()


def _swap(text: str, random: np.random.Generator, synonyms: Synonyms) -> str:
    """Two words change places, as many times as a tenth of the words, once at least."""
    units = _UNITS.findall(text)
    words = _words(units)
    if len(words) < 2:
        return text
    for _ in range(_changes(len(words))):
        first, second = (words[place] for place in random.choice(len(words), size=2, replace=False))
        units[first], units[second] = units[second], units[first]
    return "".join(units)


def _synonyms(text: str, random: np.random.Generator, synonyms: Synonyms) -> str:
    """Words become others of their set: a tenth of the words, one at least, as far as any have a set."""
    others, longest = _sets(synonyms)
    units = _UNITS.findall(text)
    found = _matches(units, others, longest)
    if not found:
        return text
    count = min(len(found), _changes(len(_words(units))))
    for place in random.choice(len(found), size=count, replace=False):
        start, stop, key = found[place]
        chosen = others[key][int(random.integers(len(others[key])))]
        if units[start][:1].isupper() and not key[:1].isupper():
            chosen = chosen[:1].upper() + chosen[1:]
        units[start:stop] = [chosen, *[""] * (stop - start - 1)]
    return "".join(units)


KINDS: dict[str, Callable[[str, np.random.Generator, Synonyms], str]] = {
    "none": _unchanged, "deletion": _deletion, "swap": _swap, "synonyms": _synonyms,
}  # fmt: skip
"""What can be done to a text, by the name that settings have for it."""


def _words(units: list[str]) -> list[int]:
    """The places of units that are words or characters of a language, not spaces or punctuation."""
    return [place for place, unit in enumerate(units) if unit[0].isalnum()]


def _changes(words: int) -> int:
    return max(1, round(SHARE * words))


def _matches(
    units: list[str], others: dict[str, tuple[str, ...]], longest: dict[str, int]
) -> list[tuple[int, int, str]]:
    """Where words with a set stand, longest first from left to right: start, stop and the word."""
    found = []
    start = 0
    while start < len(units):
        for stop in range(min(len(units), start + longest.get(units[start].lower(), 0)), start, -1):
            written = "".join(units[start:stop])
            key = written if written in others else written[:1].lower() + written[1:]
            if key in others:
                found.append((start, stop, key))
                start = stop
                break
        else:
            start += 1
    return found


@lru_cache(maxsize=16)
def _sets(synonyms: Synonyms) -> tuple[dict[str, tuple[str, ...]], dict[str, int]]:
    """Each word with the others of its set, and how many units the longest word has that begins with a unit."""
    others = {word: tuple([other for other in words if other != word]) for words in synonyms for word in words}
    longest: dict[str, int] = {}
    for word in others:
        units = _UNITS.findall(word)
        first = units[0].lower() if units else ""
        longest[first] = max(longest.get(first, 0), len(units))
    return others, longest
