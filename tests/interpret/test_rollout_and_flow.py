"""Rollout against a sum over all paths, flow against another program's maximum flow, both on hand-made patterns."""

from itertools import product

import networkx
import numpy as np
import pytest

from llm_core.interpret.attention.flow import flow, flow_into
from llm_core.interpret.attention.rollout import rollout


def pattern_of(seed: int, layers: int, heads: int, length: int, causal: bool, sharpness: float = 3.0) -> np.ndarray:
    """Random heads (layers, heads, T, T), the sharper the more they look at one token alone."""
    scores = np.random.default_rng(seed).normal(size=(layers, heads, length, length)) * sharpness
    if causal:
        scores = np.where(np.tril(np.ones((length, length))) > 0, scores, -np.inf)
    shares = np.exp(scores - scores.max(-1, keepdims=True))
    return (shares / shares.sum(-1, keepdims=True)).astype(np.float32)


def edges_of(pattern: np.ndarray) -> np.ndarray:
    """(layers, T, T) the mean over heads, half and half with the residual connection."""
    return 0.5 * pattern.astype(float).mean(1) + 0.5 * np.eye(pattern.shape[-1])


def test_rollout_of_one_head_counted_by_hand() -> None:
    always_first = np.array([[1, 0], [1, 0]], dtype=np.float32)[None]
    rolled = rollout(np.stack([always_first, always_first]))
    np.testing.assert_allclose(rolled, [[[1, 0], [0.5, 0.5]], [[1, 0], [0.75, 0.25]]])
    np.testing.assert_allclose(rollout(always_first[None], residual=0.0)[0], always_first[0])


@pytest.mark.parametrize("causal", [True, False])
def test_rollout_is_the_sum_over_all_paths(causal: bool) -> None:
    pattern = pattern_of(1, layers=3, heads=2, length=4, causal=causal)
    edges, rolled = edges_of(pattern), rollout(pattern)
    assert rolled.shape == (3, 4, 4)
    for layers in (1, 2, 3):
        expected = np.zeros((4, 4))
        for path in product(range(4), repeat=layers + 1):  # from the input token up
            expected[path[-1], path[0]] += np.prod([edges[n, path[n + 1], path[n]] for n in range(layers)])
        np.testing.assert_allclose(rolled[layers - 1], expected, atol=1e-6)
    np.testing.assert_allclose(rolled.sum(-1), 1, atol=1e-6)


def other_flow(edges: np.ndarray, position: int, token: int) -> float:
    graph = networkx.DiGraph()
    graph.add_nodes_from([(len(edges), position), (0, token)])
    for layer, row, column in zip(*np.nonzero(edges), strict=True):
        graph.add_edge((layer + 1, row), (layer, column), capacity=edges[layer, row, column])
    return float(networkx.maximum_flow_value(graph, (len(edges), position), (0, token)))


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("sharpness", [1.0, 3.0, 10.0])
def test_flow_is_the_maximum_flow(causal: bool, sharpness: float) -> None:
    pattern = pattern_of(int(sharpness), layers=5, heads=2, length=5, causal=causal, sharpness=sharpness)
    edges, flows = edges_of(pattern), flow(pattern)
    assert flows.shape == (5, 5, 5)
    for layer, position, token in product(range(5), repeat=3):
        expected = other_flow(edges[: layer + 1], position, token)
        assert flows[layer, position, token] == pytest.approx(expected, abs=1e-6)


def test_flow_goes_back_on_itself_where_a_first_guess_was_wrong() -> None:
    """Where few pipes are open, what fills one first by the wrong way has to make room for what has no other."""
    for seed in range(30):
        random = np.random.default_rng(seed)
        pattern = np.where(random.random((4, 1, 6, 6)) < 0.3, random.random((4, 1, 6, 6)), 0) + np.eye(6) * 0.01
        pattern = (pattern / pattern.sum(-1, keepdims=True)).astype(np.float32)
        edges, flows = edges_of(pattern), flow(pattern, [5])
        for token in range(6):
            assert flows[-1, 0, token] == pytest.approx(other_flow(edges, 5, token), abs=1e-6)


def test_flow_counted_by_hand() -> None:
    always_first = np.array([[1, 0], [1, 0]], dtype=np.float32)[None]
    flows = flow(np.stack([always_first, always_first]))
    # Down from position 1: half by position 0, which passes on all of it, half by itself, of which half may go on.
    np.testing.assert_allclose(flows[1], [[1, 0], [1, 0.5]])


def test_only_the_positions_asked_for_are_counted() -> None:
    pattern = pattern_of(2, layers=3, heads=1, length=6, causal=True)
    flows = flow(pattern)
    np.testing.assert_allclose(flow(pattern, [4, 1]), flows[:, [4, 1]], atol=1e-7)
    np.testing.assert_allclose(flow_into(pattern[:2], 4), flows[1, 4], atol=1e-7)


def test_the_attention_to_another_text_leads_nowhere() -> None:
    pattern = np.full((2, 1, 3, 4), 0.25, dtype=np.float32)
    for method in (rollout, flow):
        with pytest.raises(ValueError, match="text to itself"):
            method(pattern)
