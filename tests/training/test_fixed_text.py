"""The losses of single tokens on a fixed held-out text, against asking the model by hand."""

import math
from typing import Any

import numpy as np
import pytest
import torch

from llm_core.config import DataConfig, NgramConfig, RecurrentConfig, RunConfig, TransformerConfig
from llm_core.data.corpora import values_with_corpus, with_corpus
from llm_core.data.prepare import TokenizedCorpus, prepare, with_vocabulary
from llm_core.evaluate.language_model import score_tokens
from llm_core.evaluate.unigram import unigram_nats
from llm_core.models.base import Batch, Model
from llm_core.models.build import build
from llm_core.training.fixed_text import LONGEST, HeldText, fixed_text
from tests.training.conftest import run_config


def looked(corpus: TokenizedCorpus, config: RunConfig) -> tuple[HeldText, Model, list[float | None]]:
    text = fixed_text(corpus, config)
    assert text is not None
    model = build(with_vocabulary(config.model, corpus), 3)
    losses = text.look(model, 7).losses
    assert len(losses) == len(text.ids) <= LONGEST
    return text, model.eval(), losses


def by_hand(model: Model, inputs: list[int], place: int, token: int, **more: Any) -> float:
    """Nats of a token at a place of one row, without padding."""
    with torch.no_grad():
        logits = model(Batch(torch.tensor([inputs]), **more))[0, place].double()
    return float(logits.logsumexp(-1) - logits[token])


def near(ours: float | None, theirs: float) -> bool:
    return ours is not None and abs(ours - theirs) < 2e-4


@pytest.fixture(scope="module")
def cloze(tmp_path_factory: pytest.TempPathFactory) -> tuple[TokenizedCorpus, RunConfig]:
    return masked(tmp_path_factory.mktemp("cloze"), "masked")


def masked(folder: Any, objective: str, **model: Any) -> tuple[TokenizedCorpus, RunConfig]:
    data = with_corpus(RunConfig(), "stories-en").data.model_copy(update={"documents": 60, "mask_token": True, "rows": "windows", "vocabulary_size": 400})  # fmt: skip
    encoder = TransformerConfig(architecture="encoder", width=16, heads=2, layers=1, context=48, **model)
    training = run_config(encoder.model_copy(update={"architecture": "decoder", "query_stream": False, "sentence_head": False})).training  # fmt: skip
    config = RunConfig(model=encoder, data=data, training=training.model_copy(update={"objective": objective}))
    return prepare(data, folder), config


def test_a_window_costs_what_scoring_it_gives(corpus: TokenizedCorpus) -> None:
    text, model, losses = looked(corpus, run_config())
    assert losses[0] is None
    assert text.ids.tolist() == corpus.held_out[:16].tolist()
    told = [loss for loss in losses[1:] if loss is not None]
    assert len(told) == 15
    scored = score_tokens(model, text.ids, corpus.tokenizer.characters)
    assert sum(told) / 15 == pytest.approx(scored.loss, abs=1e-3)
    for place in (1, 9):
        assert near(losses[place], by_hand(model, text.ids[:place].tolist(), place - 1, int(text.ids[place])))


def test_a_recurrent_model_is_looked_at_too_and_an_ngram_is_not(corpus: TokenizedCorpus) -> None:
    text, model, losses = looked(corpus, run_config(RecurrentConfig(context=16, width=16, layers=1)))
    assert near(losses[5], by_hand(model, text.ids[:5].tolist(), 4, int(text.ids[5])))
    assert fixed_text(corpus, run_config(NgramConfig(context=16))) is None


