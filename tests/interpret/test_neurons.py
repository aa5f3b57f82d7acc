"""Neurons against the model itself: read text by text, with all else taken away, and by direct logit attribution."""

import numpy as np
import pytest
import torch

from llm_core.errors import UserError
from llm_core.interpret.attribution.logit_attribution import attribute_logit
from llm_core.interpret.components import Component, feed_forwards, heads, site
from llm_core.interpret.interventions import ablate
from llm_core.interpret.neurons.neurons import (
    listens,
    neuron_activations,
    random_directions,
    random_heights,
    writes,
)
from llm_core.interpret.neurons.written_tokens import way_out
from llm_core.interpret.reading import Reading, as_batch
from llm_core.interpret.target import Target
from llm_core.models.base import Batch, Model
from llm_core.taps import observe
from tests.interpret.opened import SIZE, side_of, task_model_of, variety_of

VARIED = ["ours", "gpt2", "llama", "bert", "transformer", "pre-norm with a source", "post-norm decoder", "rms after"]


def texts_of(model: Model) -> list[Reading]:
    """Of different lengths, so that they are padded."""
    crossed = getattr(model.config, "architecture", "") == "encoder_decoder"
    rows = [(0, 3, 7, 3, 11, 5), (2, 9, 4), (1, 8, 6, 12, 13)]
    return [Reading(side_of(*row), side_of(*reversed(row), 2) if crossed else None, 0) for row in rows]


def last(model: Model) -> Component:
    """The feed-forward layer that matters last."""
    return feed_forwards(model)[-1]


