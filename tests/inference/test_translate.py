"""Translating: every token as the full forward says, each way of decoding, and what is refused."""

from typing import Any

import pytest
import torch

from llm_core.config import DecodingConfig, TransformerConfig
from llm_core.data.tokenizers import Tokenizer, train_tokenizer
from llm_core.errors import UserError
from llm_core.inference.generate import generate
from llm_core.inference.reader import Token
from llm_core.inference.translate import translate, translates, translations
from llm_core.models.base import Batch, Model
from llm_core.models.build import build
from llm_core.models.presets import preset
from llm_core.taps import observe

CONTEXT = 16
TEXTS = ["cab", "a", "bcabcabc", ""]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train_tokenizer("character", 20, ["abcabc 莉汤放球"] * 3, byte_fallback=False)


@pytest.fixture(params=["rotary", "transformer 2017"])
def model(request: pytest.FixtureRequest, tokenizer: Tokenizer) -> Model:
    size = {"vocabulary_size": tokenizer.vocabulary_size, "context": CONTEXT, "width": 16, "layers": 2, "heads": 2}
    config = TransformerConfig(architecture="encoder_decoder", **size)
    return stirred(config if request.param == "rotary" else preset("transformer", **size))


def stirred(config: TransformerConfig) -> Model:
    model = build(config, seed=1)
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.4)
    return model.eval()


def written(model: Model, tokenizer: Tokenizer, texts: list[str], **settings: Any) -> list[list[Token]]:
    rows: list[list[Token]] = [[] for _ in texts]
    for together in translate(model, tokenizer, texts, DecodingConfig(**settings)):
        for token in together:
            rows[token.row].append(token)
    return rows


def log_p(model: Model, tokenizer: Tokenizer, text: str, known: list[int]) -> torch.Tensor:
    """The full forward, without cache or padding, after the sign and the known tokens."""
    source = Batch(torch.tensor([[*tokenizer.encode(text), 0]]))
    with torch.no_grad():
        logits: torch.Tensor = model(Batch(torch.tensor([[0, *known]]), source=source))
    return logits[0, -1].log_softmax(-1)


def test_greedy_is_the_likeliest_token_of_the_full_forward(model: Model, tokenizer: Tokenizer) -> None:
    for text, tokens in zip(TEXTS, written(model, tokenizer, TEXTS, tokens=64, method="greedy"), strict=True):
        known: list[int] = []
        for token in tokens:
            expected = log_p(model, tokenizer, text, known)
            assert token.id == int(expected.argmax())
            assert token.logprobability == pytest.approx(float(expected.max()), abs=1e-4)
            assert token.position == len(known) + 1
            known.append(token.id)
        assert known[-1] == 0 or len(known) == CONTEXT
        assert 0 not in known[:-1]


@pytest.mark.parametrize("method", ["greedy", "sample", "beam"])
def test_a_row_does_not_depend_on_the_others(model: Model, tokenizer: Tokenizer, method: str) -> None:
    together = written(model, tokenizer, TEXTS, tokens=10, method=method, seed=7, beams=3)
    for row, text in enumerate(TEXTS):
        (alone,) = written(model, tokenizer, [text], tokens=10, method=method, seed=7 + row, beams=3)
        assert [token.id for token in together[row]] == [token.id for token in alone]


def test_another_sentence_is_translated_otherwise(model: Model, tokenizer: Tokenizer) -> None:
    one, other = (log_p(model, tokenizer, text, []) for text in ("cab", "bca"))
    assert float((one - other).abs().max()) > 1e-3


def test_a_wide_beam_is_at_least_as_likely_as_greedy(model: Model, tokenizer: Tokenizer) -> None:
    for text in TEXTS:
        means = {}
        for method in ("greedy", "beam"):
            (tokens,) = written(model, tokenizer, [text], tokens=4, method=method, beams=64)
            total = 0.0
            for place, token in enumerate(tokens):
                total += float(log_p(model, tokenizer, text, [other.id for other in tokens[:place]])[token.id])
            means[method] = total / len(tokens)
        assert means["beam"] >= means["greedy"] - 1e-5


def test_edits_reach_both_what_reads_and_what_writes(model: Model, tokenizer: Tokenizer) -> None:
    decoding = DecodingConfig(tokens=3, method="greedy")
    for tap in ("encoder.hidden", "decoder.hidden"):
        edits = {tap: torch.zeros_like}
        (edited,) = ([tokens[0] for tokens in translate(model, tokenizer, ["cab"], decoding, edits=edits)],)
        with observe(model, only=(), edits=edits):
            expected = log_p(model, tokenizer, "cab", [])
        assert edited[0].logprobability == pytest.approx(float(expected.max()), abs=1e-4)


def test_texts_are_translated_in_their_order_without_the_sign(model: Model, tokenizer: Tokenizer) -> None:
    texts = TEXTS * 20  # more than go together
    found = translations(model, tokenizer, texts)
    each = [tokenizer.decode([token.id for token in row]) for row in written(model, tokenizer, TEXTS, tokens=64, method="greedy")]  # fmt: skip
    assert found == each * 20
    assert translations(model, tokenizer, []) == []


def test_what_cannot_be_translated_is_said(model: Model, tokenizer: Tokenizer) -> None:
    assert len(written(model, tokenizer, ["a" * (CONTEXT - 1)], tokens=1)) == 1
    with pytest.raises(UserError, match=rf"{CONTEXT + 1} tokens.*at most {CONTEXT}"):
        written(model, tokenizer, ["a" * CONTEXT])
    decoder = stirred(TransformerConfig(vocabulary_size=tokenizer.vocabulary_size, context=CONTEXT, width=16, heads=2))
    assert not translates(decoder)
    with pytest.raises(UserError, match="does not translate"):
        written(decoder, tokenizer, ["a"])
    with pytest.raises(ValueError, match="source"):
        next(generate(model, [[0]], DecodingConfig()))