def test_whole_documents_are_each_looked_at_alone(stories: TokenizedCorpus) -> None:
    config = run_config(TransformerConfig(context=192, width=16, layers=1, heads=2))
    text, model, losses = looked(stories, config)
    ids = text.ids.tolist()
    assert ids == stories.held_out[: len(ids)].tolist()
    assert losses[0] is None
    assert None not in losses[1:]
    signs = [place for place, token in enumerate(ids) if token == stories.tokenizer.end_of_text]
    starts = {place: max(sign for sign in signs if sign < place) for place in range(1, len(ids))}
    for place in {1, len(ids) // 2, len(ids) - 1, *signs[1:]}:
        start = starts[place]
        assert near(losses[place], by_hand(model, ids[start:place], place - start - 1, ids[place]))


def test_short_documents_stand_on_end(tmp_path: Any) -> None:
    config = with_corpus(run_config(), "copy")
    data = config.data.model_copy(update={"documents": 90})
    lines = prepare(data, tmp_path)
    model = config.model.model_copy(update={"width": 16, "layers": 1, "heads": 2})
    text, _, losses = looked(lines, config.model_copy(update={"model": model, "data": data}))
    ids = text.ids.tolist()
    assert ids.count(lines.tokenizer.end_of_text) >= 4
    assert ids[0] == ids[-1] == lines.tokenizer.end_of_text
    assert losses.count(None) == 1


def test_translations_cost_what_they_cost_after_their_right_beginning(tmp_path: Any) -> None:
    usual = values_with_corpus(RunConfig(), "parallel-en-zh")["data"]
    data = DataConfig.model_validate(usual | {"documents": 120})
    pairs = prepare(data, tmp_path)
    model = TransformerConfig(architecture="encoder_decoder", width=16, heads=2, layers=1, context=64)
    training = run_config().training.model_copy(update={"objective": "sequence_to_sequence"})
    text, made, losses = looked(pairs, RunConfig(model=model, data=data, training=training))
    assert None not in losses
    source = text.batch.source
    assert source is not None
    assert source.tokens is not None
    assert source.lengths is not None
    assert text.batch.tokens is not None
    row = int((text.places[:, 0] == text.places[:, 0].max()).nonzero()[0])  # the last in the text
    length = int((text.places[row] >= 0).sum())
    read = source.tokens[row, : int(source.lengths[row])][None]
    for place in (0, length - 1):
        nats = by_hand(made, text.batch.tokens[row, : place + 1].tolist(), place, int(text.targets[row, place]), source=Batch(read))  # fmt: skip
        assert near(losses[int(text.places[row, place])], nats)
    assert text.ids[-1] == pairs.tokenizer.end_of_text


def test_each_hidden_token_is_asked_once_behind_a_mask(cloze: tuple[TokenizedCorpus, RunConfig]) -> None:
    corpus, config = cloze
    text, model, losses = looked(corpus, config)
    mask = corpus.tokenizer.mask
    assert mask is not None
    asked = text.places[text.places >= 0].tolist()
    words = [place for place, token in enumerate(text.ids.tolist()) if corpus.tokenizer.token_bytes[token]]
    assert sorted(asked) == words, "each once"
    assert [place for place, loss in enumerate(losses) if loss is not None] == words
    assert text.batch.tokens is not None
    hidden = text.places >= 0
    assert torch.equal(text.batch.tokens == mask, hidden)
    assert 0.05 < float(hidden.float().mean()) < 0.3
    row = text.batch.tokens[2].tolist()
    place = int(hidden[2].nonzero()[0])
    assert near(losses[int(text.places[2, place])], by_hand(model, row, place, int(text.targets[2, place])))


def test_in_an_order_of_its_own_a_token_is_predicted_from_those_that_come_before_it(tmp_path: Any) -> None:
    corpus, config = masked(tmp_path, "permuted", query_stream=True)
    text, model, losses = looked(corpus, config)
    order = text.batch.permutation
    assert order is not None
    assert torch.equal(order > 0, text.places >= 0)
    row, place = 1, int((order[1] == 2).nonzero()[0])
    inputs = text.ids.tolist()
    nats = by_hand(model, inputs, place, inputs[place], permutation=order[row : row + 1])
    assert near(losses[place], nats)
    blind = by_hand(model, [5 if n == place else token for n, token in enumerate(inputs)], place, inputs[place], permutation=order[row : row + 1])  # fmt: skip
    assert nats == pytest.approx(blind), "it does not see itself"


def test_pairs_of_texts_are_hidden_with_their_segments(tmp_path: Any) -> None:
    corpus, config = masked(tmp_path, "next_sentence", segments=2, sentence_head=True)
    text, model, losses = looked(corpus, config)
    segments = text.batch.segments
    assert segments is not None
    assert text.batch.tokens is not None
    place = int((text.places[0] >= 0).nonzero()[-1])
    nats = by_hand(model, text.batch.tokens[0].tolist(), place, int(text.targets[0, place]), segments=segments[:1])
    assert near(losses[place], nats)


def test_the_record_names_tokens_and_what_they_cost_by_frequency(corpus: TokenizedCorpus) -> None:
    config = run_config()
    text, _, _ = looked(corpus, config)
    record = text.record(0, corpus, config)
    assert record.pieces == [corpus.tokenizer.pieces[token] for token in corpus.held_out[:16]]
    assert record.ids == corpus.held_out[:16].tolist()
    assert record.unigram[0] is None
    nats = unigram_nats(corpus)
    assert record.unigram[1:] == pytest.approx([float(nats[token]) for token in record.ids[1:]], abs=1e-4)
    assert record.threshold[1:] == pytest.approx([min(1, cost / 2) for cost in record.unigram[1:] if cost], abs=1e-4)


def counted(tokens: list[int], asked: set[int]) -> dict[int, float]:
    """Laplace's rule by counting one by one."""
    counts: dict[int, int] = {}
    for token in tokens:
        if token in asked:
            counts[token] = counts.get(token, 0) + 1
    whole = sum(counts.values()) + len(asked)
    return {token: -math.log((counts.get(token, 0) + 1) / whole) for token in asked}


def test_unigram_costs_equal_a_count_one_by_one(
    corpus: TokenizedCorpus, stories: TokenizedCorpus, cloze: tuple[TokenizedCorpus, RunConfig]
) -> None:
    for text, first in ((corpus, 1), (stories, 0)):
        every = set(range(text.tokenizer.vocabulary_size))
        expected = counted(text.training[first:].tolist(), every)
        assert unigram_nats(text) == pytest.approx([expected[token] for token in range(len(expected))])
        assert np.exp(-unigram_nats(text)).sum() == pytest.approx(1)
    text = cloze[0]
    words = {token for token, data in enumerate(text.tokenizer.token_bytes) if data}
    expected = counted(text.training[1:].tolist(), words)
    nats = unigram_nats(text, signs=False)
    assert {token: nats[token] for token in words} == pytest.approx(expected)
    assert not np.isfinite(nats[text.tokenizer.end_of_text])
