"""Tokens whose truth is known, because a program wrote their texts: what probes are asked about.

part_of_speech, entity, number: of words of a grammar's texts; number is that of nouns whose forms for one and for many
differ, which Chinese has not. depth: how many brackets are open, in texts of nothing but brackets. position: in which
eighth of the text's greatest length a token stands.

A word is asked about at its last token, the first at which a model that reads left to right has seen all of it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from llm_core.data.grammar.grammar import load_grammar
from llm_core.data.grammar.sampler import sample
from llm_core.data.grammar.tagged import OUTSIDE, tagged_sample
from llm_core.data.tasks import TASKS
from llm_core.errors import N_, UserError
from llm_core.interpret.components import streams
from llm_core.interpret.reading import AnyTokenizer, Reading, Side, read
from llm_core.models.base import Model

Property = Literal["part_of_speech", "entity", "number", "depth", "position"]
PROPERTIES: dict[Property, str] = {
    "part_of_speech": N_("Part of speech"),
    "entity": N_("Entity"),
    "number": N_("Singular or plural"),
    "depth": N_("Open brackets"),
    "position": N_("Position in the text"),
}
"""What a probe can be asked: name in links, and on screen."""

_FRESH = 1_000_003
"""Added to seeds, so that no text is one that a model was trained on."""
EIGHTHS = 8
"""Parts of the longest text that a position is one of."""
_NEAR = 3


class Marked(NamedTuple):
    """A place in a text with what is true of it, and its type: what a control task gives a label of its own."""

    start: int
    end: int
    label: str
    type: str


@dataclass(frozen=True)
class LabelledTokens:
    """readings: the texts · text, position, label (N,): which token of which text, and the number of its label in
    `names` · types: of each token, what a control task knows it by · longest: tokens of the longest text."""

    property: Property
    readings: tuple[Reading, ...] = field(repr=False)
    text: NDArray[np.int64]
    position: NDArray[np.int64]
    label: NDArray[np.int64]
    names: tuple[str, ...]
    types: tuple[str, ...] = field(repr=False)
    longest: int


def labelled_tokens(
    model: Model,
    tokenizer: AnyTokenizer,
    about: Property,
    *,
    texts: int = 200,
    language: str = "en",
    grammar: str = "stories",
    seed: int = 0,
) -> LabelledTokens:
    """Texts as a model reads them, with what is true of their tokens. An encoder-decoder reads them as its source.

    Raises UserError where there is nothing to ask: Chinese words show no number, and a tokenizer may show no word.
    """
    if about == "number" and language != "en":
        raise UserError("Chinese words do not change with number, so that a probe could not find it; choose English.")
    written = list(marked_texts(about, language, grammar, texts, seed))
    crossed = len(streams(model)) > 1
    readings = [read(model, tokenizer, "" if crossed else text, text if crossed else None) for text, _ in written]
    sides = [reading.source if crossed and reading.source is not None else reading.text for reading in readings]
    if about == "position":
        marks = _eighths(sides)
    else:
        marks = [marked for _, marked in written]
    found = []
    for number, (side, marked) in enumerate(zip(sides, marks, strict=True)):
        ends = {end: place for place, (start, end) in enumerate(side.spans) if end > start}
        found += [(number, ends[mark.end], mark) for mark in marked if mark.end in ends]
    names = tuple(sorted({mark.label for _, _, mark in found}))
    if len(names) < 2:
        raise UserError("These texts show nothing to tell apart; choose another property.")
    numbers = {name: place for place, name in enumerate(names)}
    return LabelledTokens(
        about, tuple(readings),
        np.array([number for number, _, _ in found]), np.array([place for _, place, _ in found]),
        np.array([numbers[mark.label] for _, _, mark in found]), names, tuple(mark.type for _, _, mark in found),
        max(len(side.ids) for side in sides),
    )  # fmt: skip


def marked_texts(
    about: Property, language: str, grammar: str, texts: int, seed: int
) -> Iterator[tuple[str, list[Marked]]]:
    """Texts and what is true of their words; of position, which is no matter of words, only their parts of speech."""
    if about == "depth":
        for line in TASKS["brackets"].documents(texts, _FRESH + seed, 0):
            yield line, _depths(line)
        return
    world = load_grammar(grammar)
    for index in range(texts):
        sampled = _sampled(world, language, _FRESH + seed, index)
        if about == "entity":
            tagged = tagged_sample(world, sampled)
            words = [(start, end, _kind(tag)) for (start, end), tag in zip(tagged.words, tagged.tags, strict=True)]
            yield tagged.text, _marked(tagged.text, words)
            continue
        words = [(word.start, word.end, word.part) for word in sampled.truth.words]
        if about == "number":
            known = _numbers(grammar)
            words = [
                (start, end, number)
                for start, end, part in words
                if part == "NOUN" and (number := known.get(sampled.text[start:end].lower()))
            ]
        yield sampled.text, _marked(sampled.text, words)


# The same texts are asked for one property after the other, and to tell one takes milliseconds.
_sampled = lru_cache(maxsize=512)(sample)


def _marked(text: str, words: list[tuple[int, int, str]]) -> list[Marked]:
    """Words that are not mere space, each with its small letters as its type."""
    return [
        Marked(start, end, label, text[start:end].lower()) for start, end, label in words if text[start:end].strip()
    ]


def _kind(tag: str) -> str:
    """ "B-person" and "I-person" are both persons."""
    return tag if tag == OUTSIDE else tag[2:]


def _depths(line: str) -> list[Marked]:
    """How many brackets are open after each bracket of a question and its answer. Its type is it and what stood before:
    three characters, which is more than one could guess from."""
    marks, depth = [], 0
    for place, character in enumerate(line):
        if character == ">":
            continue
        depth += 1 if character in "([{" else -1
        near = line[max(0, place + 1 - _NEAR) : place + 1]
        marks.append(Marked(place, place + 1, str(depth), near))
    return marks


def _eighths(sides: Sequence[Side]) -> list[list[Marked]]:
    """In which eighth of the longest text each token stands; the token is its type."""
    longest = max(len(side.ids) for side in sides)
    return [
        [
            Marked(start, end, str(1 + place * EIGHTHS // longest), str(token))
            for place, (token, (start, end)) in enumerate(zip(side.ids, side.spans, strict=True))
            if end > start
        ]
        for side in sides
    ]


@lru_cache(maxsize=4)
def _numbers(grammar: str) -> dict[str, str]:
    """English nouns of a grammar by their forms: singular or plural. Forms that can be both are left out, and so are
    phrases such as "by the cups", which a spot is called by for good."""
    forms: dict[str, set[str]] = {}
    for word_class in load_grammar(grammar).classes.values():
        for word in word_class.words:
            if word.part == "NOUN" and word.entity != "spot" and word.english[-1] != word.plural[-1]:
                forms.setdefault(word.english[-1].lower(), set()).add("singular")
                forms.setdefault(word.plural[-1].lower(), set()).add("plural")
    return {form: next(iter(found)) for form, found in forms.items() if len(found) == 1}
