"""Stories with a headline that says what happens in them, for writing the one from the other."""

from dataclasses import dataclass

from llm_core.data.grammar.grammar import Grammar
from llm_core.data.grammar.sampler import Drawing, about, write
from llm_core.data.grammar.surface import surface_of


@dataclass(frozen=True)
class StoryHeadline:
    """A story and a line above it that gives it in brief, in the same language."""

    story: str
    headline: str
    language: str


def story_headline(grammar: Grammar, language: str, seed: int, index: int) -> StoryHeadline | None:
    """One story with its headline; None where its frame has none."""
    headline, _ = about(grammar, language, seed, index)
    if headline is None:
        return None
    return StoryHeadline(write(grammar, Drawing(seed, index), surface_of(language)), headline, language)
