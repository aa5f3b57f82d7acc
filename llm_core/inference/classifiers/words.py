"""How all classifiers but pre-trained ones read a text: words in small letters, n-grams of words, n-grams of characters.

A word is a run of letters, a number, a sign, or one character of a script that is written without spaces (Chinese,
Japanese, Thai), so that its n-grams are those of characters; no language has to be named. Keys of n-grams are strings:
words joined by a space; characters after `MARK`, with `<` and `>` where the word begins and ends.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

from llm_core.data.words import BARE_WORD, UNSPACED

MARK = "\t"
LONGEST_CHARACTER_NGRAM = 5
SHORTEST_CHARACTER_NGRAM = 2

# Halves of characters, which JSON may bring and no file can hold.
_halves = re.compile("[\ud800-\udfff]")
_word = re.compile(BARE_WORD)
_unspaced = re.compile(UNSPACED)
_between_unspaced = re.compile(f"(?<={UNSPACED}) (?={UNSPACED})")


def lowered(text: str) -> str:
    """The text in small letters, character for character: a letter whose small form has two stays as it is."""
    text = _halves.sub("\ufffd", text)
    small = text.lower()
    if len(small) == len(text):
        return small
    return "".join(low if len(low := letter.lower()) == 1 else letter for letter in text)


def words(text: str) -> list[str]:
    """The words of a text in order, in small letters."""
    return _word.findall(lowered(text))


def placed_words(text: str) -> tuple[list[str], list[tuple[int, int]]]:
    """The words of a text, and where each stands: (start, end) in characters."""
    found = [(match.group(), match.span()) for match in _word.finditer(lowered(text))]
    return [word for word, _ in found], [span for _, span in found]


@lru_cache(maxsize=1 << 17)
def is_unspaced(word: str) -> bool:
    """Whether a word is one character of a script without spaces."""
    return len(word) == 1 and _unspaced.match(word) is not None


def word_ngrams(found: Sequence[str]) -> list[str]:
    """Words, pairs of neighbours, and threes where all are characters of a script without spaces."""
    pairs = [f"{first} {second}" for first, second in pairwise(found)]
    single = [is_unspaced(word) for word in found]
    threes = [
        " ".join(found[i : i + 3]) for i in range(len(found) - 2) if single[i] and single[i + 1] and single[i + 2]
    ]
    return [*found, *pairs, *threes]


@lru_cache(maxsize=1 << 17)
def character_ngrams(word: str) -> tuple[str, ...]:
    """The keys of a word's n-grams of 2 to 5 characters, `<` and `>` included; none where a word is one character."""
    return tuple(key for key, _, _ in placed_character_ngrams(word))


def placed_character_ngrams(word: str) -> list[tuple[str, int, int]]:
    """The same keys, each with where it stands in the word: the signs for beginning and end take no room."""
    if len(word) < 2:
        return []
    framed = f"<{word}>"
    longest = min(LONGEST_CHARACTER_NGRAM, len(framed))
    return [
        (MARK + framed[start : start + size], max(0, start - 1), min(len(word), start + size - 1))
        for size in range(SHORTEST_CHARACTER_NGRAM, longest + 1)
        for start in range(len(framed) - size + 1)
    ]


def all_character_ngrams(found: Sequence[str]) -> list[str]:
    """The character n-grams of all words in order."""
    return [key for word in found for key in character_ngrams(word)]


def shown(key: str) -> str:
    """A key as a person reads it: `bad`, `not bad`, `不好`, and `…able` for characters at the end of a word."""
    if not key.startswith(MARK):
        return _between_unspaced.sub("", key)
    inner = key[len(MARK) :]
    before, after = not inner.startswith("<"), not inner.endswith(">")
    return ("…" if before else "") + inner.strip("<>") + ("…" if after else "")
