"""The text that the Corpus page looks at: an embedded one, read or written once for everybody, or a person's own, which
stays in the session.

What is counted comes from the beginning of a text, at most `MOST` characters of it; the page says so.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import streamlit as st

from llm_core.data import generated
from llm_core.data.corpora import CORPORA, Corpus
from llm_core.data.statistics import CountingConfig, Statistics, count_followers, count_words
from pages.ui.state import CORPUS_OWN_KEY
from pages.ui.text_source import Source, beginning

MOST = 1_000_000
"""Characters: what is counted within a second."""
WRITTEN = 1000
"""Documents of a text that is written when it is needed."""
MOST_FOLLOWED = 1000
_SHOWN = 20_000
_KEPT = 24


@dataclass(frozen=True)
class Read:
    """The documents at the beginning of a text; `whole`: whether that is all of it."""

    documents: tuple[str, ...]
    whole: bool


@dataclass(frozen=True)
class Looked:
    """A text as the page has it: an embedded one by its name, or a person's own, of which `own` is the beginning."""

    key: str
    corpus: Corpus | None = None
    own: Read | None = None

    @property
    def kind(self) -> str:
        """text, grammar, task or own."""
        return self.corpus.kind if self.corpus else "own"

    @property
    def language(self) -> str:
        """The language that the text says it is in; empty for a person's own."""
        return self.corpus.language if self.corpus else ""

    @property
    def read(self) -> Read:
        """What is counted of it. Raises UserError where this Python comes without it."""
        return self.own or _read(self.key)

    @property
    def documents(self) -> tuple[str, ...]:
        """Its first documents."""
        return self.read.documents


def embedded(name: str) -> Looked:
    """An embedded text; nothing is read before it is needed."""
    return Looked(name, CORPORA[name])


def looked(source: Source) -> Looked:
    """The text of a source. Raises UserError where it cannot be read."""
    if source.embedded is not None:
        text = embedded(source.embedded)
        if text.kind == "text":
            _ = text.read
        return text
    digest = hashlib.sha256(repr((source.name, source.encoding, source.column)).encode("utf-8", "replace"))
    digest.update(source.raw)
    key = digest.hexdigest()[:16]
    documents, whole = own(
        f"text {key}", lambda: beginning(source.name, source.raw, source.encoding, source.column, MOST)
    )
    return Looked(key, own=Read(tuple(documents), whole))


def statistics(text: Looked, counting: CountingConfig) -> Statistics:
    """Its words, counted once."""
    if text.corpus is not None:
        return _counted(text.key, counting)
    found: Statistics = own(f"count {text.key} {counting}", lambda: count_words(_pieces(text), counting))
    return found


def followers(text: Looked, counting: CountingConfig) -> dict[str, Counter[str]]:
    """What follows its most frequent words, counted once."""
    if text.corpus is not None:
        return _followed(text.key, counting)
    found: dict[str, Counter[str]] = own(
        f"follow {text.key} {counting}", lambda: _followers(text, counting, statistics(text, counting))
    )
    return found


def own(name: str, make: Callable[[], Any]) -> Any:
    """Something made from a person's own text: kept in their session, the last few, and nowhere else."""
    kept: dict[str, Any] = st.session_state.setdefault(CORPUS_OWN_KEY, {})
    if name not in kept:
        kept[name] = make()
        while len(kept) > _KEPT:
            del kept[next(iter(kept))]
    return kept[name]


def by_words(text: Looked) -> tuple[str, ...]:
    """The Chinese words that its grammar knows, so that Chinese is counted in words; empty where nothing knows them."""
    if text.kind != "grammar" or text.language != "zh" or text.corpus is None:
        return ()
    return chinese_words(text.corpus.source)


@lru_cache(maxsize=8)
def chinese_words(grammar: str) -> tuple[str, ...]:
    """The words of more than one character that stand in the first texts of a grammar."""
    from llm_core.data.grammar.grammar import load_grammar
    from llm_core.data.grammar.sampler import sample

    found: set[str] = set()
    for index in range(150):
        drawn = sample(load_grammar(grammar), "zh", generated.SEED, index)
        found |= {drawn.text[word.start : word.end] for word in drawn.truth.words}
    return tuple(sorted(word for word in found if len(word) > 1))


@lru_cache(maxsize=32)
def _read(name: str) -> Read:
    corpus = CORPORA[name]
    if corpus.read is None:
        count = min(WRITTEN, corpus.documents)
        return Read(tuple(generated.documents(corpus, 0, count)), count == corpus.documents)
    documents: list[str] = []
    characters = 0
    for document in corpus.read():
        if characters >= MOST:
            return Read(tuple(documents), False)
        documents.append(document)
        characters += len(document)
    return Read(tuple(documents), True)


@lru_cache(maxsize=32)
def _counted(name: str, counting: CountingConfig) -> Statistics:
    text = embedded(name)
    return count_words(_pieces(text), counting, by_words(text))


@lru_cache(maxsize=16)
def _followed(name: str, counting: CountingConfig) -> dict[str, Counter[str]]:
    return _followers(embedded(name), counting, _counted(name, counting))


def _followers(text: Looked, counting: CountingConfig, counted: Statistics) -> dict[str, Counter[str]]:
    firsts = [word for word, _count in counted.counts[:MOST_FOLLOWED]]
    return count_followers(_pieces(text), firsts, counting, by_words(text))


def _pieces(text: Looked) -> Iterator[tuple[bool, str]]:
    for document in text.documents:
        for start in range(0, len(document), _SHOWN):
            yield start == 0, document[start : start + _SHOWN]
