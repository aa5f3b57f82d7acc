"""Names for the pieces of a Transformer, and where the taps stand at which each of them is seen or changed.

One name serves tables, links, edits and charts: `decoder.0.2` is a head, `decoder.0.feed_forward` a feed-forward layer,
`decoder.0.feed_forward.17` one of its neurons, `decoder.embedding` where the residual stream begins.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from torch import Tensor

from llm_core.config import TransformerConfig, network
from llm_core.errors import UserError
from llm_core.interpret.attention.attention import HeadName, Part, parts, place
from llm_core.models.base import Model
from llm_core.models.size import inner_width
from llm_core.models.transformer import Stack

Kind = Literal[
    "embedding",
    "attention",
    "head",
    "feed_forward",
    "neuron",
    "residual_before",
    "residual_middle",
    "residual_crossed",
    "residual_after",
    "hidden",
]
"""embedding: the residual stream before the first layer · attention, feed_forward: all that such a layer adds to the
stream, its bias included · head: one head's values, before the output matrix · neuron: one activation of a feed-forward
layer · residual_*: the stream at a layer's beginning, after its attention, after its cross-attention, at its end ·
hidden: the stream after the last layer and the final norm, where the model has one."""

_WHOLE = ("embedding", "hidden")
_NUMBERED = ("head", "neuron")
_OF_CROSS = ("attention", "head")
_LONGEST_NUMBER = 5


@dataclass(frozen=True)
class Component:
    """One piece of a model. Layers, heads and neurons count from 0; `layer` is None for embedding and hidden, `index`
    is the head's or the neuron's number and None for what has none. The cross-attention's heads are of the part `cross`,
    all else of a decoder's layers of the part `decoder`."""

    part: Part
    layer: int | None
    kind: Kind
    index: int | None = None

    def __post_init__(self) -> None:
        if (self.layer is None) != (self.kind in _WHOLE) or (self.index is None) == (self.kind in _NUMBERED):
            raise ValueError(f"no {self.kind} has layer {self.layer} and index {self.index}")

    def __str__(self) -> str:
        if self.kind == "head":
            return f"{self.part}.{self.layer}.{self.index}"
        if self.kind == "neuron":
            return f"{self.part}.{self.layer}.feed_forward.{self.index}"
        return f"{self.part}.{self.kind}" if self.layer is None else f"{self.part}.{self.layer}.{self.kind}"

    @classmethod
    def parse(cls, text: str) -> "Component":
        """The component that a text names. Raises UserError when it names none."""
        match text.split("."):
            case [part, kind] if part in get_args(Part) and kind in _WHOLE:
                return cls(part, None, kind)  # type: ignore[arg-type]
            case [part, layer, index] if part in get_args(Part) and _are_numbers(layer, index):
                return cls(part, int(layer), "head", int(index))  # type: ignore[arg-type]
            case [part, layer, kind] if part in get_args(Part) and _are_numbers(layer) and kind in _OF_LAYERS:
                return cls(part, int(layer), kind)  # type: ignore[arg-type]
            case [part, layer, "feed_forward", index] if part in get_args(Part) and _are_numbers(layer, index):
                return cls(part, int(layer), "neuron", int(index))  # type: ignore[arg-type]
        raise UserError(
            "{name!r} names no component; a head is named as decoder.0.2, a feed-forward layer as decoder.0.feed_forward, a neuron as decoder.0.feed_forward.17.",
            name=text[:40],
        )  # fmt: skip

    @classmethod
    def of_head(cls, name: HeadName) -> "Component":
        """The same head by its other name."""
        return cls(name.part, name.layer, "head", name.head)


_OF_LAYERS = tuple(kind for kind in get_args(Kind) if kind not in _WHOLE and kind not in _NUMBERED)


@dataclass(frozen=True)
class Site:
    """Where a component is seen: a tap, and which part of the tap's tensor (B, T, size), or (B, heads, T, size) of
    heads, belongs to it."""

    tap: str
    kind: Kind
    index: int | None

    def read(self, tensor: Tensor) -> Tensor:
        """The component's own part (B, T, size) of the tap's tensor; a neuron has size 1."""
        if self.kind == "head":
            return tensor[:, self.index]
        return tensor if self.index is None else tensor[..., self.index : self.index + 1]

    def write(self, tensor: Tensor, values: Tensor, positions: Sequence[int] | None = None) -> Tensor:
        """The tap's tensor with other values for this component, at these positions or at all of them.

        values (B, P, size), or what broadcasts to it, P the number of positions. Out of place, so that gradients flow
        into the values.
        """
        changed = tensor.clone()
        mine = self.read(changed)  # a view
        if positions is None:
            mine[:] = values
        else:
            mine[:, list(positions)] = values.expand(mine.shape[0], len(positions), mine.shape[2])
        return changed


