"""The way back from a target to the residual stream, with every norm's scale held as it is.

Divided by a fixed number instead of by its own length, a vector goes through a norm linearly; so does it through the
transform of a masked-model head when each of its activations keeps the share of its input that it lets through. Then a
target is a sum over everything that was added to the stream (Elhage et al. 2021, "A Mathematical Framework"; nostalgebraist
2020). All in fp64, so that what does not add up is the model's own rounding.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from llm_core.interpret.target import Target
from llm_core.models.base import Model
from llm_core.models.encoder_decoder import EncoderDecoder
from llm_core.models.heads import TokenHead
from llm_core.models.layers import Norm, activate
from llm_core.models.task_model import TaskModel
from llm_core.models.transformer import Transformer

_TINY = 1e-9


@dataclass(frozen=True)
class Way:
    """A linear piece of the model: the target is `along` (P, width) times the vectors at this place, summed, plus what
    biases on the way have added."""

    along: Tensor
    constant: float


def through_norm(norm: Norm, inputs: Tensor, along: Tensor) -> Way:
    """Back through a norm whose scale is frozen at what these inputs (..., width) give; `along` is of its output."""
    x = inputs.double()
    centred = x - x.mean(-1, keepdim=True) if norm.kind == "layer" else x
    scale = (centred.square().mean(-1, keepdim=True) + norm.epsilon).rsqrt()
    constant = 0.0 if norm.bias is None else float((along * norm.bias.double()).sum())
    gained = along if norm.weight is None else along * norm.weight.double()
    back = gained * scale
    if norm.kind == "layer":
        back = back - back.mean(-1, keepdim=True)  # to take the mean away is its own transpose
    return Way(back, constant)


def from_target(model: Model, target: Target, hidden: Tensor) -> Way:
    """From a target, before a soft cap, back to the hidden vectors of one text, what the body gives: (1, width) of the
    target's position, or (T, width) of all where a whole text is classified."""
    if isinstance(model, TaskModel):
        return _through_task(model, target, hidden)
    assert isinstance(model, Transformer | EncoderDecoder)
    way = _through_head(model.token_head, model.token_embedding.weight, target, hidden[0])
    return Way(way.along[None], way.constant)


def _through_head(head: TokenHead, embedding: Tensor, target: Target, hidden: Tensor) -> Way:
    """Back through the head at one position: hidden and the way (width,)."""
    matrix = (embedding if head.weight is None else head.weight).double()
    direction = target.direction(len(matrix)).to(matrix)
    along, constant = direction @ matrix, 0.0 if head.bias is None else float(direction @ head.bias.double())
    if head.transform is None or head.norm is None:
        return Way(along, constant)
    weight = head.transform.weight.double()
    bias = torch.zeros_like(weight[0]) if head.transform.bias is None else head.transform.bias.double()
    inner = weight @ hidden.double() + bias
    share = torch.where(inner.abs() < _TINY, torch.full_like(inner, _TINY), inner)
    share = activate(share, head.activation) / share  # what the activation lets through, kept as it is
    normed = through_norm(head.norm, share * inner, along)
    at_inner = normed.along * share
    return Way(at_inner @ weight, constant + normed.constant + float(at_inner @ bias))


def _through_task(model: TaskModel, target: Target, hidden: Tensor) -> Way:
    """Back through the pooling, where there is one: of the largest value of each dimension, to where it stands."""
    matrix = model.task_head.weight.double()
    direction = target.direction(len(matrix)).to(matrix)
    along, constant = direction @ matrix, float(direction @ model.task_head.bias.double())
    spread = torch.zeros_like(hidden, dtype=torch.float64)
    width = hidden.shape[-1]
    if model.pooled is None or model.config.pooling == "first":
        spread[0] = along
    else:
        spread += along[:width] / len(hidden)
        if model.config.pooling == "mean_and_max":
            spread[hidden.argmax(0), torch.arange(width, device=hidden.device)] += along[width:]
    return Way(spread, constant)
