"""Tokenizers that were trained elsewhere: GPT-2's, BERT's, Llama's, Qwen's, with the interface of our own.

The ids are those that the `tokenizers` library gives; only what an allow-list lets through is handed to it
(`foreign_parts`). Control tokens are never made from text. A model may have more rows in its embedding than there are
tokens, since many are padded to a round number: the ids above are tokens that no text has.
"""

import json
from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import tokenizers
from numpy.typing import NDArray

from llm_core.config import Config, TokenizerKind, parse
from llm_core.data.encodings import visible_surrogates
from llm_core.data.foreign_parts import Bpe, ByteLevel, Metaspace, Parts, Prepend, WordPiece, parts_of
from llm_core.data.tokenizers import BYTE_SIGN, LARGEST_FILE, Tokenizer, visible
from llm_core.data.vocabulary import BYTE_OF, CONTINUATION
from llm_core.errors import UserError

PADDED_TO = 1024
"""An embedding may have rows up to the next multiple of this number of tokens."""


class Roles(Config):
    """What the control tokens of a tokenizer are for, as ids.

    rows: of the embedding that they belong to · around: whether other programs put `begin` and `end` around every text.
    """

    rows: int
    around: bool
    begin: list[int]
    end: list[int]
    end_of_text: int
    separators: list[int]
    mask: int | None


