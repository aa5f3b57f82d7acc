"""The held-out text of a run, in the tokens that its model knows."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from llm_core.data.prepare import TokenizedCorpus, open_corpus, prepare
from llm_core.errors import UserError
from llm_core.runs.run import Run

if TYPE_CHECKING:
    from llm_core.data.tokenizers import Tokenizer


def held_out(run: Run, tokenizer: "Tokenizer") -> "NDArray[np.uint16] | NDArray[np.uint32]":
    """The stream of held-out tokens. Prepares the text again where it is gone.

    A bundled model may have been trained on another Python's edition of an embedded text, with another tokenizer; then
    today's held-out text is cut into tokens anew with the model's own.
    """
    corpus = _corpus(run)
    if corpus.tokenizer.to_json() == tokenizer.to_json():
        return corpus.held_out
    ids = np.asarray(corpus.held_out)
    starts = np.flatnonzero(ids == corpus.tokenizer.end_of_text)[1:]
    end = np.array([tokenizer.end_of_text], dtype=np.uint32)
    parts = [part for each in np.split(ids, starts) for part in (end, *tokenizer.encode_batch([corpus.tokenizer.decode(each.tolist())]))]  # fmt: skip
    return np.concatenate(parts)


def _corpus(run: Run) -> TokenizedCorpus:
    if run.digest is not None:
        try:
            return open_corpus(run.corpora / run.digest)
        except UserError:
            pass
    return prepare(run.config.data, run.corpora)
