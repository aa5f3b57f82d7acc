"""What a `tokenizer.json` from elsewhere may hold: an allow-list of parts, each with the keys that it may have.

Whatever else a file names is refused: some parts take for ever on some texts (any regular expression, unless it is one
of those written here), some draw by chance (dropout), some would be ignored and so give other tokens than the model
was trained with. Decoders are not read, they change no token; padding and truncation belong to batches.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from llm_core.config import Config, parse
from llm_core.errors import UserError

MOST_TOKENS = 200_000

PATTERNS = (
    # GPT-2, Llama 3, Qwen 2 and 3: runs of one kind of character, none of them inside another.
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
)
Token = Annotated[str, Field(min_length=1, max_length=1000)]
Id = Annotated[int, Field(ge=0, lt=MOST_TOKENS)]
Pair = Annotated[list[Token], Field(min_length=2, max_length=2)]
Vocabulary = Annotated[dict[str, Id], Field(min_length=1, max_length=MOST_TOKENS)]


class Bpe(Config):
    """Byte-pair encoding (Sennrich et al. 2016): merges in the order in which they were learnt."""

    type: Literal["BPE"]
    vocab: Vocabulary
    merges: Annotated[list[Pair], Field(max_length=2 * MOST_TOKENS)]
    unk_token: str | None = None
    dropout: None = None
    continuing_subword_prefix: Literal[""] | None = None
    end_of_word_suffix: Literal[""] | None = None
    fuse_unk: bool = False
    byte_fallback: bool = False
    ignore_merges: bool = False


class WordPiece(Config):
    """The longest piece that fits, from the left (Schuster and Nakajima 2012), as BERT has it."""

    type: Literal["WordPiece"]
    vocab: Vocabulary
    unk_token: Token = "[UNK]"
    continuing_subword_prefix: Literal["##"] = "##"
    max_input_chars_per_word: Annotated[int, Field(ge=1, le=200)] = 100


class UnicodeForm(Config):
    """A change of every character by itself or with the accents after it."""

    type: Literal["NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents"]


class BertNormalizer(Config):
    """Control characters away, Chinese characters apart, accents off, capitals small."""

    type: Literal["BertNormalizer"]
    clean_text: bool = True
    handle_chinese_chars: bool = True
    strip_accents: bool | None = None
    lowercase: bool = True


class Prepend(Config):
    """A space's sign before the text, as in Llama."""

    type: Literal["Prepend"]
    prepend: Literal["▁"]


class Space(Config):
    """What is replaced by Llama's sign for a space."""

    String: Literal[" "]


class ReplaceSpace(Config):
    """Every space by its sign."""

    type: Literal["Replace"]
    pattern: Space
    content: Literal["▁"]


PlainNormalizer = Annotated[UnicodeForm | BertNormalizer | Prepend | ReplaceSpace, Field(discriminator="type")]


class Normalizers(Config):
    """Several, one after another."""

    type: Literal["Sequence"]
    normalizers: Annotated[list[PlainNormalizer], Field(max_length=8)]


class ByteLevel(Config):
    """A character for each byte, as in GPT-2; with `use_regex` words are found by GPT-2's pattern."""

    type: Literal["ByteLevel"]
    add_prefix_space: bool = True
    trim_offsets: bool = True
    use_regex: bool = True


class Known(Config):
    """A regular expression; only those in PATTERNS are let through."""

    Regex: str


class Split(Config):
    """Words by a pattern."""

    type: Literal["Split"]
    pattern: Known
    behavior: Literal["Isolated"]
    invert: Literal[False] = False


class BertPreTokenizer(Config):
    """Words at white space and punctuation."""

    type: Literal["BertPreTokenizer"]


class Metaspace(Config):
    """Llama's sign for a space, in front of the first word too unless the scheme is "never"."""

    type: Literal["Metaspace"]
    replacement: Literal["▁"] = "▁"
    prepend_scheme: Literal["always", "first", "never"] = "always"
    add_prefix_space: bool | None = None
    split: bool = True


class Digits(Config):
    """Digits apart from letters, or each apart."""

    type: Literal["Digits"]
    individual_digits: bool = False


PlainPreTokenizer = Annotated[
    ByteLevel | Split | BertPreTokenizer | Metaspace | Digits, Field(discriminator="type")
]  # fmt: skip


class PreTokenizers(Config):
    """Several, one after another."""

    type: Literal["Sequence"]
    pretokenizers: Annotated[list[PlainPreTokenizer], Field(max_length=8)]


class AddedToken(Config):
    """A token beside the vocabulary; a special one is never found in a text here."""

    id: Id
    content: Token
    single_word: bool = False
    lstrip: bool = False
    rstrip: bool = False
    normalized: bool = True
    special: bool = False


