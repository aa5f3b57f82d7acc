"""Rows read together cost what each costs alone, whatever their lengths, in every family."""

import numpy as np
import pytest
import torch

from llm_core.config import NgramConfig, RecurrentConfig, TransformerConfig
from llm_core.evaluate.rows import batches, logits_at, row_nats, token_nats
from llm_core.models.base import Batch, Model
from llm_core.models.build import build

ROWS = [
    np.concatenate(([0], np.random.default_rng(seed).integers(1, 30, length), [0]))
    for seed, length in enumerate((5, 1, 14, 9, 14, 3))
]


def model_of(family: str) -> Model:
    if family == "ngram":
        made = build(NgramConfig(vocabulary_size=30, order=3, context=16), 0)
        made.fit(np.concatenate(ROWS))  # type: ignore[operator]
        return made
    if family == "recurrent":
        return build(RecurrentConfig(vocabulary_size=30, context=16, width=16, layers=1), 1)
    return build(TransformerConfig(vocabulary_size=30, context=16, width=16, layers=1, heads=2), 1)


def alone(model: Model, row: np.ndarray) -> np.ndarray:
    tokens = torch.from_numpy(row.astype(np.int64))[None]
    with torch.no_grad():
        log_probabilities = model.eval()(Batch(tokens=tokens[:, :-1])).log_softmax(-1)[0]
    return -log_probabilities[torch.arange(len(row) - 1), tokens[0, 1:]].double().numpy()


@pytest.mark.parametrize("family", ["transformer", "recurrent", "ngram"])
def test_rows_cost_together_what_each_costs_alone(family: str) -> None:
    model = model_of(family)
    expected = [alone(model, row) for row in ROWS]
    assert row_nats(model, ROWS) == pytest.approx([each.sum() for each in expected], rel=1e-4)
    for row, each in zip(ROWS, expected, strict=True):
        assert token_nats(model, row.tolist()) == pytest.approx(each, rel=1e-3, abs=1e-4)


@pytest.mark.parametrize("family", ["transformer", "recurrent", "ngram"])
def test_logits_come_from_the_places_asked_for_in_their_order(family: str) -> None:
    model = model_of(family)
    places = [(2, 13), (0, 0), (4, 7), (2, 3), (5, 4)]
    found = logits_at(model, ROWS, places)
    for (row, position), line in zip(places, found, strict=True):
        tokens = torch.from_numpy(ROWS[row].astype(np.int64))[None]
        with torch.no_grad():
            whole = model.eval()(Batch(tokens=tokens))[0, position]
        assert line.numpy() == pytest.approx(whole.numpy(), rel=1e-3, abs=1e-4)


def test_a_row_longer_than_the_context_is_read_in_windows_that_overlap() -> None:
    model = model_of("transformer")
    row = np.random.default_rng(9).integers(1, 30, 45)
    found = token_nats(model, row.tolist())
    assert found[:16] == pytest.approx(alone(model, row[:17]), rel=1e-3)
    for known in (16, 24, 32, 40):  # from each on, eight tokens are known before and eight are new
        window = row[known - 8 : known + 9]
        assert found[known : known + 8] == pytest.approx(alone(model, window)[8:], rel=1e-3)
    assert len(found) == 44


def test_batches_take_every_row_once_and_stay_within_their_bound() -> None:
    taken = [(chosen, tokens.shape) for chosen, tokens in batches(ROWS, 1 << 17)]
    assert sorted(index for chosen, _ in taken for index in chosen) == list(range(len(ROWS)))
    assert all(count == 1 or count * length * (1 << 17) <= 1 << 22 for _, (count, length) in taken)
    assert [length for _, (_, length) in taken] == sorted(length for _, (_, length) in taken)
    assert list(batches([], 10)) == []


def test_the_mode_a_model_was_in_comes_back() -> None:
    model = model_of("transformer").train()
    logits_at(model, ROWS, [(0, 0)])
    row_nats(model, ROWS)
    assert model.training
