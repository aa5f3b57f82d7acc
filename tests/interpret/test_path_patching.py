"""What goes along one path alone, against the same sums done by hand on a model's matrices."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from llm_core.config import TransformerConfig
from llm_core.errors import UserError
from llm_core.interpret.components import Component
from llm_core.interpret.patching.pairs import Pair
from llm_core.interpret.patching.patching import Patching
from llm_core.interpret.patching.path_patching import Inputs, patch_path, patch_paths
from llm_core.interpret.reading import Reading, as_batch
from llm_core.interpret.target import Target
from llm_core.models.base import Model
from llm_core.models.build import build
from llm_core.models.transformer import Transformer
from llm_core.taps import observe
from tests.interpret.known_circuit import (  # fmt: skip
    INDUCTION_HEAD,
    OTHER_HEADS,
    PREVIOUS_HEAD,
    TOKENIZER,
    known_circuit,
    read_letters,
)
from tests.interpret.opened import SIZE, side_of


def made(**options: object) -> Transformer:
    config = TransformerConfig(**{**SIZE, "position": "learned", "final_norm": False, **options})  # type: ignore[arg-type]
    model = build(config, seed=1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(4)
    assert isinstance(model, Transformer)
    return model.eval().requires_grad_(False)


def pair_for() -> Pair:
    texts = side_of(0, 3, 7, 3, 11, 5), side_of(0, 3, 8, 3, 12, 5)
    return Pair(Reading(texts[0], None, 0), Reading(texts[1], None, 0), Target(5, 2, 1), ("a", "b"))


def all_taps(model: Model, reading: Reading) -> dict[str, Tensor]:
    with torch.no_grad(), observe(model) as seen:
        model(as_batch(reading))
    return dict(seen)


def head_by_hand(model: Transformer, layer: int, head: int, queries_from: Tensor, keys_from: Tensor, values_from: Tensor) -> Tensor:  # fmt: skip
    """The outputs (T, size) of a head of layer `layer` whose inputs read these streams (T, width)."""
    attention = model.blocks[layer].attention
    groups, size, heads = attention.groups, attention.size, attention.heads
    group = head // (heads // groups)
    norm = model.blocks[layer].attention_norm
    matrix = attention.query_key_value.weight  # type: ignore[union-attr]
    query, key, value = (
        F.linear(norm(x), matrix[row * size : (row + 1) * size])  # type: ignore[operator,index]
        for x, row in ((queries_from, head), (keys_from, heads + group), (values_from, heads + groups + group))
    )
    scores = query @ key.T / math.sqrt(size)  # type: ignore[arg-type]
    length = len(scores)
    scores = scores.masked_fill(torch.ones(length, length, dtype=torch.bool).triu(1), -math.inf)
    return scores.softmax(-1) @ value


def written(model: Transformer, layer: int, head: int, outputs: Tensor) -> Tensor:
    """What a head's outputs (T, size) add to the stream."""
    size = model.blocks[layer].attention.size
    return outputs @ model.blocks[layer].attention.output.weight[:, head * size : (head + 1) * size].T  # type: ignore[union-attr,index,operator]


def feed_forward(model: Transformer, layer: int, x: Tensor) -> Tensor:
    block = model.blocks[layer]
    assert callable(block.feed_forward)
    assert callable(block.feed_forward_norm)
    out: Tensor = block.feed_forward(block.feed_forward_norm(x))
    return out


@pytest.mark.parametrize("groups", [4, 2])
@pytest.mark.parametrize("inputs", ["queries", "keys", "values", "all"])
def test_a_head_hears_another_through_the_stream_alone(inputs: Inputs, groups: int) -> None:
    model, pair = made(key_value_heads=groups), pair_for()
    patching = Patching(model, pair)
    clean, corrupted = all_taps(model, pair.clean), all_taps(model, pair.corrupted)
    change = clean["blocks.0.attention.head_outputs"][0, 1] - corrupted["blocks.0.attention.head_outputs"][0, 1]
    middle = corrupted["blocks.0.residual_middle"][0] + written(model, 0, 1, change)
    heard = middle + feed_forward(model, 0, middle)  # the feed-forward layer between them answers, too
    plain = corrupted["blocks.1.residual_before"][0]
    streams = [heard if inputs in (name, "all") else plain for name in ("queries", "keys", "values")]
    outputs = head_by_hand(model, 1, 3, *streams)
    untouched = head_by_hand(model, 1, 3, plain, plain, plain)
    torch.testing.assert_close(untouched, corrupted["blocks.1.attention.head_outputs"][0, 3], atol=1e-4, rtol=1e-3)
    middle = corrupted["blocks.1.residual_middle"][0] + written(model, 1, 3, outputs - untouched)
    logits = model.head(middle + feed_forward(model, 1, middle))[5]
    expected = (float(logits[2] - logits[1]) - patching.corrupted) / (patching.clean - patching.corrupted)
    found = patch_path(patching, Component("decoder", 0, "head", 1), Component("decoder", 1, "head", 3), inputs)
    assert found == pytest.approx(expected, abs=2e-4)
    assert abs(found) > 1e-4


