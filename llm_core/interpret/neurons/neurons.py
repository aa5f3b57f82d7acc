"""The neurons of a feed-forward layer: what they are in some texts, and which tokens they listen to.

A neuron is one activation between the two matrices of such a layer; where the layer has a gate (SwiGLU, Shazeer 2020) it
is the product of the gate and the other half. Texts that excite it most say what one end of it does (Bolukbasi et al.
2021). So a direction of the same layer, drawn at random, is looked at in the same way: its highest activations are texts,
too.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from llm_core.errors import UserError
from llm_core.interpret.attention.attention import Floats, Part
from llm_core.interpret.components import Component, block_name, layer_parts, site, stack
from llm_core.interpret.geometry.token_vectors import embedded_vectors
from llm_core.interpret.neurons.excitements import Excitement, excite, heights, side_read
from llm_core.interpret.read_together import seen_at
from llm_core.interpret.reading import Reading, Side
from llm_core.models.base import Model
from llm_core.models.layers import FeedForward, Norm, activate
from llm_core.models.transformer import Block


@dataclass(frozen=True)
class LayerActivations:
    """What every neuron of one feed-forward `layer` is at every token of some texts: of each text (T, neurons)."""

    layer: Component
    sides: tuple[Side, ...] = field(repr=False)
    by_text: tuple[Floats, ...] = field(repr=False)

    @property
    def neurons(self) -> int:
        """How many there are."""
        return int(self.by_text[0].shape[1])

    @property
    def matrix(self) -> Floats:
        """(N, neurons): all tokens of all texts, one after the other."""
        return np.concatenate(self.by_text)

    def excitement(self, neuron: int, *, top: int = 8, window: int = 12) -> Excitement:
        """What excites one neuron. Raises UserError for one that is not there."""
        if not 0 <= neuron < self.neurons:
            raise UserError("There is no neuron {neuron}: the layer has {count}, counted from 0.", neuron=neuron, count=self.neurons)  # fmt: skip
        return excite([each[:, neuron] for each in self.by_text], self.sides, top=top, window=window)

    def along(self, directions: Floats) -> Floats:
        """(N, n): the activations along n directions (n, neurons) of the layer."""
        found: Floats = self.matrix @ directions.T
        return found


def neuron_activations(model: Model, layer: Component, readings: Sequence[Reading]) -> LayerActivations:
    """Have the model read some texts. `layer` is a feed-forward layer.

    Raises UserError for a layer that is not there and where there is no text; ValueError in training mode.
    """
    feed_forward(model, layer)
    tap = site(model, Component(layer.part, layer.layer, "neuron", 0)).tap
    by_text = tuple(seen[tap].numpy() for seen in seen_at(model, readings, [tap]))
    return LayerActivations(layer, tuple(side_read(reading, layer.part) for reading in readings), by_text)


def random_directions(count: int, size: int, seed: int = 0) -> Floats:
    """(count, size) fp32: directions of length 1, none preferred."""
    drawn = np.random.default_rng(seed).normal(size=(count, size))
    found: Floats = (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)
    return found


def random_heights(activations: LayerActivations, count: int = 100, seed: int = 0) -> Floats:
    """(count,): how far the highest activation along directions drawn at random stands above the mean of each."""
    return heights(activations.along(random_directions(count, activations.neurons, seed)))


def feed_forward(model: Model, layer: Component) -> FeedForward:
    """The module of a feed-forward layer. Raises UserError where the model has no such layer, ValueError for what is none."""
    if layer.kind != "feed_forward" or layer.layer is None:
        raise ValueError(f"{layer} is no feed-forward layer")
    site(model, layer)
    found = model.get_submodule(f"{block_name(model, layer.part, layer.layer)}.feed_forward")
    assert isinstance(found, FeedForward)
    return found


def writes(model: Model, layer: Component) -> Floats:
    """(neurons, width): what each neuron adds to the residual stream with an activation of one.

    Raises UserError where the model has no such layer.
    """
    found: Floats = feed_forward(model, layer).down.weight.detach().float().T.cpu().numpy()
    return found


def listens(model: Model, neuron: Component) -> Floats:
    """(V,): the activation of a neuron that each token brings about by itself, its own vector all that is in the stream.

    No position is added, and no other layer: in the first layer this is what a model without position vectors does where
    attention brings nothing; later, the straight way alone. Raises UserError for a neuron that is not there.
    """
    site(model, neuron)
    if neuron.kind != "neuron" or neuron.layer is None or neuron.index is None:
        raise ValueError(f"{neuron} is no neuron")
    layer = feed_forward(model, Component(neuron.part, neuron.layer, "feed_forward"))
    only = slice(neuron.index, neuron.index + 1)
    with torch.inference_mode():
        inputs = _straight(model, neuron.part, neuron.layer)
        found = _through(layer.up, inputs, only)
        if layer.gate is None:
            found = activate(found, layer.activation)
        else:
            found = activate(_through(layer.gate, inputs, only), layer.activation) * found
    activations: Floats = found[:, 0].float().cpu().numpy()
    return activations


def _straight(model: Model, part: Part, layer: int) -> Tensor:
    """(V, width): every token's vector as the feed-forward layer reads it, nothing added on the way."""
    of = stack(model, part)
    vectors = embedded_vectors(model, part)
    if of.config.norm_position == "before":
        norm = _norm(of.blocks[layer], "feed_forward_norm")
        return vectors if norm is None else norm(vectors)
    names = [*(f"{'cross' if part_of == 'cross' else 'attention'}_norm" for part_of in layer_parts(model, part)), "feed_forward_norm"]  # fmt: skip
    for number in range(layer + 1):
        for name in names:
            norm = _norm(of.blocks[number], name)
            if norm is not None and (number, name) != (layer, "feed_forward_norm"):
                vectors = norm(vectors)
    return vectors


def _norm(block: object, name: str) -> Norm | None:
    assert isinstance(block, Block)
    found = getattr(block, name)
    assert found is None or isinstance(found, Norm)
    return found


def _through(matrix: torch.nn.Linear, inputs: Tensor, rows: slice) -> Tensor:
    bias = None if matrix.bias is None else matrix.bias[rows]
    return torch.nn.functional.linear(inputs, matrix.weight[rows], bias)
