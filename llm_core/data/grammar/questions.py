"""Questions about a story whose answer stands in it."""

from dataclasses import dataclass

from llm_core.data.grammar.grammar import Grammar
from llm_core.data.grammar.sampler import about, sample
from llm_core.data.grammar.truth import Word
from llm_core.errors import UserError


@dataclass(frozen=True)
class Question:
    """A text, a question about it, and where in the text the answer stands: `answer == context[start:end]`."""

    context: str
    question: str
    answer: str
    start: int
    end: int
    language: str


def questions(grammar: Grammar, language: str, seed: int, index: int) -> tuple[Question, ...]:
    """All questions that the frame of one text asks; none where it asks none.

    The span is the last mention in full of what is asked for. Raises UserError where a text does not show an answer,
    which is a fault of the grammar.
    """
    _, asked = about(grammar, language, seed, index)
    if not asked:
        return ()
    sampled = sample(grammar, language, seed, index)
    found = []
    for question, answer, variable in asked:
        spans = _mentions(sampled.truth.words, variable)
        fitting = [(start, end) for start, end in spans if sampled.text[start:end].lower() == answer.lower()]
        if not fitting:
            raise UserError("The text {text!r} does not show the answer {answer!r}.", text=sampled.text, answer=answer)
        start, end = fitting[-1]
        found.append(Question(sampled.text, question, sampled.text[start:end], start, end, language))
    return tuple(found)


def _mentions(words: tuple[Word, ...], variable: str) -> list[tuple[int, int]]:
    """Where words in a row show a variable."""
    spans: list[tuple[int, int]] = []
    before = None
    for word in words:
        if word.variable == variable and before == variable:
            spans[-1] = (spans[-1][0], word.end)
        elif word.variable == variable:
            spans.append((word.start, word.end))
        before = word.variable
    return spans
