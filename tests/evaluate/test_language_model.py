"""Scores against brute force: every token once, characters counted whatever the tokens are."""

import math

import numpy as np
import pytest
import torch

from llm_core.config import DataConfig, NgramConfig, TransformerConfig
from llm_core.data.prepare import TokenizedCorpus, prepare
from llm_core.evaluate.language_model import score, score_tokens
from llm_core.models.base import Batch, Model
from llm_core.models.build import build


def model_of(vocabulary_size: int, context: int = 8, dropout: float = 0.0) -> Model:
    config = TransformerConfig(
        vocabulary_size=vocabulary_size, context=context, width=16, layers=1, heads=2, dropout=dropout
    )
    return build(config, 3)


TOKENS = np.random.default_rng(0).integers(0, 50, 101).astype(np.uint16)
ONE_EACH = np.ones(50, dtype=np.int64)


def test_a_score_is_the_mean_over_windows_at_all_positions() -> None:
    model = model_of(50)
    nats, count = 0.0, 0
    with torch.no_grad():
        for start in range(0, 100, 8):
            window = torch.from_numpy(TOKENS[start : start + 9].astype(np.int64))
            log_probabilities = model(Batch(tokens=window[None, :-1])).log_softmax(-1)[0]
            nats -= float(log_probabilities[torch.arange(len(window) - 1), window[1:]].double().sum())
            count += len(window) - 1
    found = score_tokens(model, TOKENS, ONE_EACH)
    assert (found.tokens, count) == (100, 100)
    assert found.whole
    assert found.loss == pytest.approx(nats / count, abs=1e-6)
    assert found.perplexity == pytest.approx(math.exp(found.loss))
    assert found.bits_per_character == pytest.approx(found.loss / math.log(2))


def test_bits_per_character_divide_by_the_characters_that_targets_spell() -> None:
    characters = np.arange(50) % 3
    found = score_tokens(model_of(50), TOKENS, characters)
    spelled = int(characters[TOKENS[1:]].sum())
    assert found.characters == spelled
    assert found.bits_per_character == pytest.approx(found.loss * 100 / math.log(2) / spelled)


def test_a_limit_scores_a_part_and_says_so() -> None:
    found = score_tokens(model_of(50), TOKENS, ONE_EACH, limit=24)
    assert found.tokens == 24
    assert not found.whole


def test_scoring_is_in_eval_mode_and_leaves_the_mode_and_the_generators_alone() -> None:
    model = model_of(50, dropout=0.5).train()
    before = torch.get_rng_state()
    first, second = (score_tokens(model, TOKENS, ONE_EACH) for _ in range(2))
    assert first == second
    assert model.training
    assert torch.equal(torch.get_rng_state(), before)
    assert all(parameter.grad is None for parameter in model.parameters())


def test_the_uniform_guess_loses_the_logarithm_of_the_vocabulary() -> None:
    model = build(NgramConfig(vocabulary_size=50, order=3, context=8), 0)
    assert score_tokens(model, TOKENS, ONE_EACH).loss == pytest.approx(math.log(50), abs=1e-4)


def test_an_ngrams_score_is_that_of_its_full_distributions() -> None:
    model = build(NgramConfig(vocabulary_size=50, order=3, context=8), 0)
    model.fit(TOKENS)  # type: ignore[operator]
    found = score_tokens(model, TOKENS, ONE_EACH)
    nats = 0.0
    for start in range(0, 100, 8):
        window = torch.from_numpy(TOKENS[start : start + 9].astype(np.int64))
        log_probabilities = model(Batch(tokens=window[None, :-1]))[0]
        nats -= float(log_probabilities[torch.arange(len(window) - 1), window[1:]].sum())
    assert found.loss == pytest.approx(nats / 100, abs=1e-5)


SIZES = [7, 2, 1, 5, 7, 3]


def stream_of(sizes: list[int]) -> np.ndarray:
    """Documents of random tokens, an end-of-text sign before each."""
    dice = np.random.default_rng(1)
    return np.concatenate([np.append(0, dice.integers(1, 50, size)) for size in sizes]).astype(np.uint16)


@pytest.mark.parametrize("kind", ["transformer", "ngram"])
def test_whole_documents_are_scored_from_their_beginning_with_their_end(kind: str) -> None:
    tokens, characters = stream_of(SIZES), np.arange(50) % 3
    model = model_of(50)
    if kind == "ngram":
        model = build(NgramConfig(vocabulary_size=50, order=4, context=8), 0)
        model.fit(tokens)  # type: ignore[operator]
    nats = 0.0
    with torch.no_grad():
        for document in np.split(tokens, np.flatnonzero(tokens == 0)[1:]):
            row = torch.from_numpy(np.append(document, 0).astype(np.int64))
            log_probabilities = model(Batch(tokens=row[None, :-1])).log_softmax(-1)[0]
            nats -= float(log_probabilities[torch.arange(len(row) - 1), row[1:]].double().sum())
    found = score_tokens(model, tokens, characters, rows="documents")
    assert found.tokens == sum(SIZES) + len(SIZES)
    assert found.whole
    assert found.loss == pytest.approx(nats / found.tokens, abs=1e-5)
    assert found.characters == int(characters[tokens].sum())


def test_a_limit_scores_some_whole_documents() -> None:
    found = score_tokens(model_of(50), stream_of([7] * 20), ONE_EACH, limit=40, rows="documents")
    assert found.tokens == 40
    assert not found.whole


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, TokenizedCorpus]:
    folder = tmp_path_factory.mktemp("text")
    (folder / "text.txt").write_text("naïve 模型 café — 語言 😀 and plain words.\n" * 200, encoding="utf-8")
    return {
        kind: prepare(
            DataConfig(corpus=str(folder / "text.txt"), tokenizer=kind, vocabulary_size=size), folder / "corpora"
        )
        for kind, size in (("character", 400), ("bpe", 300), ("word", 400), ("wordpiece", 400))
    }


@pytest.mark.parametrize("kind", ["character", "bpe", "word", "wordpiece"])
def test_every_character_of_the_held_out_text_is_counted_with_every_tokenizer(
    texts: dict[str, TokenizedCorpus], kind: str
) -> None:
    corpus = texts[kind]
    model = build(NgramConfig(vocabulary_size=corpus.tokenizer.vocabulary_size, order=1, context=16), 0)
    found = score(model, corpus)
    assert found.characters == corpus.characters[1]
    assert found.whole
