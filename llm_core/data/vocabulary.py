"""How the four vocabularies are learnt, and what each must hold so that any text can be spelled.

Knows no file and no split: it is given texts. All results are plain `tokenizers.Tokenizer` objects without added
tokens, since the library would find those inside a person's text.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

from llm_core.config import TokenizerKind
from llm_core.data.words import PATTERNS

END_OF_TEXT = "<|endoftext|>"
UNKNOWN = "<|unknown|>"
MASK = "[MASK]"
CONTROL = (END_OF_TEXT, UNKNOWN, MASK)
CONTINUATION = "##"
_SIGNS = (END_OF_TEXT, UNKNOWN)  # what a vocabulary without bytes begins with

# What can stand in valid UTF-8: ASCII, first bytes of longer characters, and the bytes after those.
_ASCII, _FIRST, _LATER = range(0x80), range(0xC2, 0xF5), range(0x80, 0xC0)
_UTF8 = (*_ASCII, *_LATER, *_FIRST)


def _byte_alphabet() -> dict[int, str]:
    """The character that stands for each byte in byte-level vocabularies, as GPT-2 has it: printable ones stay."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {byte: chr(byte) for byte in printable} | {byte: chr(256 + place) for place, byte in enumerate(others)}


_CHARACTER_OF = _byte_alphabet()
BYTE_OF = {character: byte for byte, character in _CHARACTER_OF.items()}


def spell(text: str) -> str:
    """A text as byte-level vocabularies write it: a character for each of its bytes."""
    return text.encode().decode("latin-1").translate(_CHARACTER_OF)


def smallest(kind: TokenizerKind, byte_fallback: bool, mask_token: bool = False) -> int:
    """The fewest tokens a vocabulary of this kind can have."""
    if kind == "wordpiece":
        return 1 + len(_wordpiece_base()) + mask_token
    if kind == "bpe":
        return 1 + len(_CHARACTER_OF) + mask_token
    return (1 + len(_UTF8) if byte_fallback else 3) + mask_token


def train(
    kind: TokenizerKind, size: int, texts: Iterable[str], byte_fallback: bool, mask_token: bool = False
) -> Tokenizer:
    """A tokenizer of at most `size` tokens (at least `smallest`), id 0 the end-of-text sign, the last one the mask."""
    if mask_token:
        return _with_mask(train(kind, size - 1, texts, byte_fallback))
    if kind == "bpe":
        return _train_bpe(size, texts)
    if kind == "wordpiece":
        return _train_wordpiece(size, texts)
    if kind == "word":
        return _train_words(size, texts, byte_fallback)
    return _train_characters(size, texts, byte_fallback)


def _train_characters(size: int, texts: Iterable[str], byte_fallback: bool) -> Tokenizer:
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(text)
    if byte_fallback:
        base = [character for character in map(chr, _ASCII) if character in counts]
        return Tokenizer(models.BPE(_with_bytes(base, _frequent(counts, 2), size), [], byte_fallback=True))
    names = [*_SIGNS, *_frequent(counts, 1)][:size]
    return Tokenizer(models.BPE(_numbered(_ordered(names)), [], unk_token=UNKNOWN))


def _train_words(size: int, texts: Iterable[str], byte_fallback: bool) -> Tokenizer:
    pattern = re.compile(PATTERNS["word"])
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(pattern.findall(text))
    if byte_fallback:
        seen = {character for word in counts for character in word if character < "\x80"}
        vocabulary = _with_bytes(sorted(seen), _frequent(counts, 2), size)
        # Without merges a word is found whole or is spelled by its characters, and these by their bytes.
        made = Tokenizer(models.BPE(vocabulary, [], byte_fallback=True, ignore_merges=True))
    else:
        made = Tokenizer(models.WordLevel(_numbered([*_SIGNS, *_frequent(counts, 2)][:size]), unk_token=UNKNOWN))
    made.pre_tokenizer = pre_tokenizers.Split(Regex(PATTERNS["word"]), "isolated")
    return made


