"""A text to read that the grammar has just written, with all that it knows of it: a story with its entities, questions and
answers, or a text with its label."""

from dataclasses import dataclass, field
from functools import lru_cache

from llm_core.config import RunConfig
from llm_core.data.annotated import Entity
from llm_core.data.corpora import CORPORA
from llm_core.data.generated import SEED
from llm_core.data.grammar.grammar import load_grammar
from llm_core.data.grammar.labelled import labelled_grammar, labelled_text
from llm_core.data.grammar.questions import questions
from llm_core.data.grammar.tagged import tagged_text
from llm_core.runs.run import Run
from pages.ui.text import language

_FIRST = 9_000_000
"""Stories from this number on are in no corpus: no model has met them."""
_BETWEEN = 1000


@dataclass(frozen=True)
class Example:
    """A story, or a text with a label. `answers`: each question of a story with the span of it that answers it · label:
    what the text was made from, by its English word · sure: the probability of its likeliest label, exactly."""

    text: str
    entities: tuple[Entity, ...] = ()
    answers: dict[str, tuple[int, int]] = field(default_factory=dict)
    label: str = ""
    sure: float = 0.0


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


@lru_cache(maxsize=64)
def labelled_example(number: int, code: str, source: str, held_out_words: bool = False) -> Example:
    """The text with a label of this number, from 0, by the grammar `source`; `held_out_words`: by its variant whose telling
    words stand in no ordinary text."""
    made = labelled_text(labelled_grammar(source, held_out_words), code, SEED, _FIRST + number)
    return Example(made.text, label=made.label, sure=max(made.posterior.values()))


def source_of(run: Run) -> str:
    """The grammar of labelled texts that a run's model has learned from; reviews where it is not known."""
    corpus = CORPORA.get(run.settings.data.corpus) if isinstance(run.settings, RunConfig) else None
    return corpus.source if corpus is not None and corpus.kind == "labelled" else "reviews"


def language_of(run: Run) -> str:
    """The language in which a run's model is shown first: the person's where it knows that, else its own."""
    corpus = CORPORA.get(run.settings.data.corpus) if isinstance(run.settings, RunConfig) else None
    known = corpus.language.split("-") if corpus is not None else [language()]
    return language() if language() in known or not set(known) & {"en", "zh"} else known[0]
