"""Texts with the persons, places and other entities in them, tagged word by word."""

from dataclasses import dataclass

from llm_core.data.grammar.grammar import Grammar
from llm_core.data.grammar.sampler import sample
from llm_core.data.grammar.truth import Word

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
    sampled = sample(grammar, language, seed, index)
    words, tags = [], []
    before: Word | None = None
    for word in sampled.truth.words:
        if not sampled.text[word.start : word.end].strip():
            before = None
            continue
        words.append((word.start, word.end))
        tags.append(_tag(word, before))
        before = word
    return TaggedText(sampled.text, language, tuple(words), tuple(tags))


def _tag(word: Word, before: Word | None) -> str:
    if word.entity is None:
        return OUTSIDE
    goes_on = before is not None and (before.entity, before.variable) == (word.entity, word.variable)
    return f"{'I' if goes_on else 'B'}-{word.entity}"
