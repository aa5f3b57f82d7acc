"""A text in numbers: its documents, characters and words, how often each word stands in it, and what follows what.

Reads a stream of pieces and holds only counts. A word is a run of letters or digits; Chinese characters count one by
one, or as the words of a list given. Knows no token and no file.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from llm_core.config import Config, setting
from llm_core.data import stop_words
from llm_core.data.words import PATTERNS
from llm_core.errors import N_, UserError

_MOST_DISTINCT = 500_000
_WORD = re.compile(PATTERNS["word"])


class CountingConfig(Config):
    """What counts as a word. Changes counts only, never a text."""

    case: bool = setting(False, N_("Count capitals apart"), N_("Whether The and the are two words."))
    signs: bool = setting(False, N_("Count punctuation"), N_("Count punctuation marks as words, too."))
    stop_words: bool = setting(True, N_("Count stop words"), N_("Count words that stand in every text, such as the, of, 的, 了. Without them the words that carry the content show."))  # fmt: skip


@dataclass(frozen=True)
class Statistics:
    """counts: every word with its number, the most frequent first, equals in alphabetical order."""

    documents: int
    characters: int
    words: int
    counts: tuple[tuple[str, int], ...]
    complete: bool
    """Whether the whole text was read."""
    exact: bool
    """Whether rare words had to be forgotten on the way, so that there are more words than `counts` has."""

    @property
    def distinct(self) -> int:
        """How many different words were counted."""
        return len(self.counts)


@dataclass(frozen=True)
class ZipfFit:
    """count ≈ exp(intercept) · rank ** slope, for ranks first to last, counted from 1."""

    slope: float
    intercept: float
    first: int
    last: int


def count_words(
    pieces: Iterable[tuple[bool, str]],
    config: CountingConfig | None = None,
    lexicon: Collection[str] = (),
    most_characters: int | None = None,
) -> Statistics:
    """Count the words of a text.

    pieces: as `source.pieces` gives them. lexicon: Chinese words to be found, the longest first at each place; empty
    counts characters. most_characters: stop after the piece that reaches this.
    """
    words = _Words(config or CountingConfig(), lexicon)
    seen: Counter[str] = Counter()
    documents, characters, complete, exact = 0, 0, True, True
    for begins, text in pieces:
        if most_characters is not None and characters >= most_characters:
            complete = False
            break
        documents += begins
        characters += len(text)
        seen.update(words.raw(text))
        if len(seen) > _MOST_DISTINCT:
            exact = False
            _forget_rare(seen)
    counts: Counter[str] = Counter()
    for token, number in seen.items():
        if word := words.plain(token):
            counts[word] += number
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return Statistics(documents, characters, counts.total(), tuple(ordered), complete, exact)


def count_followers(
    pieces: Iterable[tuple[bool, str]],
    firsts: Collection[str],
    config: CountingConfig | None = None,
    lexicon: Collection[str] = (),
    most_characters: int | None = None,
) -> dict[str, Counter[str]]:
    """For each of some words, how often each other comes right after it: P(w2 | w1) is a count over its row's total.

    Nothing follows across the end of a document, or across anything that is not counted (a full stop, a stop word).
    """
    words = _Words(config or CountingConfig(), lexicon)
    followers: dict[str, Counter[str]] = {first: Counter() for first in firsts}
    before, characters = "", 0
    for begins, text in pieces:
        if most_characters is not None and characters >= most_characters:
            break
        characters += len(text)
        if begins:
            before = ""
        for token in words.raw(text):
            word = words.plain(token)
            if word is None:
                continue  # white space
            if word and before in followers:
                followers[before][word] += 1
            before = word
    return followers


def fit_zipf(counts: Sequence[int], first: int = 1, last: int | None = None) -> ZipfFit:
    """The straight line through log count over log rank, by least squares; every rank weighs the same.

    counts: the most frequent first. Raises UserError with fewer than two ranks.
    """
    chosen = np.asarray(counts[first - 1 : last], dtype=np.float64)
    if len(chosen) < 2:
        raise UserError("The ranks {first} to {last} hold {have} words; a line needs at least 2.", first=first, last=last or len(counts), have=len(chosen))  # fmt: skip
    x, y = np.log(np.arange(first, first + len(chosen))), np.log(chosen)
    slope = float(((x - x.mean()) * (y - y.mean())).sum() / ((x - x.mean()) ** 2).sum())
    return ZipfFit(slope, float(y.mean() - slope * x.mean()), first, first + len(chosen) - 1)


class _Words:
    """Finds words and gives each the form in which it is counted."""

    def __init__(self, config: CountingConfig, lexicon: Collection[str]) -> None:
        self._config = config
        self._lexicon = frozenset(lexicon)
        self._longest = max(map(len, self._lexicon), default=0)
        self._plain: dict[str, str | None] = {}

    def raw(self, text: str) -> list[str]:
        """The text cut up, nothing lost."""
        found = _WORD.findall(text)
        return found if self._longest < 2 else list(self._together(found))

    def plain(self, token: str) -> str | None:
        """A word as it is counted; empty for what is not counted and stands between words, None for white space."""
        try:
            return self._plain[token]
        except KeyError:
            if len(self._plain) > _MOST_DISTINCT:
                self._plain = {}
            word = self._plain[token] = self._form(token)
            return word

    def _form(self, token: str) -> str | None:
        word = token.strip()
        if not word:
            return None
        if not any(map(str.isalnum, word)):
            return word if self._config.signs else ""
        lower = word.lower()
        if not self._config.stop_words and (
            lower.replace("’", "'") in stop_words.ENGLISH or word in stop_words.CHINESE
        ):
            return ""
        return word if self._config.case else lower

    def _together(self, tokens: Sequence[str]) -> Iterator[str]:
        """Characters become the longest word of the lexicon at each place, from left to right."""
        place = 0
        while place < len(tokens):
            size = 1
            if len(tokens[place]) == 1:
                for longer in range(min(self._longest, len(tokens) - place), 1, -1):
                    if "".join(tokens[place : place + longer]) in self._lexicon:
                        size = longer
                        break
            yield "".join(tokens[place : place + size])
            place += size


def _forget_rare(seen: "Counter[str]") -> None:
    """Take away the rarest words until half of the room is free (as lossy counting does, Manku and Motwani 2002)."""
    least = 1
    while len(seen) > _MOST_DISTINCT // 2:
        for token in [token for token, number in seen.items() if number <= least]:
            del seen[token]
        least *= 2
