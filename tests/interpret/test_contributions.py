"""The graph of contributions against sums taken apart by hand, and on a model whose circuit is known."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from llm_core.config import NgramConfig, Task, TaskConfig, TransformerConfig
from llm_core.errors import UserError
from llm_core.interpret.attention.attention import see
from llm_core.interpret.circuits.contributions import ContributionGraph, Edge, check, contribution_graph
from llm_core.interpret.components import Component, feed_forwards, heads
from llm_core.interpret.reading import Reading, as_batch
from llm_core.models.base import Model
from llm_core.models.build import build
from llm_core.taps import observe
from tests.interpret.known_circuit import CIRCUIT, known_circuit, read_letters
from tests.interpret.opened import model_of, reading_of, side_of

TINY = 1e-9


def edges_into(graph: ContributionGraph, place: str, position: int) -> list[Edge]:
    return [edge for edge in graph.edges if (str(edge.above.place), edge.above.position) == (place, position)]


def shares_by_hand(summands: list[np.ndarray]) -> list[float]:
    """Equations 4 and 5 of Ferrando & Voita 2024."""
    whole = np.sum(summands, axis=0)
    nearer = [max(0.0, float(np.abs(whole).sum() - np.abs(whole - summand).sum())) for summand in summands]
    return [each / sum(nearer) for each in nearer]


@pytest.mark.parametrize(
    "options",
    [
        {"biases": True, "key_value_heads": 2},
        {"architecture": "encoder", "norm_position": "after", "biases": True, "final_norm": False},
    ],
)
def test_what_attention_adds_is_shared_out_by_head_and_position(options: dict[str, object]) -> None:
    model = model_of(**options)
    part = "encoder" if "architecture" in options else "decoder"
    reading = reading_of(model)
    graph = contribution_graph(model, reading, 4, threshold=TINY)
    attention = see(model, reading).parts[part]  # type: ignore[index]
    with torch.no_grad(), observe(model, only=["*.residual_before", "*.residual_middle"]) as seen:
        model(as_batch(reading))
    before = seen["blocks.1.residual_before"][0, 4].numpy()
    brought = attention.pattern[1, :, 4, :, None] * (attention.values[1] @ attention.outputs[1])  # (heads, S, width)
    bias = model.get_parameter("blocks.1.attention.output.bias").detach().numpy()
    shares = shares_by_hand([before, bias, *brought.reshape(-1, 24)])
    found = edges_into(graph, f"{part}.1.residual_middle", 4)
    by = {(edge.by.index if edge.by else None, edge.below.position): edge.share for edge in found}
    assert by[None, 4] == pytest.approx(shares[0], abs=1e-5)
    assert {str(edge.below.place) for edge in found} == {f"{part}.0.residual_after"}
    for number, share in enumerate(shares[2:]):
        assert by.get(divmod(number, 6), 0.0) == pytest.approx(share, abs=1e-5)
    assert sum(by.values()) == pytest.approx(1 - shares[1], abs=1e-5)
    middle = seen["blocks.1.residual_middle"][0, 4]
    block = model.get_submodule("blocks.1")
    with torch.no_grad():
        into = block.feed_forward_norm(middle) if part == "decoder" else middle  # type: ignore[operator]
        added = block.feed_forward(into).numpy()  # type: ignore[operator]
    by_way = {str(edge.by): edge.share for edge in edges_into(graph, f"{part}.1.residual_after", 4)}
    expected = dict(zip(("None", f"{part}.1.feed_forward"), shares_by_hand([middle.numpy(), added]), strict=True))
    assert by_way == pytest.approx({way: share for way, share in expected.items() if share >= TINY}, abs=1e-5)


def test_of_the_known_circuit_exactly_its_heads_are_left() -> None:
    model, reading = known_circuit(), read_letters("gabcdefabcd")
    graph = contribution_graph(model, reading, 11, threshold=0.1)
    assert set(graph.components) == {Component.of_head(head) for head in CIRCUIT}
    ways = {(str(edge.by), edge.above.position, edge.below.position) for edge in graph.edges if edge.by}
    # d stands at 11 and, before, at 5: what came after it, e, is at 6. All three places hold their previous token.
    assert ways == {("decoder.1.2", 11, 6), ("decoder.0.1", 6, 5), ("decoder.0.1", 11, 10)}
    assert {str(node.place) for node in graph.nodes} == {
        "decoder.embedding",
        "decoder.0.residual_after",
        "decoder.1.residual_after",
    }
    found = check(model, reading, graph, draws=30)
    assert found.kept < 0.01
    assert found.nothing > 1.0
    assert np.mean(found.random) > 1.0


def test_a_higher_threshold_leaves_less() -> None:
    model = model_of()
    low, high = (contribution_graph(model, reading_of(model), 5, threshold) for threshold in (0.02, 0.2))
    assert set(high.edges) < set(low.edges)
    assert all(edge.share >= 0.2 for edge in high.edges)
    assert high.end == low.end
    # Every edge hangs on the end.
    reached = {high.end}
    for edge in high.edges:
        assert edge.above in reached
        reached.add(edge.below)


def test_the_graph_of_an_encoder_decoder_goes_on_into_the_source() -> None:
    model = model_of(architecture="encoder_decoder")
    reading = reading_of(model)
    graph = contribution_graph(model, reading, 2, threshold=0.01)
    crossing = [edge for edge in graph.edges if edge.by is not None and edge.by.part == "cross"]
    assert crossing
    assert {str(edge.below.place) for edge in crossing} == {"encoder.hidden"}
    assert max(edge.below.position for edge in crossing) < 4
    assert any(str(edge.below.place) == "encoder.embedding" for edge in graph.edges)
    assert graph.source_tokens == ("t4", "t2", "t9", "t0")
    for place in ("decoder.0.residual_middle", "decoder.0.residual_crossed", "decoder.0.residual_after"):
        total = sum(edge.share for edge in edges_into(contribution_graph(model, reading, 2, TINY), place, 2))
        assert total == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize("task", ["classify", "answer"])
def test_all_components_kept_change_nothing(task: Task) -> None:
    body = TransformerConfig(architecture="encoder", vocabulary_size=19, context=12, width=24, layers=1, heads=2)
    classifier: Model = build(TaskConfig(task=task, body=body, labels=3), seed=0).eval()
    reading = Reading(side_of(3, 4, 5), None, 0)
    graph = contribution_graph(classifier, reading, 1)
    straight = graph.edges[0]
    everything = [replace(straight, by=component) for component in (*heads(classifier), *feed_forwards(classifier))]
    found = check(classifier, reading, replace(graph, edges=tuple(everything)), draws=2)
    assert found.kept == pytest.approx(0.0, abs=1e-9)
    assert found.random == pytest.approx((0.0, 0.0), abs=1e-9)
    assert found.nothing > 0


def test_what_cannot_be_followed_is_refused() -> None:
    model = model_of()
    reading = reading_of(model)
    with pytest.raises(UserError, match="no position 6"):
        contribution_graph(model, reading, 6)
    for threshold in (0.0, 1.5):
        with pytest.raises(UserError, match="threshold"):
            contribution_graph(model, reading, 0, threshold)
    with pytest.raises(UserError, match="ngram"):
        contribution_graph(build(NgramConfig(vocabulary_size=19), seed=0).eval(), reading, 0)
    with pytest.raises(ValueError, match="eval"):
        contribution_graph(model.train(), reading, 0)