def site(model: Model, component: Component) -> Site:
    """Where a component is seen. Raises UserError when the model has no such component."""
    config = _config(model)
    part, layer, index = component.part, component.layer, component.index
    limit = {"head": config.heads, "neuron": inner_width(config)}.get(component.kind, 1)
    absent = (
        part not in parts(model)
        or (layer is not None and layer >= config.layers)
        or (index is not None and index >= limit)
        or (part == "cross" and component.kind not in _OF_CROSS)
        or (component.kind in ("feed_forward", "neuron") and not inner_width(config))
        or (component.kind == "residual_crossed" and (part != "decoder" or "cross" not in parts(model)))
    )
    if absent:
        raise UserError(
            "This model has no {name}: it has {layers} layers of {heads} heads and {neurons} neurons in {parts}, counted from 0.",
            name=str(component), layers=config.layers, heads=config.heads, neurons=inner_width(config),
            parts=", ".join(parts(model)),
        )  # fmt: skip
    if layer is None:
        return Site(f"{stack_prefix(model, part)}{component.kind}", component.kind, None)
    attention = place(model, part, layer)
    match component.kind:
        case "head":
            tap = f"{attention}.head_outputs"
        case "attention":
            tap = f"{attention}.added"
        case "feed_forward":
            tap = f"{block_name(model, part, layer)}.feed_forward.added"
        case "neuron":
            tap = f"{block_name(model, part, layer)}.feed_forward.activations"
        case kind:
            tap = f"{block_name(model, part, layer)}.{kind}"
    return Site(tap, component.kind, index)


def block_name(model: Model, part: Part, layer: int) -> str:
    """The name of a layer's block in the model: `blocks.0`, `reader.blocks.0`, `decoder.blocks.0`."""
    return place(model, part, layer).rpartition(".")[0]


def stack_prefix(model: Model, part: Part) -> str:
    """What stands before the names of the taps of a part's stack: nothing, or `reader.`, `encoder.`, `decoder.`."""
    return block_name(model, part, 0).removesuffix("blocks.0")


def stack(model: Model, part: Part) -> Stack:
    """The module that a part's layers stand in; the cross-attention's is the decoder's."""
    found = model.get_submodule(stack_prefix(model, part).removesuffix("."))
    assert isinstance(found, Stack)
    return found


def streams(model: Model) -> tuple[Part, ...]:
    """The parts of a model that have a residual stream of their own: all but the cross-attention."""
    return tuple(part for part in parts(model) if part != "cross")


def layer_parts(model: Model, stream: Part) -> tuple[Part, ...]:
    """The parts whose attention adds to a stream, in the order in which it does within a layer."""
    return ("decoder", "cross") if stream == "decoder" and "cross" in parts(model) else (stream,)


def heads(model: Model, part: Part | None = None) -> tuple[Component, ...]:
    """All heads of a part, or of all parts, layer by layer."""
    config = _config(model)
    return tuple(
        Component(each, layer, "head", head)
        for each in (parts(model) if part is None else (part,))
        for layer in range(config.layers)
        for head in range(config.heads)
    )


def feed_forwards(model: Model, part: Part | None = None) -> tuple[Component, ...]:
    """All feed-forward layers of a stream, or of all; none in an attention-only model."""
    config = _config(model)
    if not inner_width(config):
        return ()
    chosen = streams(model) if part is None else (part,)
    return tuple(Component(each, layer, "feed_forward") for each in chosen for layer in range(config.layers))


def residuals(model: Model, stream: Part) -> tuple[Component, ...]:
    """Every place of a residual stream, in order: the embedding, then after each attention, cross-attention and
    feed-forward layer. What a layer begins with is what the one before it ends with."""
    config = _config(model)
    places = [Component(stream, None, "embedding")]
    for layer in range(config.layers):
        if inner_width(config) or "cross" in layer_parts(model, stream):
            places.append(Component(stream, layer, "residual_middle"))
        if inner_width(config) and "cross" in layer_parts(model, stream):
            places.append(Component(stream, layer, "residual_crossed"))
        places.append(Component(stream, layer, "residual_after"))
    return tuple(places)


def _config(model: Model) -> TransformerConfig:
    """Raises UserError for a model without attention layers."""
    config = network(model.config)
    if not isinstance(config, TransformerConfig) or not config.layers:
        raise UserError("Only a Transformer with layers can be taken apart here; this model has the family {family}.", family=config.family)  # fmt: skip
    return config


def _are_numbers(*texts: str) -> bool:
    return all(text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER for text in texts)
