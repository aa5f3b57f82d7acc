"""The merges of a byte-level BPE tokenizer, one by one: what was learnt, and what each does to a sentence.

A word begins as its bytes; of all pairs of neighbours, the one that was learnt first becomes one piece, until no pair
is left that was learnt (Sennrich et al. 2016). Slow and plain, for looking at: `Tokenizer.encode` does the same at once.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from llm_core.data.tokenizers import Tokenizer
from llm_core.errors import UserError


@dataclass(frozen=True)
class Merge:
    """Two tokens that become one. rank: how many merges were learnt before it."""

    rank: int
    left: int
    right: int
    result: int


@dataclass(frozen=True)
class State:
    """A sentence on its way.

    ids: the tokens it consists of · merge: what made this state, None at the beginning · places: where in `ids` its
    results stand · words: where in `ids` each word begins; nothing merges across.
    """

    ids: tuple[int, ...]
    merge: Merge | None
    places: tuple[int, ...]
    words: tuple[int, ...]


class Merges:
    """What a BPE tokenizer has learnt. Raises UserError for the other kinds, which have no merges."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        if tokenizer.kind != "bpe":
            raise UserError("A {kind} tokenizer has no merges; choose a bpe one.", kind=tokenizer.kind)
        self._tokenizer = tokenizer
        model = json.loads(tokenizer.to_json())["model"]
        vocabulary = model["vocab"]
        self.learnt = tuple(
            Merge(rank, vocabulary[left], vocabulary[right], vocabulary[left + right])
            for rank, (left, right) in enumerate(model["merges"])
        )
        """All merges in the order in which they were learnt."""
        self._by_pair = {(merge.left, merge.right): merge for merge in self.learnt}
        self._of_byte = {data: token for token, data in enumerate(tokenizer.token_bytes) if len(data) == 1}

    def steps(self, text: str) -> Iterator[State]:
        """The text as bytes, then after each merge; the last state is what `encode` gives.

        A step makes one merge wherever in the text it can be made, that learnt first before the others. For sentences:
        time grows with the square of the length.
        """
        words = [[self._of_byte[bytes([byte])] for byte in word] for word in self._tokenizer.words(text)]
        yield _state(words, None)
        while merge := self._next(words):
            words = [_merged(word, merge) for word in words]
            yield _state(words, merge)

    def _next(self, words: list[list[int]]) -> Merge | None:
        possible = (self._by_pair.get(pair) for word in words for pair in pairwise(word))
        return min((merge for merge in possible if merge), key=lambda merge: merge.rank, default=None)


def _merged(word: list[int], merge: Merge) -> list[int]:
    """The word with the pair made one wherever it stands, from left to right."""
    made: list[int] = []
    place = 0
    while place < len(word):
        found = word[place : place + 2] == [merge.left, merge.right]
        made.append(merge.result if found else word[place])
        place += 1 + found
    return made


def _state(words: list[list[int]], merge: Merge | None) -> State:
    ids = [token for word in words for token in word]
    starts, begin = [], 0
    for word in words:
        starts.append(begin)
        begin += len(word)
    places = tuple(place for place, token in enumerate(ids) if merge and token == merge.result)
    return State(tuple(ids), merge, places, tuple(starts))
