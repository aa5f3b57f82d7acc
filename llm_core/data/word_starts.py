"""Where words begin in a row of tokens, so that all tokens of a word can be treated as one."""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from llm_core.data.tokenizers import Tokenizer

_FIRST_OF_IDEOGRAPH = (*range(0xE3, 0xEA), 0xF0)
"""The bytes with which Han characters and kana begin in UTF-8."""


class WordStarts:
    """The words of one tokenizer, found again in its tokens.

    Chinese and Japanese put no spaces between words, and the tokenizer's patterns leave their sentences whole: there
    each token that begins with a whole character is a word, for merges find the frequent words. Control tokens are words
    of their own.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._bytes = np.array(tokenizer.token_bytes, dtype=object)

    def __call__(self, ids: NDArray[np.int64]) -> NDArray[np.bool_]:
        """(T,) true where a token begins a word. A row that is cut out of a text may begin in the middle of one."""
        starts = self._own[ids]
        after = np.flatnonzero(self._control[ids]) + 1
        starts[after[after < len(ids)]] = True
        ends = np.cumsum(self._lengths[ids])
        data: bytes = b"".join(self._bytes[ids])
        # The bytes of a character that was cut stand only at both ends of a row.
        text = data.lstrip(bytes(range(0x80, 0xC0)))
        begun = np.cumsum([len(data) - len(text), *map(len, self._tokenizer.words(text.decode("utf-8", "ignore")))])
        starts |= np.isin(ends - self._lengths[ids], begun)
        starts[:1] = True
        return starts

    @cached_property
    def _lengths(self) -> NDArray[np.int64]:
        return np.array([len(data) for data in self._tokenizer.token_bytes], dtype=np.int64)

    @cached_property
    def _control(self) -> NDArray[np.bool_]:
        return np.asarray(self._lengths == 0)

    @cached_property
    def _own(self) -> NDArray[np.bool_]:
        """(V,) tokens that begin a word wherever they stand."""
        return np.array([not data or data[0] in _FIRST_OF_IDEOGRAPH for data in self._tokenizer.token_bytes])
