"""Fused and explicit attention are one; rotation and grouping do what their papers say."""

import math

import pytest
import torch

from llm_core.config import TransformerConfig
from llm_core.models.base import Batch
from llm_core.models.build import build
from llm_core.models.layers import rotary_table, rotate, sinusoids
from llm_core.taps import observe

SIZE = {"vocabulary_size": 19, "context": 12, "width": 24, "layers": 2, "heads": 4}


def model_of(**options: object):  # type: ignore[no-untyped-def]
    model = build(TransformerConfig(**{**SIZE, **options}), seed=1).eval()  # type: ignore[arg-type]
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(5)
    return model


def batch_for(architecture: str) -> Batch:
    tokens = torch.randint(19, (3, 10), generator=torch.Generator().manual_seed(0))
    lengths = torch.tensor([10, 4, 7])
    return Batch(tokens, lengths, source=Batch(tokens, lengths) if architecture == "encoder_decoder" else None)


@pytest.mark.parametrize("architecture", ["decoder", "encoder", "encoder_decoder"])
@pytest.mark.parametrize("groups", [None, 2, 1])
def test_fused_and_explicit_attention_are_equal(architecture: str, groups: int | None) -> None:
    model, batch = model_of(architecture=architecture, key_value_heads=groups), batch_for(architecture)
    with torch.no_grad():
        fused = model(batch)
        with observe(model, only=["*.pattern"]) as seen:
            explicit = model(batch)
    torch.testing.assert_close(explicit[batch.real], fused[batch.real], atol=1e-5, rtol=1e-4)
    assert seen
    for pattern in seen.values():
        torch.testing.assert_close(pattern.sum(-1), torch.ones(pattern.shape[:-1]))


def test_a_pattern_looks_only_where_it_may() -> None:
    later = torch.ones(10, 10).triu(1).bool()
    with observe(model := model_of(), only=["*.pattern"]) as seen, torch.no_grad():
        model(batch_for("decoder"))
    assert all(not pattern[..., later].any() for pattern in seen.values())
    with observe(model := model_of(architecture="encoder"), only=["*.pattern"]) as seen, torch.no_grad():
        model(batch_for("encoder"))
    assert all(not pattern[1, :, :, 4:].any() for pattern in seen.values())


def test_scores_are_scaled_products_of_queries_and_keys() -> None:
    model = model_of()
    with observe(model) as seen, torch.no_grad():
        model(batch_for("decoder"))
    name = "blocks.1.attention."
    product = seen[name + "queries"] @ seen[name + "keys"].transpose(-1, -2) / math.sqrt(6)
    allowed = torch.ones(10, 10).tril().bool()
    torch.testing.assert_close(seen[name + "scores"][..., allowed], product[..., allowed])
    mixed = seen[name + "pattern"] @ seen[name + "values"]
    torch.testing.assert_close(seen[name + "head_outputs"], mixed)


def test_a_rotated_product_depends_on_the_distance_alone() -> None:
    table = rotary_table(20, 8, 100.0)
    q, k = torch.randn(1, 1, 8), torch.randn(1, 1, 8)

    def product(i: int, j: int) -> float:
        return float((rotate(q, table[i : i + 1]) * rotate(k, table[j : j + 1])).sum())

    assert product(3, 1) == pytest.approx(product(12, 10), abs=1e-5)
    assert product(3, 1) != pytest.approx(product(3, 2), abs=1e-3)
    torch.testing.assert_close(rotate(q, table[:1]), q)


def test_sinusoids_are_those_of_the_paper() -> None:
    table = sinusoids(7, 6)
    for position in range(7):
        for i in range(3):
            angle = position / 10_000 ** (2 * i / 6)
            assert float(table[position, 2 * i]) == pytest.approx(math.sin(angle), abs=1e-6)
            assert float(table[position, 2 * i + 1]) == pytest.approx(math.cos(angle), abs=1e-6)


def test_without_positions_a_later_token_cannot_tell_the_order() -> None:
    model = model_of(position="none", layers=1)
    with torch.no_grad():
        one = model(Batch(torch.tensor([[3, 4, 5]])))[:, -1]
        other = model(Batch(torch.tensor([[4, 3, 5]])))[:, -1]
    torch.testing.assert_close(one, other)


def test_more_tokens_than_the_context_are_refused() -> None:
    with pytest.raises(ValueError, match="context of 12"):
        model_of()(Batch(torch.zeros(1, 13, dtype=torch.int64)))


@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float16])
def test_lower_precision_is_near(precision: torch.dtype) -> None:
    model = model_of(query_key_norm=True)
    batch = batch_for("decoder")
    with torch.no_grad(), torch.autocast("cpu", dtype=precision):
        near = model(batch)
    assert near.dtype == torch.float32
    with torch.no_grad():
        assert (near - model(batch)).abs().mean() < 0.05 * near.abs().mean()


def test_dropout_works_while_training_only() -> None:
    model, batch = model_of(dropout=0.3), batch_for("decoder")
    with torch.no_grad():
        assert torch.equal(model(batch), model(batch))
        model.train()
        assert not torch.equal(model(batch), model(batch))