class ForeignTokenizer(Tokenizer):
    """Encodes and decodes as the library does that wrote the `tokenizer.json`.

    `lossless` is false where it changes text before it reads it, as BERT's does: then `decode` gives a text with the
    same tokens, and `token_bytes` show each token in such a text.
    """

    def __init__(self, parts: Parts, roles: Roles) -> None:
        """Raises UserError where the library does not take the parts, or the numbers do not fit the model's rows."""
        self._parts, self._roles = parts, roles
        self._names = parts.names
        needed = max(self._names) + 1
        if not needed <= roles.rows <= -(-needed // PADDED_TO) * PADDED_TO:
            raise UserError(
                "The tokenizer has {tokens:,} tokens, but the model has {rows:,} rows in its embedding: they do not belong together.",
                tokens=needed, rows=roles.rows,
            )  # fmt: skip
        self._inner = _made(parts)
        self._special = {one.id for one in parts.added_tokens if one.special}
        self._special |= {*roles.begin, *roles.end, *roles.separators, roles.end_of_text}
        self.kind: TokenizerKind = "bpe" if isinstance(parts.model, Bpe) else "wordpiece"
        self.vocabulary_size = roles.rows
        self.end_of_text = roles.end_of_text
        self.begin, self.end = tuple(roles.begin), tuple(roles.end)
        self.separators, self.mask = frozenset(roles.separators), roles.mask

    def encode_array(self, text: str) -> NDArray[np.uint32]:
        return np.array(self._encoding(text).ids, dtype=np.uint32)

    def spans(self, text: str) -> list[tuple[int, int]]:
        return [(start, end) for start, end in self._encoding(text).offsets]

    def word_ends(self, text: str) -> list[int]:
        encoding = self._encoding(text)
        ends: dict[int | None, int] = {}
        for word, (_, end) in zip(encoding.word_ids, encoding.offsets, strict=True):
            ends[word] = end
        return list(ends.values())

    def words(self, text: str) -> list[bytes]:
        text = visible_surrogates(text)
        ends = self.word_ends(text)
        return [text[start:end].encode() for start, end in zip([0, *ends], ends, strict=False)]

    def _encoding(self, text: str) -> tokenizers.Encoding:
        return self._inner.encode(visible_surrogates(text), add_special_tokens=False)

    def decode(self, ids: Iterable[int]) -> str:
        """The text of some ids, control tokens as nothing. WordPiece's words have single spaces between them."""
        if self.kind == "wordpiece":
            names = [self._names[token] for token in ids if token in self._names and token not in self._special]
            return str(self._inner.decoder.decode(names))
        text = super().decode(ids)
        return text.removeprefix(" ") if self._prepends else text

    @property
    def _prepends(self) -> bool:
        """Whether a space is put before a text that has none."""
        return any(
            isinstance(part, Prepend)
            or (isinstance(part, ByteLevel) and part.add_prefix_space)
            or (isinstance(part, Metaspace) and part.prepend_scheme != "never" and part.add_prefix_space is not False)
            for part in (*self._parts.normalizers, *self._parts.pre_tokenizers)
        )

    @cached_property
    def lossless(self) -> bool:
        whole = not any(one.lstrip or one.rstrip for one in self._parts.added_tokens if not one.special)
        every_byte = BYTE_OF.keys() <= self._parts.model.vocab.keys()
        return self._byte_level and every_byte and whole and not self._parts.normalizers and not self._prepends

    @property
    def _byte_level(self) -> bool:
        return any(isinstance(part, ByteLevel) for part in self._parts.pre_tokenizers)

    @cached_property
    def token_bytes(self) -> list[bytes]:
        """The bytes of every id; control tokens and rows that are no token have none."""
        spell, plain = self._spelling(), {one.id for one in self._parts.added_tokens} - self._special
        return [
            b"" if token in self._special or token not in self._names
            else self._names[token].encode() if token in plain
            else spell(self._names[token])
            for token in range(self._roles.rows)
        ]  # fmt: skip

    def _spelling(self) -> Callable[[str], bytes]:
        """How the vocabulary writes bytes as a name, reversed."""
        if isinstance(self._parts.model, WordPiece):
            return lambda name: name.removeprefix(CONTINUATION).encode() if name.startswith(CONTINUATION) else f" {name}".encode()  # fmt: skip
        if self._byte_level:
            return lambda name: bytes(BYTE_OF[sign] for sign in name) if BYTE_OF.keys() >= set(name) else name.encode()

        def of_llama(name: str) -> bytes:
            match = BYTE_SIGN.fullmatch(name)
            return bytes([int(match[1], 16)]) if match else name.replace("▁", " ").encode()

        return of_llama

    @cached_property
    def pieces(self) -> list[str]:
        """Every id as text to show: pieces of words as their vocabulary writes them, rows that are no token by number."""
        written = self.kind == "wordpiece"
        return [
            f"<unused {token}>" if token not in self._names
            else visible(self._names[token].encode()) if written or token in self._special
            else visible(data)
            for token, data in enumerate(self.token_bytes)
        ]  # fmt: skip

    def hugging_face(self) -> dict[str, Any]:
        """The contents of a `tokenizer.json` with the same tokens, for other programs."""
        content: dict[str, Any] = json.loads(self._inner.to_str())
        if self._roles.around:
            before, after = ([self._names[token] for token in side] for side in (self.begin, self.end))
            sides = [
                [*_signs(before), {"Sequence": {"id": "A", "type_id": 0}}, *_signs(after)],
                [{"Sequence": {"id": "B", "type_id": 1}}, *_signs(after, 1)],
            ]
            ids = {name: {"id": name, "ids": [token], "tokens": [name]} for token, name in self._names.items() if name in (*before, *after)}  # fmt: skip
            content["post_processor"] = {
                "type": "TemplateProcessing", "single": sides[0], "pair": sides[0] + sides[1], "special_tokens": ids,
            }  # fmt: skip
        return content

    def to_json(self) -> str:
        """What `load_tokenizer` reads: the parts, and what the control tokens are for."""
        return json.dumps({"roles": self._roles.model_dump(), "tokenizer": self._parts.model_dump()}, ensure_ascii=False)  # fmt: skip

    @classmethod
    def from_json(cls, text: str, name: str = "tokenizer.json") -> "ForeignTokenizer":
        try:
            content = json.loads(text)
            return cls(parts_of(content["tokenizer"]), parse(Roles, content["roles"]))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise UserError("{file} is not a tokenizer of this program: {reason}.", file=name, reason=str(error)[:200].rstrip(".")) from None  # fmt: skip


def _signs(names: list[str], side: int = 0) -> list[dict[str, Any]]:
    """Control tokens as the library's templates write them, of the first or the second of two texts."""
    return [{"SpecialToken": {"id": name, "type_id": side}} for name in names]


def load_tokenizer(path: Path) -> Tokenizer:
    """The tokenizer of a run: ours, or one that came with a model. Raises UserError when it is neither."""
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise UserError("{file} is larger than {limit} bytes.", file=path.name, limit=LARGEST_FILE)
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError("{file} cannot be read as a tokenizer: {reason}.", file=path.name, reason=str(error).rstrip(".")) from None  # fmt: skip
    return (ForeignTokenizer if text.startswith('{"roles":') else Tokenizer).from_json(text, path.name)


def _made(parts: Parts) -> tokenizers.Tokenizer:
    """The library's tokenizer. It finds no control token in a text, and adds none."""
    content = {"version": "1.0", "truncation": None, "padding": None, "post_processor": None, "decoder": None}
    try:
        made = tokenizers.Tokenizer.from_str(json.dumps(content | parts.model_dump(exclude_none=True)))
        if any(made.token_to_id(one.content) != one.id for one in parts.added_tokens):
            raise UserError("tokenizer.json numbers its added tokens with gaps.")
    except UserError:
        raise
    except Exception as error:  # the library raises plain Exception for whatever is wrong in the file
        raise UserError("tokenizer.json is no sound tokenizer: {reason}.", reason=str(error)[:200].rstrip(".")) from None  # fmt: skip
    made.encode_special_tokens = True
    if isinstance(parts.model, WordPiece):
        made.decoder = tokenizers.decoders.WordPiece(prefix=CONTINUATION)
    elif any(isinstance(part, ByteLevel) for part in parts.pre_tokenizers):
        made.decoder = tokenizers.decoders.ByteLevel()
    else:
        made.decoder = tokenizers.decoders.Sequence(
            [
                tokenizers.decoders.Replace("▁", " "),
                tokenizers.decoders.ByteFallback(),
                tokenizers.decoders.Fuse(),
                tokenizers.decoders.Strip(" ", 1, 0),
            ]
        )
    return made
