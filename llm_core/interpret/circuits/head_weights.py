"""The matrices of each head, and what stands between one head and the next: the paths through a Transformer by weights.

A head reads the residual stream by its query, key and value matrices and writes back by its output matrix (Elhage et al.
2021). What one head writes reaches another, or the logits, through norms. A norm is a division by one number, a gain for
each place and, in a layer norm, the mean taken off: all but the division is linear and known from the weights alone. With
norms before the sublayers only the reader's own norm stands between; with norms after them, every norm on the way does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from llm_core.interpret.attention.attention import Part, place
from llm_core.interpret.components import Component, site, stack
from llm_core.models.attention import Attention, CrossAttention, SelfAttention
from llm_core.models.base import Model
from llm_core.models.layers import Norm
from llm_core.models.transformer import Block, Stack

Input = Literal["query", "key", "value"]
"""Which of a head's inputs."""


@dataclass(frozen=True)
class HeadWeights:
    """The matrices of the heads of one layer, as rows are multiplied: `x @ query`, x (width,).

    query, key, value (heads, width, size), their biases (heads, size); output (heads, size, width). Heads that share
    keys and values each have a copy.
    """

    query: Tensor
    key: Tensor
    value: Tensor
    output: Tensor
    query_bias: Tensor
    key_bias: Tensor
    value_bias: Tensor


def attention_layer(model: Model, name: Component) -> Attention:
    """The attention that a head belongs to. Raises UserError where the model has no such head."""
    site(model, name)
    found = model.get_submodule(place(model, name.part, name.layer or 0))
    assert isinstance(found, Attention)
    return found


def head_weights(model: Model, name: Component) -> HeadWeights:
    """The matrices of all heads of a head's layer, in fp32 and without gradients; the norms around them are not in them.

    Raises UserError where the model has no such head.
    """
    attention = attention_layer(model, name)
    heads, groups, size = attention.heads, attention.groups, attention.size
    if isinstance(attention, CrossAttention):
        modules = [attention.query, attention.key_value]
    else:
        assert isinstance(attention, SelfAttention)
        modules = [attention.query_key_value]
    weights = torch.cat([module.weight.detach().float() for module in modules])
    biases = torch.cat([_bias(module) for module in modules])
    repeats = heads // groups

    def split(together: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        query, key, value = together.split_with_sizes((heads, groups, groups))
        return query, key.repeat_interleave(repeats, 0), value.repeat_interleave(repeats, 0)

    query, key, value = split(weights.view(-1, size, weights.shape[1]).mT)
    output = attention.output.weight.detach().float().T.reshape(heads, size, -1)
    return HeadWeights(query, key, value, output, *split(biases.view(-1, size)))


def query_key_norms(model: Model, name: Component) -> tuple[list[Norm], list[Norm]]:
    """The norm of a head's queries and that of its keys, where it has them."""
    attention = attention_layer(model, name)
    query, key = attention.query_norm, attention.key_norm
    return ([] if query is None else [query]), ([] if key is None else [key])


def sublayer_norm(model: Model, name: Component) -> Norm:
    """The norm of a head's layer, be it before it or after it."""
    walk = _Walk(stack(model, name.part))
    return walk.norms[walk.find(name)]


def norms_to_head(model: Model, writer: Component, reader: Component, into: Input) -> list[Norm] | None:
    """The norms that stand between what a component writes and an input of a head, in their order.

    The writer is a head, an attention or feed-forward layer, or the embedding. None where what is written never gets
    there: the reader comes before the writer, or reads another text. What the encoder of an encoder-decoder reads gets to
    the decoder by keys and values of its cross-attention alone.
    """
    stream = read_by(reader, into)
    if stream_of(writer) != stream:
        return None
    walk = _Walk(stack(model, stream))
    own = reading_norms(model, reader, into)
    if stream != stream_of(reader):  # the end of the encoder is read
        return [*walk.norms_from(writer), *own]
    passed = walk.find(reader) - walk.find(writer)
    if passed < (writer.layer is not None):
        return None
    return [*walk.norms_from(writer)[:passed], *own]


def reading_norms(model: Model, reader: Component, into: Input) -> list[Norm]:
    """The norm that an input of a head reads the stream through, if there is one: its layer's own, or the encoder's last."""
    stream = read_by(reader, into)
    walk = _Walk(stack(model, stream))
    if stream != stream_of(reader):
        return walk.final
    return [walk.norms[walk.find(reader)]] if walk.norm_first else []


def norms_to_end(model: Model, writer: Component) -> list[Norm]:
    """The norms between what a component writes and the end of its stack, the final norm included."""
    return _Walk(stack(model, writer.part)).norms_to_end(writer)


def fold(rows: Tensor, norms: Sequence[Norm]) -> Tensor:
    """What norms do to rows (..., width), but for the division: the mean is taken off where they do so, then the gain."""
    for norm in norms:
        rows = centre(rows, norm)
        if norm.weight is not None:
            rows = rows * norm.weight.detach().float()
    return rows


def fold_into(matrix: Tensor, norms: Sequence[Norm]) -> Tensor:
    """A matrix (..., width, size) that does what norms, but for their division, and then this one do to a row."""
    for norm in reversed(norms):
        if norm.weight is not None:
            matrix = matrix * norm.weight.detach().float()[:, None]
        matrix = centre(matrix.mT, norm).mT
    return matrix


def centre(rows: Tensor, norm: Norm) -> Tensor:
    """Rows (..., width) less their mean where the norm takes it off."""
    return rows - rows.mean(-1, keepdim=True) if norm.kind == "layer" else rows


def stream_of(component: Component) -> Part:
    """The stream that a component writes into: the cross-attention writes into the decoder's."""
    return "decoder" if component.part == "cross" else component.part


def read_by(reader: Component, into: Input) -> Part:
    """The stream that an input of a head reads: the cross-attention takes keys and values from the encoder."""
    return "encoder" if reader.part == "cross" and into != "query" else stream_of(reader)


def _bias(module: nn.Linear) -> Tensor:
    if module.bias is None:
        return torch.zeros(module.out_features, device=module.weight.device)
    return module.bias.detach().float()


class _Walk:
    """The sublayers of a stack in the order in which a text passes them, each with its norm."""

    def __init__(self, of: Stack) -> None:
        self.final = [] if of.final_norm is None else [of.final_norm]
        self.norm_first = of.config.norm_position == "before"
        self.norms: list[Norm] = []
        self._names: list[tuple[str, int]] = []
        for layer, block in enumerate(of.blocks):
            assert isinstance(block, Block)
            norms = {
                "attention": block.attention_norm,
                "cross": block.cross_norm,
                "feed_forward": block.feed_forward_norm,
            }
            for name, norm in norms.items():
                if norm is not None:
                    self._names.append((name, layer))
                    self.norms.append(norm)

    def find(self, component: Component) -> int:
        """Which sublayer a component is, or is a part of; the embedding comes before all, as number 0."""
        if component.layer is None:
            return 0
        attention = "cross" if component.part == "cross" else "attention"
        return self._names.index(
            (attention if component.kind in ("attention", "head") else "feed_forward", component.layer)
        )

    def norms_from(self, writer: Component) -> list[Norm]:
        """The norms that what is written passes in the stream itself, where norms stand after sublayers."""
        return [] if self.norm_first else self.norms[self.find(writer) :]

    def norms_to_end(self, writer: Component) -> list[Norm]:
        return [*self.norms_from(writer), *self.final]
