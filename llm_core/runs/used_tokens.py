"""Which tokens the texts of a run are made of, and in which language: what random texts, and probes, are drawn from, so
that no model is judged by tokens that it has hardly seen. Knows no torch."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from llm_core.config import DataConfig, RunConfig
from llm_core.data.corpora import CORPORA, Corpus
from llm_core.data.generated import documents, first_unread
from llm_core.data.prepare import open_corpus
from llm_core.errors import UserError
from llm_core.runs.run import Run

if TYPE_CHECKING:
    from llm_core.interpret.reading import AnyTokenizer

_LOOKED_AT = 200_000
"""Tokens of a run's own text that are looked at."""
_WRITTEN = 300
"""Texts that are written, where the program can write them."""


def used_tokens(run: Run, tokenizer: "AnyTokenizer") -> list[int]:
    """Tokens of texts that the program writes like those of the run; else of the run's own text where it is at hand; else
    all that a tokenizer has. Control tokens and the mask are left out."""
    data = run.settings.data if isinstance(run.settings, RunConfig) else None
    corpus = CORPORA.get(data.corpus) if data is not None else None
    left_out = {*tokenizer.begin, *tokenizer.end, *tokenizer.separators, getattr(tokenizer, "mask", None)}
    if data is not None and corpus is not None and corpus.kind != "text":
        return sorted(set(_written(data, corpus, tokenizer)) - left_out)
    if run.digest is not None:
        try:
            prepared = open_corpus(run.corpora / run.digest)
            return sorted({int(token) for token in prepared.held_out[:_LOOKED_AT]} - left_out)
        except UserError:  # not prepared here, as that of a bundled model
            pass
    return sorted(set(range(len(tokenizer.pieces))) - left_out)


def spoken_language(run: Run) -> Literal["en", "zh"] | None:
    """The language of a run's texts, the first of several; English where nobody knows, None of a toy task."""
    corpus = CORPORA.get(run.settings.data.corpus) if isinstance(run.settings, RunConfig) else None
    if corpus is not None and corpus.kind == "task":
        return None
    return "zh" if corpus is not None and corpus.language == "zh" else "en"


def _written(data: DataConfig, corpus: Corpus, tokenizer: "AnyTokenizer") -> Iterator[int]:
    for text in documents(corpus, first_unread(data), _WRITTEN):
        for side in text.split("\t"):
            # A word that begins a line of a toy task is a token of its own, without a space, that stands nowhere else.
            yield from tokenizer.encode(side)[1 if corpus.kind == "task" else 0 :]