class Parts(Config):
    """The parts of a `tokenizer.json` that say which tokens a text has."""

    model: Annotated[Bpe | WordPiece, Field(discriminator="type")]
    added_tokens: Annotated[list[AddedToken], Field(max_length=MOST_TOKENS)] = Field(default_factory=list)
    normalizer: Annotated[PlainNormalizer | Normalizers, Field(discriminator="type")] | None = None
    pre_tokenizer: Annotated[PlainPreTokenizer | PreTokenizers, Field(discriminator="type")] | None = None

    @property
    def names(self) -> dict[int, str]:
        """Each id that there is, and what its token is called."""
        return {token.id: token.content for token in self.added_tokens} | {
            number: name for name, number in self.model.vocab.items()
        }

    @property
    def normalizers(self) -> list[UnicodeForm | BertNormalizer | Prepend | ReplaceSpace]:
        """What is done to a text, in order."""
        if isinstance(self.normalizer, Normalizers):
            return self.normalizer.normalizers
        return [] if self.normalizer is None else [self.normalizer]

    @property
    def pre_tokenizers(self) -> list[ByteLevel | Split | BertPreTokenizer | Metaspace | Digits]:
        """How words are found, in order."""
        if isinstance(self.pre_tokenizer, PreTokenizers):
            return self.pre_tokenizer.pretokenizers
        return [] if self.pre_tokenizer is None else [self.pre_tokenizer]


_READ = ("model", "added_tokens", "normalizer", "pre_tokenizer")
_NOT_READ = {"version", "truncation", "padding", "decoder", "post_processor"}


def parts_of(content: Mapping[str, Any]) -> Parts:
    """The parts of a `tokenizer.json`. Raises UserError with the first that is not allowed."""
    if unknown := sorted(content.keys() - {*_READ, *_NOT_READ}):
        raise UserError("tokenizer.json has a part {name!r} that this program does not know.", name=unknown[0][:80])
    given = {name: content[name] for name in _READ if content.get(name) is not None}
    if isinstance(model := given.get("model"), dict):
        given["model"] = _as_written_today(model)
    try:
        parts = parse(Parts, given)
    except UserError as error:
        raise UserError("tokenizer.json holds something that this program does not read: {reason}", reason=str(error)[:400]) from None  # fmt: skip
    _check(parts)
    return parts


def _as_written_today(model: Mapping[str, Any]) -> dict[str, Any]:
    """The model's part as today's library writes it; the first files did not name its type and joined merges."""
    made: dict[str, Any] = {"type": "BPE" if "merges" in model else "WordPiece", **model}
    merges = made.get("merges")
    if isinstance(merges, list):
        made["merges"] = [pair.split(" ") if isinstance(pair, str) else pair for pair in merges]
    if made["type"] == "BPE" and isinstance(made.get("unk_token"), str) and isinstance(made.get("vocab"), dict):
        # A sign for unknown characters that is no token: the library would fail at the first of them.
        made["unk_token"] = made["unk_token"] if made["unk_token"] in made["vocab"] else None
    return made


def _check(parts: Parts) -> None:
    """What belongs together. Raises UserError."""
    ids = parts.model.vocab.values()
    if len(set(ids)) != len(ids):
        raise UserError("tokenizer.json gives one number to two tokens.")
    names, number = parts.names, parts.model.vocab
    if any(names[one.id] != one.content or number.get(one.content, one.id) != one.id for one in parts.added_tokens):
        raise UserError("tokenizer.json gives one number to two tokens.")
    for part in parts.pre_tokenizers:
        if isinstance(part, Split) and part.pattern.Regex not in PATTERNS:
            raise UserError(
                "tokenizer.json finds words by a pattern of its own, {pattern!r}; only those of GPT-2, Llama and Qwen are read.",
                pattern=part.pattern.Regex[:80],
            )  # fmt: skip
    if isinstance(parts.model, WordPiece) and parts.model.unk_token not in number:
        raise UserError("tokenizer.json has no token {name!r}, its sign for unknown words.", name=parts.model.unk_token[:80])  # fmt: skip
    before = {type(part) for part in parts.pre_tokenizers}
    spaces = {type(part) for part in parts.normalizers} & {Prepend, ReplaceSpace}
    if isinstance(parts.model, WordPiece):
        fits = before == {BertPreTokenizer} and not spaces
    elif ByteLevel in before:
        fits = not before & {BertPreTokenizer, Metaspace} and not spaces
    else:
        fits = before <= {Metaspace} and (Metaspace in before or ReplaceSpace in spaces)
    if not fits:
        raise UserError("tokenizer.json puts parts together that this program knows only apart; it reads those of GPT-2, BERT, Llama and Qwen.")  # fmt: skip
