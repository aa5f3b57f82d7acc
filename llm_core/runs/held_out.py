"""The text that a run's model is scored on, in the tokens that the model knows."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from llm_core.config import DataConfig, RowsKind, parse
from llm_core.data.annotated import ASKED
from llm_core.data.corpora import CORPORA
from llm_core.data.generated import check_rows, counts, generated, weighed
from llm_core.data.prepare import TokenizedCorpus, lengths, open_corpus, prepare
from llm_core.data.source import Piece, pieces
from llm_core.errors import UserError
from llm_core.runs.run import Run

if TYPE_CHECKING:
    from llm_core.data.tokenizers import Tokenizer


def held_out(run: Run, tokenizer: "Tokenizer") -> TokenizedCorpus:
    """The run's own text. Prepares it again where it is gone.

    A bundled model may have been trained on another Python's edition of an embedded text, with another tokenizer; then
    today's held-out text is cut into tokens anew with the model's own, and there is nothing to train on.
    """
    corpus = _corpus(run)
    if corpus.tokenizer.to_json() == tokenizer.to_json():
        return corpus
    ids = np.asarray(corpus.held_out)
    parts = np.split(ids, np.flatnonzero(ids == corpus.tokenizer.end_of_text)[1:])
    texts = ((True, corpus.tokenizer.decode(part.tolist())) for part in parts)
    return replace(corpus, tokenizer=tokenizer, training=corpus.training[:0], held_out=_stream(texts, tokenizer))


def other_text(run: Run, tokenizer: "Tokenizer", name: str) -> TokenizedCorpus:
    """All of another text as held-out text; of one that is written when it is needed, what is held out of it.

    Whole documents are rows where they are in the run's own text and all fit into the model's context.
    Raises UserError as reading a text does, and for a text of sentence pairs, which only its own runs are scored on.
    """
    if run.config.data.rows in ASKED:
        raise UserError("A model for a task is scored on the text that it was trained for, which has the answers: {corpus}.", corpus=run.config.data.corpus)  # fmt: skip
    settings = parse(DataConfig, {"corpus": name})
    translated = run.config.data.rows == "pairs"
    check_rows(settings.model_copy(update={"rows": "pairs" if translated else "windows"}))
    nats: list[float | None] = []
    if corpus := generated(settings):
        texts, nats = [list(column) for column in zip(*weighed(corpus, *counts(settings)), strict=True)]
        stream = _stream(((True, text) for text in texts), tokenizer)
    else:
        stream = _stream(pieces(settings), tokenizer)
    each = lengths(stream)
    fits = int(each.max()) <= run.config.model.context
    rows: RowsKind = "documents" if fits and run.config.data.rows == "documents" else "windows"
    known = np.array(nats, dtype=np.float64) if nats and None not in nats else None
    characters = int(tokenizer.characters[stream].sum())
    return TokenizedCorpus(run.folder, "", tokenizer, stream[:0], stream, (0, len(each)), (0, characters), rows, known)


def same_text(run: Run, name: str | None) -> bool:
    """Whether a name means the run's own text."""
    own = run.config.data.corpus
    return name is None or name == own or (own not in CORPORA and Path(name).absolute() == Path(own))


def _stream(texts: Iterable[Piece], tokenizer: "Tokenizer") -> "NDArray[np.uint32]":
    """Documents as one stream, the end-of-text sign before each."""
    parts: list[NDArray[np.uint32]] = []
    for begins, text in texts:
        parts += [np.full(int(begins), tokenizer.end_of_text, dtype=np.uint32), tokenizer.encode_array(text)]
    return np.concatenate(parts)


def _corpus(run: Run) -> TokenizedCorpus:
    if run.digest is not None:
        try:
            return open_corpus(run.corpora / run.digest)
        except UserError:
            pass
    return prepare(run.config.data, run.corpora)
