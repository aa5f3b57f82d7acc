"""Texts that this program writes itself: which documents a setting means, where they come from, and what they cost.

Every document has an index and can be had alone; a seed that never changes makes them the same everywhere. The last
share of them is held out: they are independent draws, so that none is left out for being like another.
"""

import hashlib
from collections.abc import Iterator

from llm_core.config import DataConfig
from llm_core.data.annotated import ASKED, Annotated, annotated, whole_texts
from llm_core.data.corpora import CORPORA, Corpus
from llm_core.data.grammar.grammar import load_grammar
from llm_core.data.grammar.sampler import sample, texts
from llm_core.data.mixture import grammars_digest, mixture, mixture_digest
from llm_core.data.pairs import PER_TEXT, pairs
from llm_core.data.tasks import TASKS
from llm_core.errors import UserError

SEED = 1
RECIPES = {"labelled": "classify", "tagged": "tag", "questions": "answer"}
"""The recipe for each kind of text of which something is asked."""
_FORMAT = 1
_UNREAD = 3_000_000


def generated(config: DataConfig) -> Corpus | None:
    """The corpus of these settings, if it is one that is written when it is needed."""
    corpus = CORPORA.get(config.corpus)
    return corpus if corpus is not None and corpus.read is None else None


def counts(config: DataConfig) -> tuple[int, int]:
    """How many documents there are to train on, and how many are held out after them; at least one each."""
    corpus = CORPORA[config.corpus]
    count = config.documents or corpus.documents
    held_out = min(count - 1, max(1, round(count * config.held_out)))
    return count - held_out, held_out


def first_unread(config: DataConfig) -> int:
    """The number of a document from which on none is read in training, nor held out of it; the same one wherever no more
    are asked for than our own models have read."""
    return max(_UNREAD, sum(counts(config)))


def documents(corpus: Corpus, start: int, count: int) -> Iterator[str]:
    """Documents `start` to `start + count - 1`."""
    if corpus.kind == "task":
        return TASKS[corpus.source].documents(count, SEED, start)
    if corpus.kind == "parallel":
        return pairs(load_grammar(corpus.source), SEED, start, count)
    if corpus.kind in ASKED:
        languages = tuple(corpus.language.split("-"))
        return whole_texts(corpus.kind, load_grammar(corpus.source), languages, SEED, start, count)
    if corpus.kind == "mixture":
        return mixture(SEED, start, count)
    return texts(load_grammar(corpus.source), corpus.language, SEED, start, count)


def annotated_documents(corpus: Corpus, start: int, count: int) -> Iterator[Annotated]:
    """The same documents of a text of which something is asked, with the right answer."""
    assert corpus.kind in ASKED
    languages = tuple(corpus.language.split("-"))
    return annotated(corpus.kind, load_grammar(corpus.source), languages, SEED, start, count)


def weighed(corpus: Corpus, start: int, count: int) -> Iterator[tuple[str, float | None]]:
    """The same documents of a grammar or a task, each with its -log P in nats, its end included; None for a text whose
    documents are not all written by one grammar."""
    if corpus.kind == "mixture":
        for text in documents(corpus, start, count):
            yield text, None
        return
    if corpus.kind == "task":
        for text in documents(corpus, start, count):
            yield text, -TASKS[corpus.source].log_probability(text)
        return
    grammar = load_grammar(corpus.source)
    for index in range(start, start + count):
        drawn = sample(grammar, corpus.language, SEED, index)
        yield drawn.text, -drawn.log_probability


def check_rows(config: DataConfig) -> None:
    """Raises UserError where rows are to be what the text does not have, or the text has nothing else."""
    corpus = CORPORA.get(config.corpus)
    paired = corpus is not None and corpus.kind == "parallel"
    if paired and config.rows != "pairs":
        raise UserError(
            "{corpus} is made of sentence pairs, which only an encoder-decoder can learn from, as in the recipe translate.",
            corpus=config.corpus,
        ).suggesting({"recipe": ("translate",), "data.rows": ("pairs",)})  # fmt: skip
    if config.rows == "pairs" and not paired:
        known = [name for name, other in CORPORA.items() if other.kind == "parallel"]
        raise UserError(
            "This text has no sentence pairs, which an encoder-decoder learns from; {names} has them.",
            names=", ".join(known),
        ).suggesting({"data.corpus": known, "data.rows": ("windows",)})
    asked = "" if corpus is None or corpus.kind not in ASKED else corpus.kind
    if asked and config.rows != asked:
        raise UserError(
            "{corpus} says of each text what is to be answered: set data.rows to {rows}, as in the recipe {recipe}.",
            corpus=config.corpus, rows=asked, recipe=RECIPES[asked],
        ).suggesting({"recipe": (RECIPES[asked],), "data.rows": (asked,)})  # fmt: skip
    if config.rows in ASKED and config.rows != asked:
        known = [name for name, other in CORPORA.items() if other.kind == config.rows]
        raise UserError("This text does not say what is to be answered of it; choose one that does: {names}.", names=", ".join(known)).suggesting({"data.corpus": known, "data.rows": ("windows",)})  # fmt: skip


def grammar_digest(config: DataConfig) -> str | None:
    """SHA-256 of the grammar that writes this corpus, or of several; None when no grammar does."""
    corpus = CORPORA.get(config.corpus)
    if corpus is not None and corpus.kind == "mixture":
        return grammars_digest()
    if corpus is None or corpus.kind not in ("grammar", "parallel", *ASKED):
        return None
    return load_grammar(corpus.source).digest


def writing_digest(config: DataConfig) -> str:
    """SHA-256 of all that decides what is written, without writing it."""
    corpus = CORPORA[config.corpus]
    source = grammar_digest(config) or corpus.source
    parts: tuple[object, ...] = (_FORMAT, corpus.kind, source, corpus.language, sum(counts(config)), SEED)
    if corpus.kind == "parallel":
        parts = (*parts, PER_TEXT)
    if corpus.kind == "mixture":
        parts = (*parts, mixture_digest())
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()
