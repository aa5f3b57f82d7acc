"""Sentences in both languages, and which words of the one say what in the other."""

from collections.abc import Sequence
from dataclasses import dataclass

from llm_core.data.grammar.grammar import Grammar
from llm_core.data.grammar.sampler import Drawing, Sampled, sample, sentences
from llm_core.data.grammar.surface import surface_of
from llm_core.data.grammar.truth import Node, Word

_SIGNS = {".": ".", "。": ".", "?": "?", "？": "?", "!": "!", "！": "!", "“": "“", "”": "”"}
"""Signs that both languages set alike."""
Span = tuple[int, int]
Mark = tuple[str | None, bool]


@dataclass(frozen=True)
class ParallelSentence:
    """A sentence and its translation. Spans are characters of the sentence, end exclusive."""

    english: str
    chinese: str
    english_words: tuple[Span, ...]
    chinese_words: tuple[Span, ...]
    alignment: tuple[tuple[int, int], ...]
    """Pairs (place in english_words, place in chinese_words), in order; no place comes twice. A phrase that shows one
    thing ("in the box") counts as one word, since its own words have no partners. What the other language says in
    another way, or not at all, has no pair."""


def parallel_sentences(grammar: Grammar, seed: int, index: int) -> tuple[ParallelSentence, ...]:
    """The sentences of one text, in order."""
    english, chinese = sample(grammar, "en", seed, index), sample(grammar, "zh", seed, index)
    return tuple(
        _pair(english, first, chinese, second)
        for first, second in zip(english.truth.tree.children, chinese.truth.tree.children, strict=True)
    )


def plain_pairs(grammar: Grammar, seed: int, index: int) -> list[tuple[str, str]]:
    """The English and the Chinese sentences of one text, without their truth: about ten times as fast."""
    english, chinese = (sentences(grammar, Drawing(seed, index), surface_of(language)) for language in ("en", "zh"))
    return [(left.strip(), right.strip()) for left, right in zip(english, chinese, strict=True)]


def _pair(english: Sampled, first: Node, chinese: Sampled, second: Node) -> ParallelSentence:
    left, right = _units(english, first), _units(chinese, second)
    others = _places(right)
    pairs = [pair for mark, places in _places(left).items() for pair in zip(places, others.get(mark, ()), strict=False)]
    return ParallelSentence(
        english.text[first.start : first.end], chinese.text[second.start : second.end],
        tuple(span for span, _ in left), tuple(span for span, _ in right), tuple(sorted(pairs)),
    )  # fmt: skip


def _units(sampled: Sampled, sentence: Node) -> list[tuple[Span, Mark]]:
    """The words of a sentence with what they are aligned by, neighbours with the same mark as one."""
    units: list[tuple[Span, Mark]] = []
    for word in sampled.truth.words:
        if not sentence.start <= word.start < sentence.end:
            continue
        mark = _mark(sampled.text[word.start : word.end], word)
        start, end = word.start - sentence.start, word.end - sentence.start
        if word.aligned and units and units[-1][1] == mark:
            units[-1] = ((units[-1][0][0], end), mark)
        else:
            units.append(((start, end), mark))
    return units


def _mark(shown: str, word: Word) -> Mark:
    """A person's name and the pronouns for the same person are kept apart: the languages show them in another order."""
    return (word.aligned or _SIGNS.get(shown), word.part == "PRON")


def _places(units: Sequence[tuple[Span, Mark]]) -> dict[Mark, list[int]]:
    places: dict[Mark, list[int]] = {}
    for place, (_, mark) in enumerate(units):
        if mark[0] is not None:
            places.setdefault(mark, []).append(place)
    return places
