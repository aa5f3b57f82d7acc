"""What a token costs by how often it stands in the text alone: the line that a model passes first. Knows no torch."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from llm_core.data.prepare import TokenizedCorpus
from llm_core.data.tokenizers import Tokenizer

MOST_TOKENS = 5_000_000
"""So many tokens of the training text are counted: more would change the third digit."""

Nats = NDArray[np.float64]
Tokens = NDArray[Any]
"""(N,) unsigned token ids."""


def unigram_nats(corpus: TokenizedCorpus, *, signs: bool = True) -> Nats:
    """(V,) -ln p of each token, p = (n + 1) / (N + V) for one that stands n times among N (Laplace's rule of succession:
    a token that training text does not have is possible all the same).

    Counted over at most the first 5 million tokens of the training text, of pairs over the translations alone.
    `signs`: whether the end-of-text sign is among what is predicted; where not, as of hidden tokens, signs that stand
    for no text cost infinitely much, and neither N nor V counts them.
    """
    size = corpus.tokenizer.vocabulary_size
    counts = np.bincount(predicted(np.asarray(corpus.training[:MOST_TOKENS]), corpus.rows), minlength=size).astype(
        float
    )
    possible = np.ones(size, dtype=np.bool_) if signs else text_tokens(corpus.tokenizer)
    nats = np.full(size, np.inf)
    nats[possible] = -np.log((counts[possible] + 1) / (counts[possible].sum() + possible.sum()))
    return nats


def unigram_loss(corpus: TokenizedCorpus, *, signs: bool = True) -> tuple[float, float]:
    """Nats per held-out token, and bits per character of those tokens, of whoever knows frequencies only."""
    held_out = predicted(np.asarray(corpus.held_out), corpus.rows)
    if not signs:
        held_out = held_out[text_tokens(corpus.tokenizer)[held_out]]
    nats = float(unigram_nats(corpus, signs=signs)[held_out].sum())
    characters = int(corpus.tokenizer.characters[held_out].sum())
    return nats / max(1, len(held_out)), nats / np.log(2) / max(1, characters)


def predicted(tokens: Tokens, rows: str) -> Tokens:
    """The tokens of a stream that a model is asked for: of windows all but the first, of whole documents all (a sign
    before each counts for the one after it), of pairs those of the translations."""
    if rows == "pairs":
        translations: Tokens = tokens[(np.cumsum(tokens == Tokenizer.end_of_text) - 1) % 2 == 1]
        return translations
    return tokens[1:] if rows == "windows" else tokens


def text_tokens(tokenizer: Tokenizer) -> NDArray[np.bool_]:
    """(V,) whether a token stands for text; a sign does not."""
    return np.array([bool(data) for data in tokenizer.token_bytes])
