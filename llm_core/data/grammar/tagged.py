"""Texts with the persons, places and other entities in them, tagged word by word."""

from dataclasses import dataclass
from functools import lru_cache

from llm_core.data.grammar.grammar import Grammar
from llm_core.data.grammar.sampler import Sampled, sample

OUTSIDE = "O"


@dataclass(frozen=True)
class TaggedText:
    """A text as words with a tag each: `B-person` begins an entity, `I-person` goes on with it, `O` is none."""

    text: str
    language: str
    words: tuple[tuple[int, int], ...]
    """Spans of characters, end exclusive; signs are words too, spaces and line breaks none."""
    tags: tuple[str, ...]

    @property
    def tokens(self) -> tuple[str, ...]:
        """The words as they stand in the text."""
        return tuple(self.text[start:end] for start, end in self.words)

    @property
    def entities(self) -> tuple[tuple[str, int, int], ...]:
        """(kind, start, end) of every entity, in characters."""
        found: list[tuple[str, int, int]] = []
        for (start, end), tag in zip(self.words, self.tags, strict=True):
            if tag.startswith("B-"):
                found.append((tag[2:], start, end))
            elif tag.startswith("I-"):
                found[-1] = (found[-1][0], found[-1][1], end)
        return tuple(found)


def tagged_text(grammar: Grammar, language: str, seed: int, index: int) -> TaggedText:
    """One text with its entities. A pronoun is none, though it speaks of one."""
    return tagged_sample(grammar, sample(grammar, language, seed, index))


def tagged_sample(grammar: Grammar, sampled: Sampled) -> TaggedText:
    """The same of a text that is told already."""
    named = _named(grammar, sampled.language)
    words, tags = [], []
    before: tuple[str, str | None] | None = None
    for word in sampled.truth.words:
        shown = sampled.text[word.start : word.end]
        if not shown.strip():
            before = None
            continue
        # "The farm" is a place where a template has it for good, too, and not only where it was drawn.
        kind = word.entity or (named.get(shown.lower()) if word.variable is None else None)
        here = (kind, word.variable) if kind else None
        words.append((word.start, word.end))
        tags.append(OUTSIDE if kind is None else f"{'I' if here == before else 'B'}-{kind}")
        before = here
    return TaggedText(sampled.text, sampled.language, tuple(words), tuple(tags))


@lru_cache(maxsize=16)
def _named(grammar: Grammar, language: str) -> dict[str, str]:
    """Words that name an entity by themselves, with its kind: of the classes that this grammar draws from."""
    domains = [domain for frame in grammar.frames for domain in frame.variables.values()]
    for frame in grammar.frames:
        domains += [own for one in grammar.sentences_of(frame) for own in one.templates[language].own.values()]
    found = {}
    for word in (word for domain in domains for word in domain.words if word.entity):
        shown = word.english if language == "en" else word.chinese
        if len(shown) == 1:
            found[shown[0].lower()] = str(word.entity)
    return found
