"""Questions to a head whose answer is known: from where it looks, and what it should look at. Knows no model.

What is looked at are units: words, or single tokens where words mean nothing. A token that holds parts of several words
makes them one unit; a space between words and control tokens belong to none: as Clark et al. (2019, "What Does BERT Look
At?", section 4.2) did with [CLS] and [SEP], they are no answer.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from llm_core.interpret.attention.attention import Part
from llm_core.interpret.reading import Reading

Span = tuple[int, int]
"""From a character up to, but not including, another; or the same of tokens."""
NO_UNIT = -1


@dataclass(frozen=True, slots=True)
class Question:
    """From `positions` (of what they see, the mean counts) a head should look at one of the units `right`.

    `place`: the unit that is asked about, from which offsets count. Where a text looks at itself, it is no answer.
    """

    positions: tuple[int, ...]
    place: int
    right: frozenset[int]


@dataclass(frozen=True)
class AskedText:
    """A text and its questions, by part and score. `units`: by part, the unit of each token that can be looked at."""

    reading: Reading
    units: Mapping[Part, tuple[int, ...]]
    questions: Mapping[Part, Mapping[str, tuple[Question, ...]]]


@dataclass(frozen=True, slots=True)
class Baseline:
    """What always looking `offset` units further (back where it is negative) would get right, as a share."""

    offset: int
    share: float

    @property
    def name(self) -> str:
        return f"offset {self.offset:+d}" if self.offset else "offset 0"


@dataclass(frozen=True)
class Units:
    """The units of a text: `of_tokens`, the unit of each token, and `of_words`, that of each word; None for a word of
    which no token is left."""

    of_tokens: tuple[int, ...]
    of_words: tuple[int | None, ...]

    def tokens(self, unit: int) -> tuple[int, ...]:
        """The tokens of a unit, in order."""
        return tuple(token for token, of in enumerate(self.of_tokens) if of == unit)


def find_units(tokens: Sequence[Span], words: Sequence[Span]) -> Units:
    """Group tokens into units by the words that they share a character with; control tokens have empty spans.

    Both in the order of the text; words do not overlap.
    """
    ends = [end for _, end in words]
    touched = [_overlapping(token, words, ends) for token in tokens]
    # Words that a token holds together go by the number of the first of them.
    leaders = list(range(len(words)))
    for found in touched:
        for first, second in pairwise(found):
            leaders[second] = leaders[first]
    numbers: dict[int, int] = {}
    of_tokens = [numbers.setdefault(leaders[found[0]], len(numbers)) if found else NO_UNIT for found in touched]
    return Units(tuple(of_tokens), tuple(numbers.get(leader) for leader in leaders))


def _overlapping(token: Span, words: Sequence[Span], ends: Sequence[int]) -> list[int]:
    found = []
    for place in range(bisect_right(ends, token[0]), len(words)):
        if words[place][0] >= token[1]:
            break
        found.append(place)
    return found


def best_offset(questions: Iterable[Question]) -> Baseline | None:
    """The offset that answers most of these questions, the nearest of equally good ones; None without questions."""
    offsets: Counter[int] = Counter()
    count = 0
    for question in questions:
        count += 1
        offsets.update({unit - question.place for unit in question.right})
    if not count:
        return None
    offset, hits = min(offsets.items(), key=lambda item: (-item[1], abs(item[0]), item[0]))
    return Baseline(offset, hits / count)
