"""Value-weighted attention against the paper's formula, token by token, from the weights themselves."""

import numpy as np
import pytest
import torch

from llm_core.interpret.attention.attention import see
from llm_core.interpret.attention.value_weighted import norms
from llm_core.models.attention import SelfAttention
from llm_core.models.base import Batch
from llm_core.taps import observe
from tests.interpret.opened import model_of, reading_of


@pytest.mark.parametrize("norm_position", ["before", "after"])
def test_it_is_attention_times_the_length_of_what_is_taken(norm_position: str) -> None:
    model = model_of(architecture="encoder", biases=True, norm_position=norm_position)
    reading = reading_of(model)
    with torch.no_grad(), observe(model, only=["*.residual_before"]) as taps:
        model(Batch(torch.tensor([reading.text.ids])))
    attention = see(model, reading).parts["encoder"]
    found = norms(attention)
    assert found.shape == (2, 4, 6, 6)
    for layer in range(2):
        block = model.get_submodule(f"blocks.{layer}")
        weights = block.attention
        assert isinstance(weights, SelfAttention)
        x = taps[f"blocks.{layer}.residual_before"][0]
        with torch.no_grad():
            x = block.attention_norm(x) if norm_position == "before" else x  # type: ignore[operator]
        for head in range(4):
            rows = slice(48 + 6 * head, 48 + 6 * (head + 1))  # after all queries and keys
            value_matrix, value_bias = weights.query_key_value.weight[rows], weights.query_key_value.bias[rows]
            output_matrix = weights.output.weight[:, 6 * head : 6 * (head + 1)]
            for i in range(6):
                for j in range(6):
                    taken = output_matrix @ (value_matrix @ x[j] + value_bias)
                    expected = attention.pattern[layer, head, i, j] * float(taken.detach().norm())
                    assert found[layer, head, i, j] == pytest.approx(expected, rel=1e-3, abs=1e-5)


def test_heads_that_share_values_and_texts_that_look_at_another_have_it_too() -> None:
    model = model_of(architecture="encoder_decoder", key_value_heads=2)
    for attention in see(model, reading_of(model)).parts.values():
        found = norms(attention)
        assert found.shape == attention.pattern.shape
        assert np.array_equal(found == 0, attention.pattern == 0)