def _train_bpe(size: int, texts: Iterable[str]) -> Tokenizer:
    splitter = _byte_level(PATTERNS["bpe"])
    alphabet = list(_CHARACTER_OF.values())
    trainer = trainers.BpeTrainer(
        vocab_size=size - 1, initial_alphabet=alphabet, show_progress=False, max_token_length=32
    )  # fmt: skip
    model = _trained(models.BPE(), splitter, trainer, texts)
    merges = [(str(pair[0]), str(pair[1])) for pair in model["merges"]]
    made = Tokenizer(models.BPE(_numbered([END_OF_TEXT, *model["vocab"]]), merges))
    made.pre_tokenizer = splitter
    return made


def _train_wordpiece(size: int, texts: Iterable[str]) -> Tokenizer:
    splitter = _byte_level(PATTERNS["wordpiece"])
    base = _wordpiece_base()
    # Given as special tokens the base pieces get fixed ids; else equal counts would be ordered by chance.
    trainer = trainers.WordPieceTrainer(
        vocab_size=size, special_tokens=base, continuing_subword_prefix=CONTINUATION, show_progress=False
    )
    model = _trained(models.WordPiece(), splitter, trainer, texts)
    names = [END_OF_TEXT, *model["vocab"]][:size]
    made = Tokenizer(models.WordPiece(_numbered(names), unk_token=END_OF_TEXT, max_input_chars_per_word=1000))
    made.pre_tokenizer = splitter
    return made


def _with_mask(made: Tokenizer) -> Tokenizer:
    """The same with a sign for a hidden token. No text spells it: every pattern cuts between its brackets and letters."""
    content = json.loads(made.to_str())
    names = content["model"]["vocab"]
    names[MASK] = len(names)
    return Tokenizer.from_str(json.dumps(content))


def _byte_level(pattern: str) -> pre_tokenizers.PreTokenizer:
    """Cut by a pattern, then write the bytes of each piece as characters."""
    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )


def _wordpiece_base() -> list[str]:
    """The pieces that spell any word: every byte that can begin one, and every byte that can go on in one."""
    begin = [*_ASCII, *_FIRST]
    letters = [byte for byte in _ASCII if chr(byte).isalnum()]
    go_on = [ord(" "), *letters, *_LATER, *_FIRST]
    return [_CHARACTER_OF[byte] for byte in begin] + [CONTINUATION + _CHARACTER_OF[byte] for byte in go_on]


def _trained(
    model: models.Model, splitter: pre_tokenizers.PreTokenizer, trainer: trainers.Trainer, texts: Iterable[str]
) -> dict[str, Any]:
    """The model part of the `tokenizer.json` after training, its vocabulary in order of ids."""
    learner = Tokenizer(model)
    learner.pre_tokenizer = splitter
    learner.train_from_iterator(_nonempty(texts), trainer)
    content: dict[str, Any] = json.loads(learner.to_str())["model"]
    content["vocab"] = dict(sorted(content["vocab"].items(), key=lambda item: item[1]))
    return content


def _nonempty(texts: Iterable[str]) -> Iterator[str]:
    return (text for text in texts if text)


def _frequent(counts: Counter[str], least: int) -> list[str]:
    """What was seen at least so often, the most frequent first, equals in alphabetical order to be repeatable.

    What was seen once is better spelled out: from it the model learns how unseen words are.
    """
    return sorted((name for name, count in counts.items() if count >= least), key=lambda name: (-counts[name], name))


def _with_bytes(ascii_seen: list[str], frequent: list[str], size: int) -> dict[str, int]:
    """End-of-text, all bytes (an ASCII character that was seen stands for its own), then the most frequent units."""
    seen = set(ascii_seen)
    base = [chr(byte) if chr(byte) in seen else f"<0x{byte:02X}>" for byte in _UTF8]
    known = set(base)
    return _numbered([END_OF_TEXT, *base, *(name for name in frequent if name not in known)][:size])


def _ordered(names: list[str]) -> list[str]:
    """Control signs first, then characters in the order of their code points."""
    return [*names[: len(_SIGNS)], *sorted(names[len(_SIGNS) :])]


def _numbered(names: Iterable[str]) -> dict[str, int]:
    return {name: number for number, name in enumerate(names)}
