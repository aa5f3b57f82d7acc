"""Composition scores against the formula of TransformerLens, by full matrices taken from the weights by hand."""

import numpy as np
import pytest
import torch
from torch import Tensor

from llm_core.config import NgramConfig
from llm_core.errors import UserError
from llm_core.interpret.circuits.composition import composition
from llm_core.interpret.components import Component
from llm_core.models.base import Model
from llm_core.models.build import build
from llm_core.models.layers import Norm
from tests.interpret.known_circuit import INDUCTION_HEAD, PREVIOUS_HEAD, known_circuit
from tests.interpret.opened import model_of

WIDTH, SIZE, HEADS = 24, 6, 4


def with_gains(model: Model) -> Model:
    """Norms whose gains differ from place to place."""
    torch.manual_seed(3)
    for module in model.modules():
        if isinstance(module, Norm) and module.weight is not None:
            module.weight.data = torch.rand_like(module.weight) + 0.5
    return model


def gain(model: Model, name: str) -> Tensor:
    """(width, width): what a norm does to a row, but for its division."""
    norm = model.get_submodule(name)
    assert isinstance(norm, Norm)
    size = norm.size[0]
    centred = torch.eye(size, dtype=torch.float64)
    if norm.kind == "layer":
        centred -= 1 / size
    return centred if norm.weight is None else centred @ torch.diag(norm.weight.detach().double())


def taken_apart(model: Model, layer: int, head: int, groups: int = HEADS) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """W_Q, W_K, W_V (width, size), W_O (size, width) of one head."""
    weights = model.get_parameter(f"blocks.{layer}.attention.query_key_value.weight").detach().double()
    group = head // (HEADS // groups)
    rows = [head * SIZE, (HEADS + group) * SIZE, (HEADS + groups + group) * SIZE]
    query, key, value = (weights[row : row + SIZE].T for row in rows)
    output = model.get_parameter(f"blocks.{layer}.attention.output.weight").detach().double()
    return query, key, value, output[:, head * SIZE : (head + 1) * SIZE].T


def compared(first: Tensor, second: Tensor) -> float:
    return float((first @ second).norm() / (first.norm() * second.norm()))


@pytest.mark.parametrize("norm", ["layer", "rms"])
def test_norms_before_are_folded_as_transformer_lens_does(norm: str) -> None:
    model = with_gains(model_of(norm=norm, biases=True, position="learned"))
    found = composition(model)
    centre = torch.eye(WIDTH, dtype=torch.float64) - (1 / WIDTH if norm == "layer" else 0.0)
    before, after = gain(model, "blocks.0.attention_norm"), gain(model, "blocks.1.attention_norm")
    for row in range(HEADS):
        _, _, value, output = taken_apart(model, 0, row)
        first = before @ value @ output @ centre
        for column in range(HEADS):
            query, key, value, output = taken_apart(model, 1, column)
            second = after @ query @ key.T @ after.T
            there = row, HEADS + column
            assert found.scores["Q"][there] == pytest.approx(compared(first, second), abs=1e-5)
            assert found.scores["K"][there] == pytest.approx(compared(first, second.T), abs=1e-5)
            expected = compared(first, after @ value @ output @ centre)
            assert found.scores["V"][there] == pytest.approx(expected, abs=1e-5)


def test_with_norms_after_the_sublayers_all_on_the_way_count() -> None:
    model = with_gains(model_of(architecture="encoder", norm="layer", norm_position="after", biases=True))
    found = composition(model)
    between = gain(model, "blocks.0.attention_norm") @ gain(model, "blocks.0.feed_forward_norm")
    centre = torch.eye(WIDTH, dtype=torch.float64) - 1 / WIDTH
    _, _, value, output = taken_apart(model, 0, 2)
    query, key, _, _ = taken_apart(model, 1, 3)
    expected = compared(value @ output @ centre, between @ query @ key.T)
    assert found.scores["Q"][2, HEADS + 3] == pytest.approx(expected, abs=1e-5)


