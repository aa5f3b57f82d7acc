"""What each part adds to a target: against each part's vector carried through the frozen rest of the model by hand."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from llm_core.errors import UserError
from llm_core.interpret.attribution.logit_attribution import attribute_logit
from llm_core.interpret.components import Component, block_name, layer_parts, stack_prefix
from llm_core.interpret.interventions import ablate
from llm_core.interpret.reading import Reading, as_batch
from llm_core.interpret.reading_out import spoken
from llm_core.interpret.target import Target
from llm_core.models.base import Model
from llm_core.models.layers import activate
from llm_core.models.task_model import pool
from llm_core.taps import observe
from tests.interpret.opened import VARIETIES, model_of, reading_of, side_of, task_model_of, variety_of

TARGETS = [Target(4, 7), Target(5, 2, 11), Target(0, 3, "others")]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", VARIETIES)
def test_contributions_add_up_to_the_target(name: str, target: Target) -> None:
    model = variety_of(name)
    found = attribute_logit(model, reading_of(model), target)
    with torch.no_grad():
        logits = model(as_batch(reading_of(model)))
    output = float(target.of(logits))
    assert found.output == output
    scale = float(np.abs(found.by_position).sum() + np.abs(found.constants).sum())
    assert scale > 0.5
    assert abs(found.remainder) < 2e-6 * scale + 1e-6
    assert found.total == pytest.approx(found.contributions.sum() + found.constants.sum(), abs=1e-5 * scale)
    if name == "ours":
        assert found.explains == "before_soft_cap"
        straight = 15 * torch.atanh(logits.double() / 15)
        assert found.value == pytest.approx(float(target.of(straight)), rel=1e-3, abs=1e-3)
    else:
        assert found.explains == "logit"
        assert found.value == output
    assert ("head_activation" in found.frozen) == (name == "bert")


@pytest.mark.parametrize("name", VARIETIES)
def test_each_contribution_is_the_parts_vector_carried_to_the_end(name: str) -> None:
    """Forward instead of backward: what a part has added goes through every frozen norm that follows."""
    model, target = variety_of(name), TARGETS[1]
    found = attribute_logit(model, reading_of(model), target, neurons=10_000)
    expected = carried(model, target)
    assert [str(component) for component in found.components] == [each for each in expected if each.count(".") < 3]
    for component, contribution in zip(found.components, found.contributions, strict=True):
        assert contribution == pytest.approx(expected[str(component)], rel=1e-3, abs=1e-4), component
    for neuron, contribution in zip(found.neurons, found.neuron_contributions, strict=True):
        assert contribution == pytest.approx(expected[str(neuron)], rel=1e-3, abs=1e-4), neuron
    assert len(found.neurons) == sum(each.count(".") == 3 for each in expected)
    sizes = np.abs(found.neuron_contributions)
    assert (np.diff(sizes) <= 0).all()


def carried(model: Model, target: Target) -> dict[str, float]:
    stream = spoken(model)
    prefix = stack_prefix(model, stream)
    with torch.no_grad(), observe(model) as taps:
        model(as_batch(reading_of(model)))
    seen = {name: tensor[0].double() for name, tensor in taps.items()}
    to_end: list[Callable[[Tensor], Tensor]] = [lambda x: x]
    ends: list[tuple[str, Tensor, int]] = [(f"{stream}.embedding", seen[f"{prefix}embedding"], 0)]

    def then(norm: Any, inputs: Tensor) -> None:
        to_end.append(lambda x: frozen(norm, inputs, x))

    for layer in range(2):
        name = block_name(model, stream, layer)
        block: Any = model.get_submodule(name)
        x = seen[f"{name}.residual_before"]
        for part in layer_parts(model, stream):
            kind = "cross_attention" if part == "cross" else "attention"
            attention = getattr(block, kind)
            for head in range(4):
                columns = attention.output.weight[:, 6 * head : 6 * head + 6].double()
                added = seen[f"{name}.{kind}.head_outputs"][head] @ columns.T
                ends.append((f"{part}.{layer}.{head}", added, len(to_end)))
            if not block.norm_first:
                then(block.cross_norm if part == "cross" else block.attention_norm, x + seen[f"{name}.{kind}.added"])
            x = seen[f"{name}.{'residual_crossed' if part == 'cross' else 'residual_middle'}"]
        if block.feed_forward is not None:
            added = seen[f"{name}.feed_forward.added"]
            ends.append((f"{stream}.{layer}.feed_forward", added, len(to_end)))
            activations = seen[f"{name}.feed_forward.activations"]
            for neuron in range(activations.shape[-1]):
                column = block.feed_forward.down.weight[:, neuron].double()
                ends.append((f"{stream}.{layer}.feed_forward.{neuron}", activations[:, neuron, None] * column, len(to_end)))  # fmt: skip
            if not block.norm_first:
                then(block.feed_forward_norm, x + added)
    final = model.get_submodule(prefix.removesuffix(".")).final_norm
    if final is not None:
        then(final, seen[f"{stream}.blocks.1.residual_after" if prefix else "blocks.1.residual_after"])
    found = {}
    for label, vector, passed in ends:
        for step in to_end[passed:]:
            vector = step(vector)
        found[label] = float(written(model, target, vector, seen[f"{prefix}hidden"]))
    return found


def frozen(norm: Any, inputs: Tensor, x: Tensor) -> Tensor:
    """The norm without its bias, divided by what it divides these inputs by."""
    if norm.kind == "layer":
        x = x - x.mean(-1, keepdim=True)
        inputs = inputs - inputs.mean(-1, keepdim=True)
    x = x / (inputs.square().mean(-1, keepdim=True) + norm.epsilon).sqrt()
    return x if norm.weight is None else x * norm.weight.double()


def written(model: Any, target: Target, x: Tensor, hidden: Tensor) -> Tensor:
    head = model.token_head
    if head.transform is not None:
        before = hidden @ head.transform.weight.double().T + head.transform.bias.double()
        after = activate(before, head.activation)
        x = frozen(head.norm, after, x @ head.transform.weight.double().T * after / before)
    matrix = model.token_embedding.weight if head.weight is None else head.weight
    return target.of((x @ matrix.double().T)[None])


@pytest.mark.parametrize("pooling", ["mean", "first", "mean_and_max"])
def test_a_class_is_explained_position_by_position(pooling: str) -> None:
    model = task_model_of("classify", pooling, norm_position="after")
    target = Target(None, 2, "others")
    found = attribute_logit(model, reading_of(model), target)
    scale = float(np.abs(found.by_position).sum() + np.abs(found.constants).sum())
    assert abs(found.remainder) < 2e-6 * scale + 1e-6
    assert found.positions == tuple(range(6))
    assert found.by_position.shape == (len(found.components), 6)
    np.testing.assert_allclose(found.by_position.sum(1), found.contributions, rtol=1e-3, atol=1e-5)
    assert found.activations.shape == (10, 6)
    others = np.abs(found.by_position[:, 1:]).max()
    assert others == 0 if pooling == "first" else others > 1e-3


def test_a_pooled_text_is_explained_by_what_the_last_layer_adds_to_it() -> None:
    """By hand for the last feed-forward layer of a model whose norms stand before: the mean, and where each is largest."""
    model = task_model_of("classify", norm="rms", final_norm=False)
    with torch.no_grad(), observe(model) as seen:
        model(as_batch(reading_of(model)))
    hidden, added = seen["reader.hidden"], seen["reader.blocks.1.feed_forward.added"]
    largest = added[0].gather(0, hidden[0].argmax(0)[None])[0]
    torch.testing.assert_close(hidden[0].gather(0, hidden[0].argmax(0)[None])[0], pool(hidden, None, "mean_and_max")[0, 24:])  # fmt: skip
    expected = torch.cat((added[0].mean(0), largest)) @ model.task_head.weight[1]
    found = attribute_logit(model, reading_of(model), Target(None, 1))
    assert found.components[-1] == Component("encoder", 1, "feed_forward")
    assert found.contributions[-1] == pytest.approx(float(expected), rel=1e-4)


def test_a_tag_is_explained_at_its_token() -> None:
    model = task_model_of("tag")
    found = attribute_logit(model, reading_of(model), Target(3, 2, 0))
    assert found.positions == (3,)
    assert abs(found.remainder) < 1e-4


def test_the_strongest_neurons_are_named_with_what_they_do() -> None:
    model = variety_of("gpt2")
    every = attribute_logit(model, reading_of(model), TARGETS[0], neurons=192)
    some = attribute_logit(model, reading_of(model), TARGETS[0], neurons=7)
    assert some.neurons == every.neurons[:7]
    with torch.no_grad(), observe(model) as seen:
        model(as_batch(reading_of(model)))
    for neuron, activations in zip(some.neurons, some.activations, strict=True):
        there = seen[f"blocks.{neuron.layer}.feed_forward.activations"][0, 4, neuron.index]
        assert activations.tolist() == [pytest.approx(float(there), rel=1e-5)]
    assert attribute_logit(variety_of("attention only"), reading_of(model), TARGETS[0]).neurons == ()


def test_a_part_that_is_taken_away_contributes_nothing() -> None:
    model = variety_of("ours")
    gone = Component("decoder", 1, "head", 2)
    found = attribute_logit(model, reading_of(model), TARGETS[0], edits=ablate(model, [gone]))
    assert found.contributions[found.components.index(gone)] == 0
    assert abs(found.remainder) < 1e-4
    assert found.value != attribute_logit(model, reading_of(model), TARGETS[0]).value


def test_constants_are_named_after_the_biases_they_come_from() -> None:
    assert attribute_logit(variety_of("llama"), reading_of(model_of()), TARGETS[0]).constant_names == ()
    found = attribute_logit(variety_of("gpt2"), reading_of(model_of()), TARGETS[0])
    assert set(found.constant_names) == {"final_norm", "blocks.0.attention.output", "blocks.1.attention.output"}
    bert = attribute_logit(variety_of("bert"), reading_of(model_of()), TARGETS[0])
    assert {"head", "blocks.0.attention_norm", "blocks.1.feed_forward_norm"} <= set(bert.constant_names)


def test_what_cannot_be_explained_says_why() -> None:
    model = model_of()
    with pytest.raises(UserError, match="no position"):
        attribute_logit(model, reading_of(model), Target(6, 1))
    with pytest.raises(UserError, match="no token or class"):
        attribute_logit(model, reading_of(model), Target(1, 19))
    with pytest.raises(UserError, match="places of a text"):
        attribute_logit(task_model_of("answer"), Reading(side_of(1, 2), None, 0), Target(0, 1))
    with pytest.raises(ValueError, match="eval mode"):
        attribute_logit(model_of().train(), reading_of(model), Target(1, 1))
