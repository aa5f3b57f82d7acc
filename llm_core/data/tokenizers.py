"""Text becomes numbers and comes back exactly: one wrapper around the `tokenizers` library for all four kinds.

Every token stands for known bytes, so decoding is joining bytes. Training lives in `vocabulary`.
"""

import json
import re
from collections.abc import Callable, Iterable
from functools import cached_property
from itertools import accumulate, chain
from pathlib import Path
from typing import Any, get_args

import numpy as np
import tokenizers
from numpy.typing import NDArray

from llm_core.config import TokenizerKind
from llm_core.data import vocabulary
from llm_core.data.encodings import visible_surrogates
from llm_core.data.pieces import cut
from llm_core.data.words import PATTERNS
from llm_core.errors import UserError

BYTE_SIGN = re.compile("<0x([0-9A-F]{2})>")
LARGEST_FILE = 50_000_000
_MOST_KNOWN = 200_000


class Tokenizer:
    """Encodes and decodes text. Lossless unless it was trained without bytes: `decode(encode(text)) == text`.

    Lone surrogates, which no file can hold, are replaced by U+FFFD first. Control tokens are never made from text:
    a typed "<|endoftext|>" or "[MASK]" is plain text.
    """

    end_of_text = 0
    """The id that stands before every document."""
    begin: tuple[int, ...] = (0,)
    """The control tokens that a model expects before a text."""
    end: tuple[int, ...] = ()
    """The control tokens that a model expects after a text."""
    separators: frozenset[int] = frozenset({0})
    """The ids that only say where a text begins or ends."""
    mask: int | None = None
    """The id that stands for a hidden token, where there is one."""

    def __init__(self, inner: tokenizers.Tokenizer) -> None:
        content = json.loads(inner.to_str())
        self._inner = inner
        self.kind: TokenizerKind = _kind_of(content)
        self.vocabulary_size: int = inner.get_vocab_size(with_added_tokens=False)
        self.mask = inner.token_to_id(vocabulary.MASK)
        self._find = _word_finder(self.kind, content)
        self._known: dict[str, list[int]] = {}

    def encode(self, text: str) -> list[int]:
        """The ids of a text, without end-of-text."""
        ids: list[int] = self.encode_array(text).tolist()
        return ids

    def encode_array(self, text: str) -> NDArray[np.uint32]:
        """The ids of a text as (T,), without end-of-text."""
        # Long texts go in pieces: Python's lists of words take many times the memory of the text.
        parts = [self._encode_piece(piece) for piece in cut((visible_surrogates(text),))]
        return parts[0] if len(parts) == 1 else np.concatenate([np.zeros(0, dtype=np.uint32), *parts])

    def encode_batch(self, texts: Iterable[str]) -> list[NDArray[np.uint32]]:
        """The ids of many texts, each (T,)."""
        return [self.encode_array(text) for text in texts]

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Where each token of `encode(text)` stands, in characters of the text: from, and up to but not including.

        Tokens that share a character, each with some of its bytes, share its place. Lone surrogates count as the
        U+FFFD that they become.
        """
        text = visible_surrogates(text)
        character_of = np.cumsum([byte & 0xC0 != 0x80 for byte in text.encode()]) - 1
        found: list[tuple[int, int]] = []
        begin = 0
        for piece in cut((text,)):
            for word in [piece] if self._find is None else self._find(piece):
                ids = self._encode_piece(word) if self._find is None else self._encode_word(word)
                length = len(word.encode())
                ends = list(accumulate(len(self.token_bytes[token]) for token in ids))
                if ends[-1] != length:  # the sign for an unknown word stands for all of it
                    ends = [length]
                starts = [0, *ends[:-1]]
                found += [
                    (int(character_of[begin + start]), int(character_of[begin + stop - 1]) + 1)
                    for start, stop in zip(starts, ends, strict=True)
                ]
                begin += length
        return found

    def word_ends(self, text: str) -> list[int]:
        """Where the words end, in characters, into which a text falls before tokens are looked for.

        No token runs over such an end, so that the tokens up to one depend on the words up to it alone.
        """
        if self._find is None:
            return [end for _, (_, end) in self._inner.pre_tokenizer.pre_tokenize_str(text)]
        return list(accumulate(map(len, self._find(text))))

    def _encode_piece(self, text: str) -> NDArray[np.uint32]:
        """Words found by `re` and looked up; only unseen ones go to the library. The same ids as the library alone."""
        if self._find is None:
            return np.array(self._inner.encode(text, add_special_tokens=False).ids, dtype=np.uint32)
        words = self._find(text)
        found = list(map(self._known.get, words))
        if None in found:
            if len(self._known) > _MOST_KNOWN:
                self._known = {}
            found = [self._encode_word(word) if ids is None else ids for word, ids in zip(words, found, strict=True)]
        return np.fromiter(chain.from_iterable(found), dtype=np.uint32)  # type: ignore[arg-type]

    def _encode_word(self, word: str) -> list[int]:
        known = self._known.get(word)
        if known is None:
            spelled = word if self.kind in ("character", "word") else vocabulary.spell(word)
            known = self._known[word] = [token.id for token in self._inner.model.tokenize(spelled)]
        return known

    def words(self, text: str) -> list[bytes]:
        """How a text falls into words before tokens are found inside each; joined, they are the text."""
        text = visible_surrogates(text)
        if self._find is None:
            return [text[start:stop].encode() for _, (start, stop) in self._inner.pre_tokenizer.pre_tokenize_str(text)]
        return [word.encode() for word in self._find(text)]

    def decode(self, ids: Iterable[int]) -> str:
        """The text of some ids. Bytes that do not make up a whole character show as U+FFFD; end-of-text as nothing."""
        table = self.token_bytes
        return b"".join(table[token] for token in ids).decode("utf-8", "replace")

    @cached_property
    def lossless(self) -> bool:
        """Whether every text comes back, and `token_bytes` joined are its bytes."""
        return self._inner.token_to_id(vocabulary.UNKNOWN) is None

    @cached_property
    def token_bytes(self) -> list[bytes]:
        """The exact bytes of every id; end-of-text has none, the unknown sign those of U+FFFD."""
        names = sorted(self._inner.get_vocab(with_added_tokens=False).items(), key=lambda item: item[1])
        to_bytes = _spelling(self.kind)
        return [_control_bytes(name) if name in vocabulary.CONTROL else to_bytes(name) for name, _ in names]

    @cached_property
    def controls(self) -> frozenset[int]:
        """The ids that are no piece of a text: the mask, the sign for what is unknown, signs around a text, and rows that
        are no token."""
        named = [self.mask, self._inner.token_to_id(vocabulary.UNKNOWN)]
        silent = [token for token, data in enumerate(self.token_bytes) if not data]
        return frozenset([*silent, *(token for token in named if token is not None)])

    @cached_property
    def pieces(self) -> list[str]:
        """Every id as text to show: incomplete characters as <0xE4>, control characters visibly."""
        shown = [vocabulary.END_OF_TEXT, *(visible(data) for data in self.token_bytes[1:])]
        if self.mask is not None:
            shown[self.mask] = vocabulary.MASK
        return shown

    @cached_property
    def characters(self) -> NDArray[np.uint32]:
        """(V,) how many characters begin in each token, so that sums over a text count its characters exactly."""
        # In UTF-8 every character has one byte that is not of the form 10xxxxxx: its first.
        return np.array([sum(byte & 0xC0 != 0x80 for byte in data) for data in self.token_bytes], dtype=np.uint32)

    def to_json(self) -> str:
        """The contents of `tokenizer.json`, as the `tokenizers` library writes it."""
        return str(self._inner.to_str(pretty=True))

    def save(self, path: Path) -> None:
        """Write `tokenizer.json`."""
        path.write_text(self.to_json(), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "Tokenizer":
        """Read what `save` wrote. Raises UserError when the file is missing or is no such tokenizer."""
        try:
            if path.stat().st_size > LARGEST_FILE:
                raise UserError("{file} is larger than {limit} bytes.", file=path.name, limit=LARGEST_FILE)
            return cls.from_json(path.read_text(encoding="utf-8"), path.name)
        except (OSError, UnicodeDecodeError) as error:
            raise UserError("{file} cannot be read as a tokenizer: {reason}.", file=path.name, reason=str(error).rstrip(".")) from None  # fmt: skip

    @classmethod
    def from_json(cls, text: str, name: str = "tokenizer.json") -> "Tokenizer":
        """The tokenizer in the text of a `tokenizer.json`. Raises UserError when it is no tokenizer of this project."""
        try:
            made = cls(tokenizers.Tokenizer.from_str(text))
            ids = sorted(made._inner.get_vocab(with_added_tokens=False).values())
            if ids != list(range(len(ids))) or made._inner.id_to_token(0) != vocabulary.END_OF_TEXT:
                raise ValueError("its ids do not count from the end-of-text sign")
            _ = made.token_bytes
        except UserError:
            raise
        except Exception as error:  # the library raises plain Exception for whatever is wrong in the file
            raise UserError("{file} is not a tokenizer of this program: {reason}.", file=name, reason=str(error)[:200].rstrip(".")) from None  # fmt: skip
        return made


def train_tokenizer(
    kind: TokenizerKind,
    vocabulary_size: int,
    documents: Iterable[str],
    byte_fallback: bool = True,
    mask_token: bool = False,
) -> Tokenizer:
    """Learn a vocabulary of at most `vocabulary_size` tokens from documents; a small text gives fewer.

    byte_fallback: for the character and word kinds, whether unseen characters are spelled as bytes. mask_token: whether
    one of the tokens, the last, is the sign for a hidden one.
    Raises UserError when `vocabulary_size` is too small to spell every text.
    """
    check_vocabulary(kind, vocabulary_size, byte_fallback, mask_token)
    texts = (visible_surrogates(text) for text in documents)
    return Tokenizer(vocabulary.train(kind, vocabulary_size, texts, byte_fallback, mask_token))


def check_vocabulary(
    kind: TokenizerKind, vocabulary_size: int, byte_fallback: bool = True, mask_token: bool = False
) -> None:
    """Raises UserError when so few tokens cannot spell every text."""
    least = vocabulary.smallest(kind, byte_fallback, mask_token)
    if vocabulary_size < least:
        raise UserError(
            "vocabulary_size = {size} is too small for the {kind} tokenizer, which needs {least} tokens to spell any text; choose at least {least}.",
            size=vocabulary_size, kind=kind, least=least,
        ).suggesting({"data.vocabulary_size": (least,)})  # fmt: skip


def visible(data: bytes) -> str:
    """Bytes as text to show: white space stays, what is no character or cannot be seen is written out."""
    text = data.decode("utf-8", "surrogateescape")
    return "".join(_visible_character(character) for character in text)


def _visible_character(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        return f"<0x{code - 0xDC00:02X}>"
    if character in " \n\t" or character.isprintable():
        return character
    return f"<U+{code:04X}>"


def _control_bytes(name: str) -> bytes:
    return "\ufffd".encode() if name == vocabulary.UNKNOWN else b""


def _spelling(kind: TokenizerKind) -> Callable[[str], bytes]:
    """How a kind writes bytes as a name in its vocabulary, reversed."""
    if kind in ("character", "word"):

        def plain(name: str) -> bytes:
            match = BYTE_SIGN.fullmatch(name)
            return bytes([int(match[1], 16)]) if match else name.encode()

        return plain

    def byte_level(name: str) -> bytes:
        if kind == "wordpiece" and len(name) > 2:
            name = name.removeprefix(vocabulary.CONTINUATION)
        return bytes(vocabulary.BYTE_OF[character] for character in name)

    return byte_level


def _kind_of(content: dict[str, Any]) -> TokenizerKind:
    """The kind, told by the model and the pre-tokenizer in a `tokenizer.json`."""
    model = content["model"]
    if model["type"] == "WordPiece":
        return "wordpiece"
    if model["type"] == "WordLevel" or model.get("ignore_merges"):
        return "word"
    if model["type"] != "BPE":
        raise UserError("A {type} tokenizer is not one of {kinds}.", type=model["type"], kinds=", ".join(get_args(TokenizerKind)))  # fmt: skip
    return "bpe" if content["pre_tokenizer"] else "character"


def _word_finder(kind: TokenizerKind, content: dict[str, Any]) -> Callable[[str], Iterable[str]] | None:
    """How a text falls into words by this program's own pattern; None for GPT-2's pattern, which the library has.

    No other pattern is taken from a file, and no normalizer: some patterns take for ever, and some normalizers lose text.
    """
    if content.get("normalizer") is not None:
        raise ValueError("it changes text before it reads it")
    if kind == "character":
        return str
    before: dict[str, Any] = content["pre_tokenizer"] or {"type": None}
    if before["type"] == "ByteLevel" and before["use_regex"]:
        return None
    steps = before["pretokenizers"] if before["type"] == "Sequence" else [before]
    kinds = ["Split"] if kind == "word" else ["Split", "ByteLevel"]
    split = steps[0]
    if (
        [step["type"] for step in steps] != kinds
        or split["pattern"] != {"Regex": PATTERNS[kind]}
        or split["behavior"] != "Isolated"
        or split["invert"]
        or any(step.get("use_regex") or step.get("add_prefix_space") for step in steps)
    ):
        raise ValueError("it finds words by a pattern of its own")
    return re.compile(PATTERNS[kind]).findall