def test_shared_keys_and_norms_on_queries_and_keys_count() -> None:
    model = with_gains(model_of(norm="rms", query_key_norm=True, key_value_heads=2))
    found = composition(model)
    before, after = gain(model, "blocks.0.attention_norm"), gain(model, "blocks.1.attention_norm")
    queries, keys = (gain(model, f"blocks.1.attention.{name}_norm") for name in ("query", "key"))
    _, _, value, output = taken_apart(model, 0, 1, groups=2)
    query, key, _, _ = taken_apart(model, 1, 3, groups=2)
    first, second = before @ value @ output, after @ query @ queries @ keys @ key.T @ after
    assert found.scores["K"][1, HEADS + 3] == pytest.approx(compared(first, second.T), abs=1e-5)


def test_only_a_later_layer_can_hear() -> None:
    found = composition(model_of())
    hears = np.isfinite(found.scores["V"])
    assert hears[:HEADS, HEADS:].all()
    assert hears.sum() == HEADS * HEADS


def test_the_cross_attention_hears_the_encoder_by_keys_and_values_and_the_decoder_by_queries() -> None:
    model = with_gains(model_of(architecture="encoder_decoder"))
    found = composition(model)
    place = {str(name): number for number, name in enumerate(found.heads)}

    def hears(kind: str, writer: str, reader: str) -> bool:
        return bool(np.isfinite(found.scores[kind][place[writer], place[reader]]))  # type: ignore[index]

    assert hears("K", "encoder.1.0", "cross.0.0")
    assert hears("V", "encoder.0.0", "cross.1.0")
    assert not hears("Q", "encoder.1.0", "cross.0.0")
    assert hears("Q", "decoder.0.0", "cross.0.0")  # of the same layer, but later
    assert not hears("K", "decoder.0.0", "cross.1.0")
    assert not hears("Q", "cross.0.0", "decoder.0.0")
    assert hears("Q", "cross.0.0", "decoder.1.0")
    assert not hears("Q", "encoder.0.0", "decoder.1.0")
    final = gain(model, "encoder.final_norm")
    weights = model.get_parameter("encoder.blocks.1.attention.query_key_value.weight").detach().double()
    output = model.get_parameter("encoder.blocks.1.attention.output.weight").detach().double()
    own = gain(model, "encoder.blocks.1.attention_norm")
    first = own @ weights[2 * WIDTH : 2 * WIDTH + SIZE].T @ output[:, :SIZE].T
    cross = "decoder.blocks.0.cross_attention"
    values = model.get_parameter(f"{cross}.key_value.weight").detach().double()[WIDTH : WIDTH + SIZE].T
    out = model.get_parameter(f"{cross}.output.weight").detach().double()[:, :SIZE].T
    expected = compared(first, final @ values @ out)
    assert found.scores["V"][place["encoder.1.0"], place["cross.0.0"]] == pytest.approx(expected, abs=1e-5)


def test_the_known_circuit_is_one_pair_that_composes_by_keys() -> None:
    found = composition(known_circuit())
    (kind, writer, reader, score), (*_, runner_up) = found.strongest(2)
    assert (kind, writer, reader) == ("K", Component.of_head(PREVIOUS_HEAD), Component.of_head(INDUCTION_HEAD))
    assert score > 2 * found.baseline.high
    assert runner_up == 0.0


def test_the_baseline_is_what_random_matrices_score() -> None:
    found = composition(model_of(width=64, heads=4, layers=1))
    random = torch.Generator().manual_seed(9)
    drawn = []
    for _ in range(200):
        a, b, c, d = torch.randn(4, 64, 16, generator=random, dtype=torch.float64)
        drawn.append(compared(a @ b.T, c @ d.T))
    assert found.baseline.mean == pytest.approx(np.mean(drawn), rel=0.02)
    assert found.baseline.high == pytest.approx(np.quantile(drawn, 0.99), rel=0.05)
    assert found.baseline.mean < found.baseline.high


def test_a_model_without_attention_is_refused() -> None:
    with pytest.raises(UserError, match="Only a Transformer"):
        composition(build(NgramConfig(vocabulary_size=9), seed=0))
