"""Every way to choose a token against a plain reference, and against `transformers`."""

import math
from collections import Counter
from random import Random
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from transformers import (
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from llm_core.config import DecodingConfig
from llm_core.inference.decoding import choose, penalize, truncate


def logits_of(seed: int, rows: int = 3, size: int = 12) -> Tensor:
    return torch.randn(rows, size, generator=torch.Generator().manual_seed(seed)) * 2


def kept(logits: Tensor, **settings: Any) -> list[set[int]]:
    cut = truncate(logits, DecodingConfig(**settings))
    return [{i for i, x in enumerate(row.tolist()) if x > -math.inf} for row in cut]


def by_hand(scores: list[float], top_k: int | None, top_p: float, min_p: float) -> set[int]:
    """Top-k, then top-p, then min-p, with sorted lists."""

    def shares(tokens: list[int]) -> dict[int, float]:
        total = sum(math.exp(scores[i]) for i in tokens)
        return {i: math.exp(scores[i]) / total for i in tokens}

    tokens = sorted(range(len(scores)), key=lambda i: -scores[i])[: top_k or len(scores)]
    p, total, enough = shares(tokens), 0.0, []
    for i in tokens:
        if total < top_p:
            enough.append(i)
        total += p[i]
    p = shares(enough)
    return {i for i in enough if p[i] >= min_p * max(p.values())}


@given(
    st.integers(0, 10_000),
    st.one_of(st.none(), st.integers(1, 15)),
    st.floats(0.05, 0.99),
    st.floats(0, 0.9),
)
def test_truncation_keeps_what_a_hand_would_keep(seed: int, top_k: int | None, top_p: float, min_p: float) -> None:
    logits = logits_of(seed).double()
    expected = [by_hand(row, top_k, top_p, min_p) for row in logits.tolist()]
    assert kept(logits, top_k=top_k, top_p=top_p, min_p=min_p) == expected


@pytest.mark.parametrize("seed", range(10))
def test_each_filter_is_that_of_transformers(seed: int) -> None:
    logits, tokens = logits_of(seed), torch.randint(12, (3, 5), generator=torch.Generator().manual_seed(seed))
    pairs = [
        (DecodingConfig(top_k=4), TopKLogitsWarper(4)),
        (DecodingConfig(top_p=0.7), TopPLogitsWarper(0.7)),
        (DecodingConfig(min_p=0.2), MinPLogitsWarper(0.2)),
    ]
    for decoding, theirs in pairs:
        assert torch.equal(truncate(logits, decoding), theirs(tokens, logits.clone()))
    theirs = RepetitionPenaltyLogitsProcessor(1.7)
    torch.testing.assert_close(penalize(logits, tokens.tolist(), 1.7), theirs(tokens, logits.clone()))
    torch.testing.assert_close(logits / 0.6, TemperatureLogitsWarper(0.6)(tokens, logits.clone()))


def test_the_likeliest_token_always_stays() -> None:
    for seed in range(20):
        logits = logits_of(seed)
        for settings in ({"top_k": 1}, {"top_p": 1e-9}, {"min_p": 1.0}):
            assert kept(logits, **settings) == [{token} for token in logits.argmax(-1).tolist()]


@pytest.mark.parametrize("settings", [{"temperature": 0.7}, {"temperature": 2.0, "top_k": 4}, {"top_p": 0.6}])
def test_tokens_are_drawn_as_often_as_their_probability(settings: dict[str, Any]) -> None:
    decoding = DecodingConfig(**{"temperature": 1.0, **settings})
    logits, draws = logits_of(3, rows=1, size=8), 20_000
    expected = truncate(logits / decoding.temperature, decoding).softmax(-1)[0]
    dice = [Random(seed) for seed in range(draws)]
    chosen = choose(logits.expand(draws, -1), [[0]] * draws, decoding, dice)
    counts = Counter(chosen.tolist())
    for token, p in enumerate(expected.tolist()):
        spread = 4 * math.sqrt(p * (1 - p) / draws)
        assert abs(counts[token] / draws - p) <= spread


def test_what_has_no_probability_is_never_drawn() -> None:
    logits = torch.full((1, 5), -math.inf)
    logits[0, 3] = 0.0

    class Zero(Random):
        def random(self) -> float:
            return 0.0

    class AlmostOne(Random):
        def random(self) -> float:
            return 1 - 2**-53

    for die in (Zero(), AlmostOne()):
        assert choose(logits, [[0]], DecodingConfig(), [die]).tolist() == [3]


def test_greedy_takes_the_likeliest_after_the_penalty() -> None:
    logits = torch.tensor([[1.0, 1.1, -3.0]])
    greedy = DecodingConfig(method="greedy")
    assert choose(logits, [[1]], greedy, []).tolist() == [1]
    assert choose(logits, [[1]], DecodingConfig(method="greedy", repetition_penalty=1.5), []).tolist() == [0]
    assert logits.tolist() == [[pytest.approx(1.0), pytest.approx(1.1), -3.0]]


@pytest.mark.parametrize("temperature", [0.01, 10])
def test_extreme_temperatures_work(temperature: float) -> None:
    chosen = choose(logits_of(1) * 100, [[0]] * 3, DecodingConfig(temperature=temperature), [Random(n) for n in range(3)])  # fmt: skip
    assert ((chosen >= 0) & (chosen < 12)).all()
