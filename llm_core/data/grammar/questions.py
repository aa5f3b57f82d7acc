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

    The span is the first mention of what is asked for that is no pronoun. Raises UserError where a text does not show an
    answer, which is a fault of the grammar.
    """
    _, asked = about(grammar, language, seed, index)
    if not asked:
        return ()
    sampled = sample(grammar, language, seed, index)
    found = []
    for question, answer, variable in asked:
        span = _first_mention(sampled.truth.words, variable)
        if span is None:
            raise UserError("The text {text!r} does not show the answer {answer!r}.", text=sampled.text, answer=answer)
        start, end = span
        found.append(Question(sampled.text, question, sampled.text[start:end], start, end, language))
    return tuple(found)


def _first_mention(words: tuple[Word, ...], variable: str) -> tuple[int, int] | None:
    """Where words in a row show a variable itself, neither by a pronoun nor by its measure word."""
    span: tuple[int, int] | None = None
    for word in words:
        if word.aligned == variable and word.part != "PRON":
            span = (span[0] if span else word.start, word.end)
        elif span is not None:
            return span
    return span
