"""The tokens of the networks that learn from nothing but a table: words, and what their vectors are made of.

A position is a word; its vector is the sum of those of its parts: the word itself, the pair it makes with the word
before it, and n-grams of its characters. So short sequences carry phrases, and a word never seen is known by its parts
(Bojanowski et al. 2017, "Enriching word vectors with subword information"). Chinese has a word for each character.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from llm_core.inference.classifiers.words import character_ngrams

PADDING, UNKNOWN, RESERVED = 0, 1, 2
"""Rows of the table of vectors: nothing, whose vector is zero; a word that is not known; and how many these are."""

Ids = NDArray[np.int64]
_Key = TypeVar("_Key", str, tuple[str, str])


@dataclass(frozen=True)
class Vocabulary:
    """words, grams: their keys, the most frequent first · pairs (P, 2): places in `words`, in lexical order ·
    columns: how many n-grams of its characters a word has at most, the longest first."""

    words: tuple[str, ...]
    pairs: Ids
    grams: tuple[str, ...]
    columns: int

    @property
    def rows(self) -> int:
        """How many vectors there are."""
        return RESERVED + len(self.words) + len(self.pairs) + len(self.grams)

    @property
    def width(self) -> int:
        """How many parts a position has."""
        return 2 + self.columns

    @cached_property
    def _places(self) -> dict[str, int]:
        return {word: place for place, word in enumerate(self.words)}

    @cached_property
    def _gram_rows(self) -> dict[str, int]:
        first = RESERVED + len(self.words) + len(self.pairs)
        return {gram: first + place for place, gram in enumerate(self.grams)}

    @cached_property
    def _pair_codes(self) -> Ids:
        return _code(self.pairs[:, 0], self.pairs[:, 1], len(self.words))

    def encode(self, texts: Sequence[Sequence[str]]) -> tuple[Ids, Ids]:
        """Rows of vectors (positions, width) of all words of all texts, end to end, and the positions of each text.

        A text without words has one position, an unknown word.
        """
        distinct: dict[str, int] = {}
        seen = [distinct.setdefault(word, len(distinct)) for text in texts for word in (text or ("",))]
        index = np.array(seen, dtype=np.int64)
        lengths = np.array([len(text) or 1 for text in texts], dtype=np.int64)
        of_distinct = np.zeros((len(distinct), self.width), dtype=np.int64)
        place = np.full(len(distinct), -1, dtype=np.int64)
        for word, number in distinct.items():
            place[number] = self._places.get(word, -1)
            of_distinct[number, 0] = place[number] + RESERVED if place[number] >= 0 else UNKNOWN
            grams = self._grams(word)
            of_distinct[number, 2 : 2 + len(grams)] = grams
        ids = of_distinct[index]
        places = place[index]
        before = np.concatenate(([-1], places[:-1]))
        before[np.cumsum(lengths) - lengths] = -1
        ids[:, 1] = self._pair_rows(before, places)
        return ids, lengths

    def _grams(self, word: str) -> list[int]:
        rows = [row for gram in reversed(character_ngrams(word)) if (row := self._gram_rows.get(gram)) is not None]
        return rows[: self.columns]

    def _pair_rows(self, before: Ids, places: Ids) -> Ids:
        rows = np.zeros(len(places), dtype=np.int64)
        both = np.flatnonzero((before >= 0) & (places >= 0))
        if not len(both) or not len(self.pairs):
            return rows
        codes = _code(before[both], places[both], len(self.words))
        found = np.minimum(np.searchsorted(self._pair_codes, codes), len(self._pair_codes) - 1)
        known = self._pair_codes[found] == codes
        rows[both[known]] = RESERVED + len(self.words) + found[known]
        return rows


def learn_vocabulary(texts: Sequence[Sequence[str]], rows: int, columns: int) -> Vocabulary:
    """The vocabulary of texts that have fallen into words: at most about `rows` vectors, half of them of words.

    What stands in one text alone is left out, for nothing could be learned of it; but of few texts all words are kept.
    """
    least = 2 if len(texts) >= 200 else 1
    in_texts = Counter(word for text in texts for word in set(text))
    words = _frequent(in_texts, least, rows // 2)
    places = {word: place for place, word in enumerate(words)}
    pairs = Counter(pair for text in texts for pair in set(pairwise(text)))
    left = rows - len(words)
    kept = [pair for pair in _frequent(pairs, 2, left) if pair[0] in places and pair[1] in places][: left * 2 // 3]
    spelled: Counter[str] = Counter()
    for word, count in in_texts.items():
        for gram in set(character_ngrams(word)):
            spelled[gram] += count
    grams = _frequent(spelled, least, left - len(kept)) if columns else []
    codes = np.array(sorted((places[first], places[second]) for first, second in kept), dtype=np.int64).reshape(-1, 2)
    return Vocabulary(tuple(words), codes, tuple(grams), columns)


def _frequent(counts: Counter[_Key], least: int, most: int) -> list[_Key]:
    """The keys counted at least so often, the most frequent first and then in lexical order, at most so many."""
    enough: Iterable[tuple[_Key, int]] = ((key, count) for key, count in counts.items() if count >= least)
    return [key for key, _ in sorted(enough, key=lambda item: (-item[1], item[0]))[:most]]


def _code(first: Ids, second: Ids, words: int) -> Ids:
    coded: Ids = first * (words + 1) + second
    return coded