@pytest.mark.parametrize("name", VARIED)
def test_activations_are_those_of_each_text_read_alone(name: str) -> None:
    model = variety_of(name)
    for layer in feed_forwards(model):
        found = neuron_activations(model, layer, texts_of(model))
        tap = site(model, Component(layer.part, layer.layer, "neuron", 0)).tap
        for reading, side, values in zip(texts_of(model), found.sides, found.by_text, strict=True):
            with torch.no_grad(), observe(model, only=[tap]) as seen:
                model.body(as_batch(reading))
            assert side == (reading.source if layer.part == "encoder" and reading.source else reading.text)
            np.testing.assert_allclose(values, seen[tap][0].numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", VARIED)
def test_promoted_tokens_are_the_mean_of_direct_attribution_over_all_tokens(name: str) -> None:
    """What a neuron adds to one token more than to another, divided by its activation, at every position of every text."""
    model = variety_of(name)
    layer, texts = feed_forwards(model)[-2], texts_of(model)
    if layer.part == "encoder" and feed_forwards(model)[-1].part == "decoder":
        layer = last(model)
    readings = texts[:2]
    activations = neuron_activations(model, layer, readings).matrix
    neuron = int(np.abs(activations).min(0).argmax())
    assert np.abs(activations[:, neuron]).min() > 0
    effects = way_out(model, layer, readings).effects(writes(model, layer)[neuron : neuron + 1])[0]
    assert effects.mean() == pytest.approx(0, abs=1e-5)
    named, shares = Component(layer.part, layer.layer, "neuron", neuron), []
    for reading in readings:
        for position in range(len(reading.text.ids)):
            found = attribute_logit(model, reading, Target(position, 4, 11), neurons=10_000)
            at = found.neurons.index(named)
            shares.append(found.neuron_contributions[at] / found.activations[at, 0])
    assert effects[4] - effects[11] == pytest.approx(np.mean(shares), rel=2e-3, abs=1e-4)


def test_of_a_decoder_with_layer_norms_they_are_the_formula_of_transformer_lens() -> None:
    """`W_out[neuron] @ W_U`, the final norm's gain and centring folded in, over the final norm's mean scale."""
    model = variety_of("gpt2")
    texts, layer = texts_of(model), Component("decoder", 0, "feed_forward")
    weights = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    unembed = weights["final_norm.weight"][:, None] * weights["token_embedding.weight"].T  # (width, V)
    unembed = unembed - unembed.mean(0)
    scales = []
    for reading in texts:
        with torch.no_grad(), observe(model, only=["blocks.1.residual_after"]) as seen:
            model.body(as_batch(reading))
        stream = seen["blocks.1.residual_after"][0].double().numpy()
        scales.append(1 / np.sqrt(stream.var(1) + model.config.norm_epsilon))
    by_hand = weights["blocks.0.feed_forward.down.weight"].T @ unembed * np.concatenate(scales).mean()
    found = way_out(model, layer, texts).effects(writes(model, layer))
    np.testing.assert_allclose(found, by_hand - by_hand.mean(1, keepdims=True), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", ["ours", "gpt2", "llama", "bert", "rms after", "transformer"])
def test_what_a_neuron_listens_to_is_its_activation_with_all_else_taken_away(name: str) -> None:
    model = variety_of(name)
    if getattr(model, "position_embedding", None) is not None:
        model.position_embedding.weight.zero_()  # type: ignore[union-attr,operator]
    every = torch.arange(int(SIZE["vocabulary_size"]))[:, None]
    crossed = name == "transformer"
    batch = Batch(every, source=Batch(every) if crossed else None)
    for layer in feed_forwards(model):
        neuron = Component(layer.part, layer.layer, "neuron", 5)
        rest = [Component(head.part, head.layer, "attention") for head in heads(model)]
        rest += [each for each in feed_forwards(model) if each != layer]
        edits = ablate(model, rest)
        for part in {
            layer.part for layer in feed_forwards(model)
        }:  # sinusoids cannot be zeroed: the tap is set instead
            if crossed:
                vectors = model.token_embedding.weight * model.config.width**0.5  # type: ignore[union-attr,operator]
                edits[f"{part}.embedding"] = lambda _x, vectors=vectors: vectors[:, None]
        tap = site(model, neuron).tap
        with torch.no_grad(), observe(model, only=[tap], edits=edits) as seen:
            model.body(batch)
        np.testing.assert_allclose(listens(model, neuron), seen[tap][:, 0, 5].numpy(), rtol=1e-3, atol=1e-4)


def test_a_tagger_promotes_its_labels() -> None:
    model = task_model_of("tag", norm="rms", norm_weights=False)
    layer = last(model)
    effects = way_out(model, layer, texts_of(model)).effects(writes(model, layer))
    expected = writes(model, layer) @ model.task_head.weight.numpy().T  # type: ignore[union-attr,operator]
    expected = expected - expected.mean(1, keepdims=True)
    assert effects.shape == expected.shape == (len(expected), 3)
    np.testing.assert_allclose(effects / expected, effects[0, 0] / expected[0, 0], rtol=1e-3)  # one division for all


@pytest.mark.parametrize(("pooling", "read"), [("first", slice(1)), ("mean", slice(None))])
def test_a_class_is_promoted_through_the_tokens_that_it_is_read_from(pooling: str, read: slice) -> None:
    model = task_model_of("classify", pooling=pooling, norm="rms")
    layer, scales = last(model), []
    for reading in texts_of(model):
        with torch.no_grad(), observe(model, only=["reader.blocks.1.residual_after"]) as seen:
            model.body(as_batch(reading))
        stream = seen["reader.blocks.1.residual_after"][0, read].double().numpy()
        scales.append(1 / np.sqrt((stream**2).mean(1) + model.config.body.norm_epsilon))  # type: ignore[union-attr]
    weights = {name: tensor.double().numpy() for name, tensor in model.state_dict().items()}
    matrix = weights["task_head.weight"] * weights["reader.final_norm.weight"]
    expected = np.concatenate(scales).mean() * writes(model, layer) @ matrix.T
    found = way_out(model, layer, texts_of(model)).effects(writes(model, layer))
    np.testing.assert_allclose(found, expected - expected.mean(1, keepdims=True), rtol=1e-3, atol=1e-4)


def test_directions_drawn_at_random_have_length_one_and_are_looked_at_like_neurons() -> None:
    model = variety_of("ours")
    found = neuron_activations(model, last(model), texts_of(model))
    directions = random_directions(7, found.neurons, seed=3)
    np.testing.assert_allclose(np.linalg.norm(directions, axis=1), 1, rtol=1e-5)
    along = found.along(directions)
    by_hand = [(found.matrix * direction).sum(1) for direction in directions]
    np.testing.assert_allclose(along, np.stack(by_hand, axis=1), rtol=1e-3, atol=1e-4)
    peaks = [(row.max() - row.mean()) / row.std() for row in by_hand]
    np.testing.assert_allclose(random_heights(found, 7, seed=3), peaks, rtol=1e-3)
    unit = found.excitement(2)
    assert unit.highest == pytest.approx(found.matrix[:, 2].max())


def test_what_is_not_there_is_refused() -> None:
    model, crossed = variety_of("ours"), variety_of("transformer")
    with pytest.raises(UserError, match=r"no decoder\.0\.feed_forward"):
        neuron_activations(variety_of("attention only"), Component("decoder", 0, "feed_forward"), texts_of(model))
    with pytest.raises(UserError, match="writes no logits"):
        way_out(crossed, Component("encoder", 0, "feed_forward"), texts_of(crossed))
    found = neuron_activations(model, last(model), texts_of(model))
    with pytest.raises(UserError, match="no neuron 999"):
        found.excitement(999)
    with pytest.raises(UserError, match="no text"):
        neuron_activations(model, last(model), [])
    with pytest.raises(ValueError, match="no feed-forward"):
        writes(model, Component("decoder", 0, "head", 1))
