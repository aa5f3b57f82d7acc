"""Sentences in both languages, and which words of the one say what in the other."""

from collections.abc import Sequence
from dataclasses import dataclass

from llm_core.data.grammar.grammar import Grammar
from llm_core.data.grammar.sampler import Sampled, sample
from llm_core.data.grammar.truth import Node, Word

_SIGNS = {".": "。", "?": "？", "!": "！", "“": "“", "”": "”", ":": "："}
Span = tuple[int, int]


@dataclass(frozen=True)
class ParallelSentence:
    """A sentence and its translation. Spans are characters of the sentence, end exclusive."""

    english: str
    chinese: str
    english_words: tuple[Span, ...]
    chinese_words: tuple[Span, ...]
    alignment: tuple[tuple[int, int], ...]
    """Pairs (place in english_words, place in chinese_words), in order. What a slot shows is aligned as a whole, each of
    its words with each; words that the other language says in another way, or not at all, have no pair."""


def parallel_sentences(grammar: Grammar, seed: int, index: int) -> tuple[ParallelSentence, ...]:
    """The sentences of one text, in order."""
    english, chinese = sample(grammar, "en", seed, index), sample(grammar, "zh", seed, index)
    return tuple(
        _pair(english, first, chinese, second)
        for first, second in zip(english.truth.tree.children, chinese.truth.tree.children, strict=True)
    )


def _pair(english: Sampled, first: Node, chinese: Sampled, second: Node) -> ParallelSentence:
    left, right = _words(english, first), _words(chinese, second)
    left_runs, right_runs = _runs(english.text, left, "en"), _runs(chinese.text, right, "zh")
    pairs = [
        (here, there)
        for mark, runs in left_runs.items()
        for run, other in zip(runs, right_runs.get(mark, ()), strict=False)
        for here in run
        for there in other
    ]
    return ParallelSentence(
        english.text[first.start : first.end], chinese.text[second.start : second.end],
        tuple((word.start - first.start, word.end - first.start) for word in left),
        tuple((word.start - second.start, word.end - second.start) for word in right),
        tuple(sorted(pairs)),
    )  # fmt: skip


def _words(sampled: Sampled, sentence: Node) -> list[Word]:
    return [word for word in sampled.truth.words if sentence.start <= word.start < sentence.end]


def _runs(text: str, words: Sequence[Word], language: str) -> dict[tuple[str, bool], list[list[int]]]:
    """Places of words by what they are aligned by, neighbours with the same mark together, in order.

    A person's name and the pronouns for the same person are kept apart: the languages show them in another order.
    """
    runs: dict[tuple[str, bool], list[list[int]]] = {}
    before: tuple[str, bool] | None = None
    for place, word in enumerate(words):
        shown = text[word.start : word.end]
        sign = _SIGNS.get(shown) if language == "en" else shown if shown in _SIGNS.values() else None
        mark = (word.aligned, word.part == "PRON") if word.aligned else (sign, False) if sign else None
        if mark is not None and mark == before:
            runs[mark][-1].append(place)
        elif mark is not None:
            runs.setdefault(mark, []).append([place])
        before = mark
    return runs
