"""How well a tokenizer fits a text: tokens, characters per token, tokens per word, and what it has to spell out."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np

from llm_core.data.statistics import CountingConfig, count_words
from llm_core.data.tokenizers import Tokenizer


@dataclass(frozen=True)
class Compression:
    """Figures of one tokenizer on one text. spelled: tokens that are bytes of a character it does not have whole, or
    the sign for unknown."""

    tokens: int
    characters: int
    words: int
    spelled: int

    @property
    def characters_per_token(self) -> float:
        """The higher, the shorter the text is in tokens."""
        return self.characters / max(1, self.tokens)

    @property
    def fertility(self) -> float:
        """Tokens per word, punctuation marks counted as words."""
        return self.tokens / max(1, self.words)

    @property
    def spelled_share(self) -> float:
        """The share of tokens that are bytes or unknown."""
        return self.spelled / max(1, self.tokens)


def measure(tokenizer: Tokenizer, documents: Iterable[str], lexicon: Collection[str] = ()) -> Compression:
    """Encode documents and count. lexicon: Chinese words, so that fertility is by words and not by characters."""
    partial = np.array([_is_partial(data) for data in tokenizer.token_bytes])
    texts = list(documents)
    tokens = spelled = 0
    for text in texts:
        ids = tokenizer.encode_array(text)
        tokens += len(ids)
        spelled += int(partial[ids].sum())
    counted = count_words(((True, text) for text in texts), CountingConfig(signs=True), lexicon)
    return Compression(tokens, counted.characters, counted.words, spelled)


def _is_partial(data: bytes) -> bool:
    """Whether bytes are less than a character, or stand for an unknown one."""
    try:
        return data.decode() == "\ufffd"
    except UnicodeDecodeError:
        return True
