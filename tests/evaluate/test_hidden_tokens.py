"""Held-out tokens are hidden the same way every time, and the score counts exactly these."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from llm_core.config import DataConfig, TransformerConfig
from llm_core.data.masking import Masker
from llm_core.data.permutations import Permuter
from llm_core.data.prepare import TokenizedCorpus, prepare
from llm_core.data.sentence_pairs import Sentences
from llm_core.evaluate.hidden_tokens import (
    Hidden,
    RandomOf,
    mask_rows,
    permute_rows,
    score_hidden,
    score_sentence_pairs,
)
from llm_core.models.base import Batch
from llm_core.models.build import build
from llm_core.models.transformer import Transformer

CONTEXT = 96


@pytest.fixture(scope="module", params=["documents", "windows"])
def corpus(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> TokenizedCorpus:
    data = DataConfig(
        corpus="reviews-en", documents=80, held_out=0.25, tokenizer="word", vocabulary_size=400, rows=request.param,
        mask_token=True,
    )  # fmt: skip
    return prepare(data, tmp_path_factory.mktemp("reviews"))


def encoder(corpus: TokenizedCorpus, **changes: Any) -> Transformer:
    size: dict[str, Any] = {"context": CONTEXT, "width": 16, "layers": 1, "heads": 2, **changes}
    model = build(
        TransformerConfig(architecture="encoder", vocabulary_size=corpus.tokenizer.vocabulary_size, **size), 1
    )
    assert isinstance(model, Transformer)
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.2)
    return model


def masker(corpus: TokenizedCorpus) -> Masker:
    return Masker(corpus.tokenizer, "whole_words", 0.15)


def rows_of(corpus: TokenizedCorpus) -> list[np.ndarray]:
    """The rows of the held-out text, cut by hand."""
    tokens = np.asarray(corpus.held_out).astype(np.int64)
    if corpus.rows == "documents":
        return np.split(tokens, np.flatnonzero(tokens == 0)[1:])
    return [tokens[start : start + CONTEXT][: len(tokens) - 1 - start] for start in range(0, len(tokens) - 1, CONTEXT)]


def test_the_score_is_the_mean_over_every_hidden_token(corpus: TokenizedCorpus) -> None:
    model = encoder(corpus).train()
    seen: list[Hidden] = []
    hide = mask_rows(masker(corpus))

    def keep(batch: Batch, random: RandomOf) -> Hidden:
        seen.append(hide(batch, random))
        return seen[-1]

    found = score_hidden(model, corpus, keep, None)
    assert model.training
    model.eval()
    lost, right, texts = [], 0, []
    for hidden in seen:
        assert hidden.batch.tokens is not None
        for row, asked in enumerate(hidden.asked):
            length = asked.shape[0] if hidden.batch.lengths is None else int(hidden.batch.lengths[row])
            texts.append(hidden.targets[row, :length].tolist())
            with torch.no_grad():
                logits = model(Batch(hidden.batch.tokens[row : row + 1, :length]))[0]
            for place in torch.nonzero(asked).flatten().tolist():
                wanted = int(hidden.targets[row, place])
                lost.append(-float(logits[place].log_softmax(-1)[wanted]))
                right += int(logits[place].argmax()) == wanted
    assert sorted(texts) == sorted(row.tolist() for row in rows_of(corpus))
    assert found.tokens == len(lost)
    assert found.loss == pytest.approx(sum(lost) / len(lost), rel=1e-4)
    assert found.measures == {"accuracy": pytest.approx(right / len(lost))}
    assert (found.perplexity, found.bits_per_character) == (None, None)
    assert found.whole
    assert found.looked_at == sum(map(len, texts)) > 5 * found.tokens


def test_a_row_hides_the_same_tokens_in_every_look(corpus: TokenizedCorpus) -> None:
    model = encoder(corpus)
    looks: list[dict[tuple[int, ...], list[int]]] = []
    for limit in (None, 200, None):
        seen: dict[tuple[int, ...], list[int]] = {}

        def keep(batch: Batch, random: RandomOf, seen: dict[tuple[int, ...], list[int]] = seen) -> Hidden:
            hidden = mask_rows(masker(corpus))(batch, random)
            for wanted, asked in zip(hidden.targets, hidden.asked, strict=True):
                seen[tuple(wanted.tolist())] = torch.nonzero(asked).flatten().tolist()
            return hidden

        before = torch.random.get_rng_state()
        found = score_hidden(model, corpus, keep, limit)
        assert torch.equal(before, torch.random.get_rng_state())
        assert found.whole == (limit is None)
        assert limit is None or found.looked_at <= limit
        looks.append(seen)
    assert looks[0] == looks[2]
    trimmed = [{tuple(np.trim_zeros(row, "b")): places for row, places in seen.items()} for seen in looks]
    assert len(trimmed[1]) < len(trimmed[0])
    assert trimmed[1].items() <= trimmed[0].items()


def test_an_order_is_scored_by_the_query_stream(corpus: TokenizedCorpus) -> None:
    model = encoder(corpus, query_stream=True).eval()
    found = score_hidden(model, corpus, permute_rows(Permuter(corpus.tokenizer)), None)
    assert found.loss > 0.5 * math.log(corpus.tokenizer.vocabulary_size)
    own = sum(int((row > 0).sum()) for row in rows_of(corpus))
    assert found.tokens == pytest.approx(own / 6, rel=0.1)


def test_pairs_are_scored_by_both_outputs(tmp_path: Path) -> None:
    data = DataConfig(
        corpus="reviews-en", documents=80, held_out=0.25, tokenizer="word", vocabulary_size=400, rows="documents",
        mask_token=True,
    )  # fmt: skip
    corpus = prepare(data, tmp_path)
    model = encoder(corpus, segments=2, sentence_head=True)
    found = score_sentence_pairs(model, corpus, masker(corpus), None)
    assert set(found.measures) == {"accuracy", "next_sentence"}
    assert found.whole
    again = score_sentence_pairs(model, corpus, masker(corpus), None)
    assert again == found
    assert not score_sentence_pairs(model, corpus, masker(corpus), 128).whole
    # A model that says the same of every pair is right about those that follow.
    assert model.sentence_head is not None
    with torch.no_grad():
        for parameter in model.sentence_head.parameters():
            parameter.zero_()
    blank = score_sentence_pairs(model, corpus, masker(corpus), None)
    sentences = Sentences(corpus.held_out, corpus.tokenizer, CONTEXT)
    count = len(corpus.held_out) // CONTEXT
    salt = [[0x5EED, number * len(sentences.seams) // count] for number in range(count)]
    follows = [sentences.pair(number, np.random.default_rng([first, number])).follows for first, number in salt]
    assert blank.measures["next_sentence"] == pytest.approx(1 - float(np.mean(follows)))
    assert blank.measures["accuracy"] == found.measures["accuracy"]
    # Both outputs lose in nats, and a blank answer loses ln 2.
    masked = blank.loss - math.log(2)
    assert masked == pytest.approx(found.loss - (found.loss - masked), rel=1e-6)
    assert masked > 1
