"""A story to read that the grammar has just told, with all that it knows of it: entities, questions, answers."""

from dataclasses import dataclass
from functools import lru_cache

from llm_core.config import RunConfig
from llm_core.data.annotated import Entity
from llm_core.data.corpora import CORPORA
from llm_core.data.generated import SEED
from llm_core.data.grammar.grammar import load_grammar
from llm_core.data.grammar.questions import questions
from llm_core.data.grammar.tagged import tagged_text
from llm_core.runs.run import Run
from pages.ui.text import language

_FIRST = 9_000_000
"""Stories from this number on are in no corpus: no model has met them."""
_BETWEEN = 1000


@dataclass(frozen=True)
class Example:
    """A story. `answers`: each of its questions with the span of the story that answers it."""

    text: str
    entities: tuple[Entity, ...]
    answers: dict[str, tuple[int, int]]


@lru_cache(maxsize=64)
def example(number: int, code: str) -> Example:
    """The story of this number, from 0, in English or Chinese; one that asks something, and has several kinds of entities."""
    stories, index = load_grammar("stories"), _FIRST + _BETWEEN * number
    while True:
        asked, tagged = questions(stories, code, SEED, index), tagged_text(stories, code, SEED, index)
        if asked and len({kind for kind, _, _ in tagged.entities}) > 1:
            break
        index += 1
    return Example(tagged.text, tagged.entities, {one.question: (one.start, one.end) for one in asked})


def language_of(run: Run) -> str:
    """The language in which a run's model is shown first: the person's where it knows that, else its own."""
    corpus = CORPORA.get(run.settings.data.corpus) if isinstance(run.settings, RunConfig) else None
    known = corpus.language.split("-") if corpus is not None else [language()]
    return language() if language() in known or not set(known) & {"en", "zh"} else known[0]
