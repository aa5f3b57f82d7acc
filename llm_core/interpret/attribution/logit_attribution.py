"""Direct logit attribution: which layer, head and neuron pushed a token up, and which another one.

Everything a model says is a sum over what its parts have added to the residual stream, once the scale of each norm is
held as it is (Elhage et al. 2021; Wang et al. 2023, section 3.1). So the contributions add up to the target exactly: the
remainder that is shown is rounding. They are direct effects only: what a head does to later layers is not in them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from llm_core.interpret.attention.attention import Part
from llm_core.interpret.attribution.frozen import Way, from_target, through_norm
from llm_core.interpret.components import Component, block_name, layer_parts, site, stack_prefix
from llm_core.interpret.reading import Reading, as_batch
from llm_core.interpret.reading_out import spoken, uncapped
from llm_core.interpret.target import Target, check_target
from llm_core.models.attention import Attention
from llm_core.models.base import Model
from llm_core.models.layers import FeedForward, Norm
from llm_core.models.transformer import Block
from llm_core.taps import Edit, observe

Floats = NDArray[np.float32]
_LINES: dict[str, tuple[str, str, str]] = {
    "attention": ("residual_before", "attention", "attention_norm"),
    "cross": ("residual_middle", "cross_attention", "cross_norm"),
}


@dataclass(frozen=True)
class LogitAttribution:
    """What each of N components has added to a target, directly, and what remains.

    `components`: the embedding (tokens and positions together), every head, every feed-forward layer with its bias, in
    the order in which they add to the stream. `contributions` (N,) add up over P `positions` from `by_position` (N, P):
    one position, or where the model classifies a whole text all of them. `constants` are what biases add whatever is
    read: of attention outputs, norms and the head, by name. `neurons` (n,): those that add most, up or down, with their
    `neuron_contributions`, which are parts of those of their feed-forward layers; `activations` (n, P).

    `value` is the target that is explained and `total` the sum of contributions and constants; `remainder` is what is
    left between them. `explains` says where the target is taken: at the logits, or, where the model bends its logits,
    before the soft cap; `output` is the target as the model says it in the end. `frozen` names what is held as it is for
    the sum to be one: norms, and the activation of a masked-model head.
    """

    stream: Part
    target: Target
    components: tuple[Component, ...]
    contributions: Floats
    positions: tuple[int, ...]
    by_position: Floats
    constant_names: tuple[str, ...]
    constants: Floats
    neurons: tuple[Component, ...]
    neuron_contributions: Floats
    activations: Floats
    value: float
    total: float
    remainder: float
    output: float
    explains: Literal["logit", "before_soft_cap"]
    frozen: tuple[Literal["norms", "head_activation"], ...]


def attribute_logit(
    model: Model, reading: Reading, target: Target, *, neurons: int = 10, edits: Mapping[str, Edit] | None = None
) -> LogitAttribution:
    """Take a target apart. `neurons`: how many of those that add most are named. With `edits` the model is seen as they
    change it.

    Raises UserError for a model that cannot be read out and a target that is not there; ValueError for a model in
    training mode.
    """
    if model.training:
        raise ValueError("put the model in eval mode before looking into it")
    stream = spoken(model)
    check_target(model, reading, target)
    with torch.no_grad(), observe(model, only=_taps(model, stream), edits=edits) as seen:
        logits = model(as_batch(reading).to(next(model.parameters()).device))
        hidden = seen[f"{stack_prefix(model, stream)}hidden"]
        bent = getattr(model.config, "logit_softcap", None) is not None
        output = float(target.of(logits))
        value = float(target.of(uncapped(model, hidden))) if bent else output
        positions = tuple(range(len(reading.text.ids))) if target.position is None else (target.position,)
        walk = _Walk(model, stream, {tap: tensor[0, ..., list(positions), :] for tap, tensor in seen.items()})
        walk.back(target, hidden[0, list(positions)])
    found = list(reversed(walk.found))
    by_position = torch.stack([values for _component, values in found]).cpu()
    total = float(by_position.sum()) + sum(walk.constants.values())
    chosen = _strongest(walk.neurons, neurons)
    return LogitAttribution(
        stream=stream,
        target=target,
        components=tuple(component for component, _values in found),
        contributions=by_position.sum(1).float().numpy(),
        positions=positions,
        by_position=by_position.float().numpy(),
        constant_names=tuple(walk.constants),
        constants=np.array(list(walk.constants.values()), dtype=np.float32),
        neurons=tuple(neuron.component for neuron in chosen),
        neuron_contributions=np.array([neuron.contribution for neuron in chosen], dtype=np.float32),
        activations=_activations(chosen, len(positions)),
        value=value,
        total=total,
        remainder=value - total,
        output=output,
        explains="before_soft_cap" if bent else "logit",
        frozen=("norms", "head_activation") if getattr(model.config, "head_transform", False) else ("norms",),
    )


@dataclass(frozen=True)
class _Neuron:
    component: Component
    contribution: float
    activations: Tensor  # (P,)


@dataclass(frozen=True)
class _Neurons:
    """All neurons of one feed-forward layer: contributions (inner,), activations (P, inner)."""

    layer: Component
    contributions: Tensor
    activations: Tensor


class _Walk:
    """From the target back to the embedding, layer by layer; what each line of the stream has added is noted."""

    def __init__(self, model: Model, stream: Part, seen: Mapping[str, Tensor]) -> None:
        self.model = model
        self.stream: Part = stream
        self.seen = seen
        self.found: list[tuple[Component, Tensor]] = []  # (P,) each, the last one first
        self.constants: dict[str, float] = {}
        self.neurons: list[_Neurons] = []

    def back(self, target: Target, hidden: Tensor) -> None:
        """hidden (P, width), at the positions that take part alone: nothing goes from one to another on the way back."""
        prefix = stack_prefix(self.model, self.stream)
        way = from_target(self.model, target, hidden)
        self._add_constant("head", way.constant)
        along = way.along
        blocks = self.model.get_submodule(f"{prefix}blocks")
        last = len(list(blocks.children())) - 1
        norm = self.model.get_submodule(prefix.removesuffix(".")).final_norm
        if isinstance(norm, Norm):
            inputs = self.seen[site(self.model, Component(self.stream, last, "residual_after")).tap]
            along = self._through(f"{prefix}final_norm", through_norm(norm, inputs, along))
        for layer in range(last, -1, -1):
            along = self._layer(layer, along)
        embedding = Component(self.stream, None, "embedding")
        self._note(embedding, self.seen[f"{prefix}embedding"].double() * along)

    def _layer(self, layer: int, along: Tensor) -> Tensor:
        name = block_name(self.model, self.stream, layer)
        block = self.model.get_submodule(name)
        assert isinstance(block, Block)
        order = layer_parts(self.model, self.stream)
        if isinstance(block.feed_forward, FeedForward) and block.feed_forward_norm is not None:
            before = "residual_crossed" if "cross" in order else "residual_middle"
            added = self.seen[f"{name}.feed_forward.added"]
            along = self._past(f"{name}.feed_forward_norm", block, block.feed_forward_norm, before, added, along)
            self._note(Component(self.stream, layer, "feed_forward"), added.double() * along)
            self._note_neurons(layer, name, block.feed_forward, along)
        for part in reversed(order):
            before, attention_name, norm_name = _LINES["cross" if part == "cross" else "attention"]
            attention, norm = block.get_submodule(attention_name), block.get_submodule(norm_name)
            assert isinstance(attention, Attention)
            assert isinstance(norm, Norm)
            added = self.seen[f"{name}.{attention_name}.added"]
            along = self._past(f"{name}.{norm_name}", block, norm, before, added, along)
            self._note_heads(part, layer, f"{name}.{attention_name}", attention, along)
        return along

    def _past(self, name: str, block: Block, norm: Norm, before: str, added: Tensor, along: Tensor) -> Tensor:
        """Back over the norm that stands after a sum, where norms stand there; before one it changes nothing directly."""
        if block.norm_first:
            return along
        inputs = self.seen[f"{name.rpartition('.')[0]}.{before}"].double() + added.double()
        return self._through(name, through_norm(norm, inputs, along))

    def _note_heads(self, part: Part, layer: int, name: str, attention: Attention, along: Tensor) -> None:
        values = self.seen[f"{name}.head_outputs"].double()  # (heads, P, size)
        matrix = attention.output.weight.double().T.reshape(attention.heads, attention.size, -1)
        taken = torch.einsum("hts,hsw,tw->ht", values, matrix, along)
        for head in range(attention.heads - 1, -1, -1):
            self.found.append((Component(part, layer, "head", head), taken[head]))
        if attention.output.bias is not None:
            self._add_constant(f"{name}.output", float((along @ attention.output.bias.double()).sum()))

    def _note_neurons(self, layer: int, name: str, feed_forward: FeedForward, along: Tensor) -> None:
        values = self.seen[f"{name}.feed_forward.activations"]  # (P, inner)
        per_neuron = (values.double() * (along @ feed_forward.down.weight.double())).sum(0)
        self.neurons.append(_Neurons(Component(self.stream, layer, "feed_forward"), per_neuron, values))

    def _note(self, component: Component, products: Tensor) -> None:
        self.found.append((component, products.sum(-1)))

    def _through(self, name: str, way: Way) -> Tensor:
        self._add_constant(name, way.constant)
        return way.along

    def _add_constant(self, name: str, value: float) -> None:
        if value:
            self.constants[name] = value


def _taps(model: Model, stream: Part) -> list[str]:
    """All that was added to a stream, and what stood in it at every norm."""
    prefix = stack_prefix(model, stream)
    lines = ("residual_*", "attention.head_outputs", "attention.added", "cross_attention.head_outputs",
             "cross_attention.added", "feed_forward.activations", "feed_forward.added")  # fmt: skip
    block = model.get_submodule(f"{prefix}blocks.0")
    assert isinstance(block, Block)
    there = [
        line for line in lines
        if (block.cross_attention is not None or not line.startswith("cross"))
        and (block.feed_forward is not None or not line.startswith("feed_forward"))
    ]  # fmt: skip
    return [f"{prefix}embedding", f"{prefix}hidden", *(f"{prefix}blocks.*.{line}" for line in there)]


def _strongest(layers: list[_Neurons], count: int) -> list[_Neuron]:
    """The neurons that add most, up or down, of all layers."""
    if not layers:
        return []
    contributions = torch.stack([each.contributions for each in layers])  # (L, inner)
    inner = contributions.shape[1]
    found = []
    for place in contributions.abs().flatten().topk(min(count, contributions.numel())).indices.tolist():
        layer, neuron = layers[place // inner], place % inner
        named = Component(layer.layer.part, layer.layer.layer, "neuron", neuron)
        found.append(_Neuron(named, float(layer.contributions[neuron]), layer.activations[:, neuron]))
    return found


def _activations(chosen: list[_Neuron], positions: int) -> Floats:
    if not chosen:
        return np.zeros((0, positions), dtype=np.float32)
    found: Floats = torch.stack([neuron.activations for neuron in chosen]).float().cpu().numpy()
    return found
