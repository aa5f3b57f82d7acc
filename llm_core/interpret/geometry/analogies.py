"""Analogies whose answer is known, and what an analogy is worth: singular is to plural as singular is to plural.

Mikolov et al. 2013, "Linguistic Regularities in Continuous Space Word Representations"; what it is held against here is
from Linzen 2016, "Issues in evaluating semantic spaces using word analogies": an offset between vectors explains an answer
only where nearness alone, and an offset of any two tokens, do not give it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llm_core.data.grammar.grammar import load_grammar
from llm_core.errors import UserError
from llm_core.interpret.attention.attention import Floats
from llm_core.interpret.reading import AnyTokenizer

MOST_PAIRS = 40
_AT_ONCE = 64
Pair = tuple[int, int]


@dataclass(frozen=True)
class AnalogyScore:
    """Of every pair asked about every other, `asked` in all, the share whose nearest token is right.

    accuracy: none of the three given tokens counts as an answer, as is usual · given: how often the nearest of all would
    have been one of the three · without: nearest to the third token alone, the other two left out as well · random: the
    first pair is two tokens drawn at random.
    """

    pairs: int
    asked: int
    accuracy: float
    given: float
    without: float
    random: float


def number_pairs(tokenizer: AnyTokenizer, grammar: str = "stories") -> tuple[Pair, ...]:
    """(one, several) of the English nouns of a grammar for which a tokenizer has a token each; empty where it has none."""
    found: dict[Pair, None] = {}
    for word_class in load_grammar(grammar).classes.values():
        for word in word_class.words:
            if word.part != "NOUN" or len(word.english) != 1 or len(word.plural) != 1 or word.english == word.plural:
                continue
            pair = token_of(tokenizer, word.english[0]), token_of(tokenizer, word.plural[0])
            if pair[0] is not None and pair[1] is not None:
                found[pair[0], pair[1]] = None
    return tuple(found)[:MOST_PAIRS]


def token_of(tokenizer: AnyTokenizer, word: str) -> int | None:
    """The one token that a word is, as it stands in a text, after a space where words have one; None where it has several."""
    for written in (f" {word}", word):
        ids = tokenizer.encode(written)
        if len(ids) == 1:
            return ids[0]
        if len(ids) == 2 and tokenizer.pieces[ids[0]].strip() == "" and not tokenizer.pieces[ids[1]].startswith(" "):
            return ids[1]  # words and spaces are tokens of their own
    return None


def score_analogies(vectors: Floats, pairs: Sequence[Pair], seed: int = 0) -> AnalogyScore:
    """Ask every pair about every other. Raises UserError for fewer than three pairs.

    vectors (V, width) count by their direction alone.
    """
    if len(pairs) < 3:
        raise UserError("Analogies are scored from 3 pairs of tokens on; here are {count}.", count=len(pairs))
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
    asked = np.array([(a, b, c, d) for a, b in pairs for c, d in pairs if len({a, b, c, d}) == 4])
    drawn = np.random.default_rng(seed).integers(0, len(unit), (len(asked), 2))
    counts = np.zeros(4)
    for at in range(0, len(asked), _AT_ONCE):
        first, second, third, right = asked[at : at + _AT_ONCE].T
        one, other = drawn[at : at + _AT_ONCE].T
        cosines = (unit[second] - unit[first] + unit[third]) @ unit.T
        nearest = cosines.argmax(1)
        counts += (
            _right(cosines, (first, second, third), right),
            int(((nearest == first) | (nearest == second) | (nearest == third)).sum()),
            _right(unit[third] @ unit.T, (first, second, third), right),
            _right((unit[other] - unit[one] + unit[third]) @ unit.T, (one, other, third), right),
        )
    accuracy, given, without, random = (counts / len(asked)).tolist()
    return AnalogyScore(len(pairs), len(asked), accuracy, given, without, random)


def _right(cosines: Floats, left_out: Sequence[NDArray[np.int64]], right: NDArray[np.int64]) -> int:
    """How often the nearest, without those left out, is right."""
    others = cosines.copy()
    for each in left_out:
        # What is right is never left out: a token drawn at random may be it.
        rows = np.flatnonzero(each != right)
        others[rows, each[rows]] = -np.inf
    return int((others.argmax(1) == right).sum())
