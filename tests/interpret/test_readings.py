"""Readings: control tokens around a text, where each token stands, what does not fit, and who cannot read so."""

import pytest

from llm_core.config import NgramConfig, RecurrentConfig
from llm_core.data.tokenizers import train_tokenizer
from llm_core.errors import UserError
from llm_core.interpret.reading import as_batch, read
from llm_core.models.build import build
from tests.interpret.opened import model_of

TOKENIZER = train_tokenizer("character", 300, ["the cat sat on the mat"])


class Bracketed:
    """A tokenizer that sets [CLS] before and [SEP] after a text, as BERT's does."""

    begin, end, pieces = (0,), (1,), ["[CLS]", "[SEP]", *"abcdef"]

    def encode(self, text: str) -> list[int]:
        return [self.pieces.index(character) for character in text if character != " "]

    def spans(self, text: str) -> list[tuple[int, int]]:
        return [(place, place + 1) for place, character in enumerate(text) if character != " "]


def test_a_decoder_reads_a_text_after_the_sign_that_begins_one() -> None:
    reading = read(model_of(), TOKENIZER, "the cat")
    assert reading.text.ids == (0, *TOKENIZER.encode("the cat"))
    assert reading.text.tokens == ("<|endoftext|>", *"the cat")
    assert reading.text.spans == ((0, 0), *((place, place + 1) for place in range(7)))
    assert reading.source is None
    assert reading.left_out == 0


def test_a_decoder_reads_no_text_too() -> None:
    assert read(model_of(), TOKENIZER, "").text.ids == (0,)


def test_an_encoder_reads_both_signs_around_a_text() -> None:
    side = read(model_of(architecture="encoder"), Bracketed(), "ab cd").text
    assert side.tokens == ("[CLS]", "a", "b", "c", "d", "[SEP]")
    assert side.spans == ((0, 0), (0, 1), (1, 2), (3, 4), (4, 5), (5, 5))


def test_a_mask_in_the_text_is_one_token_for_a_model_that_fills_masks() -> None:
    tokenizer = train_tokenizer("word", 300, ["the cat sat on the mat"] * 9, mask_token=True)
    side = read(model_of(architecture="encoder"), tokenizer, "the [MASK] sat").text
    assert side.tokens[1:] == ("the", "[MASK]", " sat")
    assert side.ids[2] == tokenizer.mask
    assert side.spans[1:] == ((0, 3), (4, 10), (10, 14))
    assert "[MASK]" not in read(model_of(), TOKENIZER, "[MASK]").text.tokens


def test_what_does_not_fit_is_counted_and_the_sign_at_the_end_stays() -> None:
    decoder = read(model_of(), TOKENIZER, "the cat sat on the mat")
    assert len(decoder.text.ids) == 12
    assert decoder.left_out == 22 - 11
    encoder = read(model_of(architecture="encoder"), Bracketed(), "abcdef" * 3)
    assert encoder.text.tokens == ("[CLS]", *"abcdefabcd", "[SEP]")
    assert encoder.text.spans[-1] == (10, 10)
    assert encoder.left_out == 8


def test_an_encoder_decoder_reads_its_source_to_the_end_sign() -> None:
    model = model_of(architecture="encoder_decoder")
    reading = read(model, TOKENIZER, "cat", "the mat")
    assert reading.source is not None
    assert reading.source.ids == (*TOKENIZER.encode("the mat"), 0)
    assert reading.text.ids == (0, *TOKENIZER.encode("cat"))
    batch = as_batch(reading)
    assert batch.tokens is not None
    assert batch.tokens.tolist() == [list(reading.text.ids)]
    assert batch.source is not None
    assert batch.source.shape == (1, 8)
    assert read(model, TOKENIZER, "cat", "the mat on the mat").left_out == 18 - 11
    for missing in (None, ""):
        with pytest.raises(UserError, match="source"):
            read(model, TOKENIZER, "cat", missing)


@pytest.mark.parametrize("config", [NgramConfig(vocabulary_size=19), RecurrentConfig(vocabulary_size=19, width=8)])
def test_a_family_without_attention_says_so(config: NgramConfig | RecurrentConfig) -> None:
    with pytest.raises(UserError, match=f"{config.family} has no attention"):
        read(build(config), TOKENIZER, "cat")


def test_a_transformer_without_layers_says_so() -> None:
    with pytest.raises(UserError, match="no layers"):
        read(model_of(layers=0), TOKENIZER, "cat")
