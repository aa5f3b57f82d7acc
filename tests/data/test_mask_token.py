"""A tokenizer with a mask is the same tokenizer with one more token, which no text spells."""

from pathlib import Path

import pytest

from llm_core.config import DataConfig, TokenizerKind
from llm_core.data.prepare import corpus_digest, prepare
from llm_core.data.tokenizers import Tokenizer, train_tokenizer
from llm_core.data.vocabulary import smallest
from llm_core.errors import UserError

TEXT = ["The cat [MASK] sat. [MASK][MASK] 小狗在花园里。 "] * 40
KINDS: tuple[TokenizerKind, ...] = ("character", "word", "bpe", "wordpiece")


@pytest.mark.parametrize("byte_fallback", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_no_text_makes_a_mask_and_all_else_is_as_without(kind: TokenizerKind, byte_fallback: bool) -> None:
    masked = train_tokenizer(kind, 420, TEXT, byte_fallback, mask_token=True)
    plain = train_tokenizer(kind, 419, TEXT, byte_fallback)
    text = "a [MASK] b[MASK] [ MASK ] 狗"
    assert plain.mask is None
    assert masked.mask == plain.vocabulary_size == masked.vocabulary_size - 1
    assert masked.encode(text) == plain.encode(text)
    assert masked.decode(masked.encode(text)) == text or not masked.lossless
    assert masked.pieces[masked.mask] == "[MASK]"
    assert masked.token_bytes[masked.mask] == b""
    assert masked.decode([masked.mask]) == ""
    assert Tokenizer.from_json(masked.to_json()).mask == masked.mask


@pytest.mark.parametrize("kind", KINDS)
def test_the_smallest_vocabulary_has_room_for_the_mask(kind: TokenizerKind) -> None:
    least = smallest(kind, True, True)
    assert least == smallest(kind, True) + 1
    made = train_tokenizer(kind, least, TEXT, mask_token=True)
    assert made.mask == made.vocabulary_size - 1
    assert made.decode(made.encode("dog 狗")) == "dog 狗"
    with pytest.raises(UserError, match=f"needs {least} tokens"):
        train_tokenizer(kind, least - 1, TEXT, mask_token=True)


def test_a_text_without_a_mask_keeps_its_name(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Some words.", encoding="utf-8")
    usual = DataConfig(corpus=str(tmp_path / "a.txt"))
    assert corpus_digest(usual) == "f89f649f045c7548ac3e7cb87657ab97"
    assert corpus_digest(usual.model_copy(update={"mask_token": True})) != corpus_digest(usual)


def test_a_prepared_text_has_the_mask_that_its_settings_ask_for(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("A cat sat on the mat. " * 30, encoding="utf-8")
    read = DataConfig(corpus=str(tmp_path / "a.txt"), tokenizer="word", vocabulary_size=300, mask_token=True)
    written = DataConfig(corpus="reviews-en", tokenizer="word", vocabulary_size=600, documents=50, mask_token=True)
    for data in (read, written):
        corpus = prepare(data, tmp_path / "corpora")
        assert corpus.tokenizer.mask == corpus.tokenizer.vocabulary_size - 1
        assert corpus.tokenizer.mask not in corpus.training