def test_what_a_head_says_to_the_logits_passes_feed_forward_layers_and_no_other_head() -> None:
    model, pair = made(), pair_for()
    patching = Patching(model, pair)
    clean, corrupted = all_taps(model, pair.clean), all_taps(model, pair.corrupted)
    change = clean["blocks.0.attention.head_outputs"][0, 2] - corrupted["blocks.0.attention.head_outputs"][0, 2]
    x = corrupted["blocks.0.residual_middle"][0] + written(model, 0, 2, change)
    x = x + feed_forward(model, 0, x)
    x = x + corrupted["blocks.1.attention.added"][0]
    x = x + feed_forward(model, 1, x)
    logits = model.head(x)[5]
    expected = (float(logits[2] - logits[1]) - patching.corrupted) / (patching.clean - patching.corrupted)
    found = patch_path(patching, Component("decoder", 0, "head", 2), Component("decoder", None, "hidden"))
    assert found == pytest.approx(expected, abs=2e-4)
    assert abs(found) > 1e-3


def test_a_feed_forward_layer_hears_the_embedding() -> None:
    model, pair = made(), pair_for()
    patching = Patching(model, pair)
    clean, corrupted = all_taps(model, pair.clean), all_taps(model, pair.corrupted)
    middle = clean["embedding"][0] + corrupted["blocks.0.attention.added"][0]
    said = feed_forward(model, 0, middle)
    x = corrupted["blocks.0.residual_middle"][0] + said
    with torch.no_grad(), observe(model, only=(), edits={"blocks.1.residual_before": lambda _: x[None]}):
        logits = model(as_batch(pair.corrupted))[0, 5]
    expected = (float(logits[2] - logits[1]) - patching.corrupted) / (patching.clean - patching.corrupted)
    found = patch_path(patching, Component("decoder", None, "embedding"), Component("decoder", 0, "feed_forward"))
    assert found == pytest.approx(expected, abs=2e-4)


def test_the_known_circuit_is_one_path_through_the_keys() -> None:
    model = known_circuit()
    right, wrong = (1 + "abcdefghijk".index(letter) for letter in "be")
    readings = [read_letters(text) for text in ("abdcea", "cbdaea")]
    patching = Patching(model, Pair(readings[0], readings[1], Target(6, right, wrong), (TOKENIZER.pieces[right], TOKENIZER.pieces[wrong])))  # fmt: skip
    induction, previous = Component.of_head(INDUCTION_HEAD), Component.of_head(PREVIOUS_HEAD)
    effects = {
        inputs: patch_path(patching, previous, induction, inputs) for inputs in ("keys", "queries", "values", "all")
    }  # type: ignore[arg-type]
    assert effects["keys"] == pytest.approx(1, abs=0.02)
    assert effects["all"] == pytest.approx(1, abs=0.02)
    assert effects["queries"] == pytest.approx(0, abs=0.02)
    assert effects["values"] == pytest.approx(0, abs=0.02)
    others = [Component.of_head(name) for name in OTHER_HEADS if name.layer == 0]
    assert all(abs(patch_path(patching, other, induction)) < 0.02 for other in others)
    logits = dict(patch_paths(patching, Component("decoder", None, "hidden")))
    assert len(logits) == 8
    assert logits.pop(induction) == pytest.approx(1, abs=0.02)
    assert max(map(abs, logits.values())) < 0.02


def test_all_senders_come_before_the_receiver_in_the_order_of_a_forward_pass() -> None:
    patching = Patching(made(), pair_for())
    senders = [str(sender) for sender, _ in patch_paths(patching, Component("decoder", 1, "head", 0))]
    assert senders == [*(f"decoder.0.{head}" for head in range(4)), "decoder.0.feed_forward"]


def test_an_encoder_speaks_to_the_decoder_through_cross_attention() -> None:
    model = build(TransformerConfig(**{**SIZE, "architecture": "encoder_decoder"}), seed=1)  # type: ignore[arg-type]
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(4)
    model.eval().requires_grad_(False)
    text = side_of(0, 3, 7)
    pair = Pair(Reading(text, side_of(4, 2, 9, 0), 0), Reading(text, side_of(4, 6, 9, 0), 0), Target(2, 2, 1), ("a", "b"))  # fmt: skip
    patching = Patching(model, pair)
    sender = Component("encoder", 1, "head", 0)
    cross, own = Component("cross", 0, "head", 1), Component("decoder", 1, "head", 1)
    assert abs(patch_path(patching, sender, cross)) > 1e-4
    assert patch_path(patching, sender, cross, "queries") == pytest.approx(0, abs=1e-5)
    assert patch_path(patching, sender, own) == pytest.approx(
        0, abs=1e-5
    )  # heads that would carry it on are held still


def test_components_that_cannot_speak_or_hear_are_refused() -> None:
    patching = Patching(made(), pair_for())
    head, later = Component("decoder", 0, "head", 0), Component("decoder", 1, "head", 0)
    with pytest.raises(UserError, match="cannot speak"):
        patch_path(patching, later, head)
    with pytest.raises(UserError, match="cannot speak"):
        patch_path(patching, head, replace(head, index=1))
    with pytest.raises(UserError, match="cannot be a receiver"):
        patch_path(patching, head, Component("decoder", 1, "residual_after"))
    with pytest.raises(UserError, match="cannot be a sender"):
        patch_path(patching, Component("decoder", 0, "residual_after"), later)
    with pytest.raises(UserError, match=r"no decoder\.0\.9"):
        patch_path(patching, replace(head, index=9), later)
    assert np.isfinite(patch_path(patching, head, later))
