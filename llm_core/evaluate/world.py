"""The grammar behind a text, and its held-out stories with all that is known of them."""

from collections.abc import Iterator
from dataclasses import dataclass

from llm_core.config import DataConfig
from llm_core.data.corpora import CORPORA
from llm_core.data.generated import SEED, counts
from llm_core.data.grammar.grammar import Grammar, load_grammar
from llm_core.data.grammar.sampler import Sampled, sample


@dataclass(frozen=True)
class World:
    """A grammar and the language in which it writes a corpus; its stories are numbered."""

    grammar: Grammar
    language: str
    held_out: range
    """The numbers of the stories that no model of this corpus has seen, in the order of the held-out text."""

    def stories(self, count: int | None = None) -> Iterator[Sampled]:
        """The first held-out stories, or all of them, drawn anew with their truth."""
        for index in self.held_out[:count]:
            yield sample(self.grammar, self.language, SEED, index)


def world_of(config: DataConfig) -> World | None:
    """The world that a corpus tells of; None for a text that no grammar has written."""
    corpus = CORPORA.get(config.corpus)
    if corpus is None or corpus.kind != "grammar":
        return None
    training, held_out = counts(config)
    return World(load_grammar(corpus.source), corpus.language, range(training, training + held_out))
