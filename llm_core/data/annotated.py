"""Texts with what is to be said of them, as a grammar writes them: a class, the entities in them, or where the answer to
a question stands. Knows no token.

Every text is numbered and can be had alone. In a corpus of two languages they take turns, and no text is another's
translation: which of two texts is told is decided by the number alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args

from llm_core.data.grammar.grammar import Grammar, load_grammar
from llm_core.data.grammar.labelled import label_names, labelled_text
from llm_core.data.grammar.questions import questions
from llm_core.data.grammar.sampler import Drawing, about, write
from llm_core.data.grammar.surface import surface_of
from llm_core.data.grammar.tagged import OUTSIDE, tagged_text
from llm_core.errors import UserError

Asked = Literal["labelled", "tagged", "questions"]
"""What is asked of a text: its class, the entities in it, or an answer out of it."""
ASKED: tuple[Asked, ...] = get_args(Asked)

Entity = tuple[str, int, int]
"""Kind, start and end (exclusive) of an entity, in characters."""

_OTHER_STORY = 1_000_003
_MOST_TRIES = 50


@dataclass(frozen=True, slots=True)
class Annotated:
    """A text and the right answer: its `label`, its `entities` from left to right, or `answer`, the span (start, end) in
    it that answers the `question`. Spans count characters, the end exclusive."""

    text: str
    language: str
    label: str = ""
    entities: tuple[Entity, ...] = ()
    question: str = ""
    answer: tuple[int, int] = (0, 0)

    @property
    def whole(self) -> str:
        """Everything that there is to read of it, for those who count or show words."""
        return f"{self.question}\n{self.text}" if self.question else self.text


def annotated(
    asked: Asked, grammar: Grammar, languages: tuple[str, ...], seed: int, start: int, count: int
) -> Iterator[Annotated]:
    """The texts `start` to `start + count - 1`. Raises UserError where the grammar writes no such texts."""
    write = {"labelled": _labelled, "tagged": _tagged, "questions": _questioned}[asked]
    for index in range(start, start + count):
        yield write(grammar, languages[index % len(languages)], seed, index)


def whole_texts(
    asked: Asked, grammar: Grammar, languages: tuple[str, ...], seed: int, start: int, count: int
) -> Iterator[str]:
    """`whole` of the same texts, without what is to be said of them: about ten times as fast."""
    for index in range(start, start + count):
        language = languages[index % len(languages)]
        if asked != "questions":
            yield write(grammar, Drawing(seed, index), surface_of(language))
            continue
        number, (question, *_) = _question(grammar, language, seed, index)
        yield Annotated(write(grammar, Drawing(seed, number), surface_of(language)), language, question=question).whole


def names_of(asked: Asked, source: str) -> tuple[str, ...]:
    """What the model chooses from, in the order of its logits: classes, or tags by the scheme BIO (Ramshaw & Marcus 1995)
    with `O`, no entity, first. Empty for questions. `source`: the grammar's name."""
    if asked == "questions":
        return ()
    if asked == "labelled":
        return tuple(sorted(label_names(source, "en")))
    return (OUTSIDE, *(f"{sign}-{kind}" for kind in _kinds(source) for sign in "BI"))


@lru_cache(maxsize=8)
def _kinds(source: str) -> tuple[str, ...]:
    grammar = load_grammar(source)
    found = {word.entity for word_class in grammar.classes.values() for word in word_class.words}
    return tuple(sorted(kind for kind in found if kind))


def _labelled(grammar: Grammar, language: str, seed: int, index: int) -> Annotated:
    made = labelled_text(grammar, language, seed, index)
    return Annotated(made.text, language, label=made.label)


def _tagged(grammar: Grammar, language: str, seed: int, index: int) -> Annotated:
    made = tagged_text(grammar, language, seed, index)
    return Annotated(made.text, language, entities=made.entities)


def _questioned(grammar: Grammar, language: str, seed: int, index: int) -> Annotated:
    number, (question, *_) = _question(grammar, language, seed, index)
    asked = questions(grammar, language, seed, number)
    one = next(each for each in asked if each.question == question)
    return Annotated(one.context, language, question=one.question, answer=(one.start, one.end))


def _question(grammar: Grammar, language: str, seed: int, index: int) -> tuple[int, tuple[str, str, str]]:
    """The number of a text, and one of the questions that it asks, each in its turn; another text where it asks none."""
    for attempt in range(_MOST_TRIES):
        number = index + attempt * _OTHER_STORY
        _, asked = about(grammar, language, seed, number)
        if asked:
            return number, asked[index % 7 % len(asked)]
    raise UserError("The grammar {name!r} asks no questions.", name=grammar.name)
