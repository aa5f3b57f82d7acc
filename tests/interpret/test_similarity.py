"""Linear CKA against its definition by kernels, and its chance against all shuffles there are."""

from itertools import permutations

import numpy as np
import pytest
from numpy.typing import NDArray

from llm_core.errors import UserError
from llm_core.interpret.components import Component
from llm_core.interpret.geometry.hidden_states import HiddenStates, hidden_states
from llm_core.interpret.geometry.similarity import linear_cka, similarity
from llm_core.interpret.reading import Reading, Side
from tests.interpret.opened import model_of, side_of

Array = NDArray[np.float64]


def by_kernels(x: Array, y: Array) -> float:
    """HSIC(K, L) / sqrt(HSIC(K, K) HSIC(L, L)) of Kornblith et al. 2019, equations 2 and 3, written out."""
    count = len(x)
    centring = np.eye(count) - 1 / count
    k, el = x @ x.T, y @ y.T

    def hsic(first: Array, second: Array) -> float:
        return float(np.trace(first @ centring @ second @ centring) / (count - 1) ** 2)

    return hsic(k, el) / (hsic(k, k) * hsic(el, el)) ** 0.5


def states_of(vectors: Array, text: str, tokens: list[tuple[int, int]]) -> HiddenStates:
    """One place whose vectors are given."""
    ids = np.arange(len(tokens))
    return HiddenStates(
        (Component("decoder", None, "embedding"),), vectors[None].astype(np.float32), np.zeros_like(ids), ids, ids,
        tuple(text[start:end] for start, end in tokens), np.array(tokens),
    )  # fmt: skip


def test_it_is_what_the_paper_defines() -> None:
    random = np.random.default_rng(0)
    x, y = random.normal(size=(9, 5)) + 3, random.normal(size=(9, 20))
    assert linear_cka(x, y) == pytest.approx(by_kernels(x, y), rel=1e-9)
    assert linear_cka(x, x + 0.1 * y[:, :5]) == pytest.approx(by_kernels(x, x + 0.1 * y[:, :5]), rel=1e-9)


def test_turning_stretching_and_moving_change_nothing() -> None:
    random = np.random.default_rng(1)
    x = random.normal(size=(30, 6))
    turned = np.linalg.qr(random.normal(size=(6, 6)))[0]
    assert linear_cka(x, 7 * x @ turned + 5) == pytest.approx(1.0)
    assert linear_cka(x, random.normal(size=(30, 6))) < 0.5
    assert linear_cka(x, np.ones((30, 2))) == 0.0


def test_chance_is_the_mean_over_all_shuffles() -> None:
    random = np.random.default_rng(2)
    x, y = random.normal(size=(5, 3)), random.normal(size=(5, 4))
    spans = [(at, at + 1) for at in range(5)]
    found = similarity(states_of(x, "abcde", spans), states_of(y, "abcde", spans))
    shuffled = [by_kernels(x, y[list(order)]) for order in permutations(range(5))]
    assert found.chance[0, 0] == pytest.approx(np.mean(shuffled), rel=1e-5)
    assert found.values[0, 0] == pytest.approx(by_kernels(x, y), rel=1e-5)


def test_models_with_other_tokens_meet_where_tokens_of_both_end() -> None:
    random = np.random.default_rng(3)
    whole, parts = random.normal(size=(4, 3)), random.normal(size=(6, 5))
    # "ab|cd|ef|gh" beside a control token and "a|b|cd|efg|h".
    first = states_of(whole, "abcdefgh", [(0, 2), (2, 4), (4, 6), (6, 8)])
    second = states_of(parts, "abcdefgh", [(0, 0), (0, 1), (1, 2), (2, 4), (4, 7), (7, 8)])
    found = similarity(first, second)
    assert found.tokens == 3
    assert found.values[0, 0] == pytest.approx(by_kernels(whole[[0, 1, 3]], parts[[2, 3, 5]]), rel=1e-5)


def test_layers_of_a_model_are_like_themselves_and_another_model_is_not() -> None:
    first, second = model_of(position="none"), model_of(position="none", width=16, layers=3)
    readings = [Reading(side_of(*ids), None, 0) for ids in np.random.default_rng(4).integers(0, 19, (30, 12)).tolist()]
    here, there = hidden_states(first, readings), hidden_states(second, readings)
    own = similarity(here, here)
    assert np.allclose(own.values.diagonal(), 1.0, atol=1e-5)
    assert np.allclose(own.values, own.values.T, atol=1e-5)
    assert (own.values > own.chance).all()
    crossed = similarity(here, there)
    assert crossed.values.shape == (3, 4)
    assert [str(place) for place in crossed.columns][-1] == "decoder.2.residual_after"
    assert (crossed.values < 1).all()


def test_too_few_tokens_are_refused() -> None:
    model = model_of()
    control = Reading(Side((0, 3, 4), ("a", "b", "c"), ((0, 0), (0, 1), (1, 2))), None, 0)
    with pytest.raises(UserError, match="these texts have 2"):
        similarity(hidden_states(model, [control]), hidden_states(model, [control]))
