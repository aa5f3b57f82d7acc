"""Which tokens a vector promotes that is written into the residual stream: through the norms on its way and the output
matrix, as the model itself reads its stream out.

A norm divides by a length that depends on all that is in the stream. So every division is taken from what the model does
in some texts, and the effect is the mean over the tokens that it speaks from: just that of direct logit attribution (Elhage et al. 2021),
token by token. Other layers' answers to the vector are not in it, a soft cap on logits neither, and where a head has a
layer of its own (BERT), its activation lets through what it does there. All is taken less its mean over all tokens, which
a softmax does not see.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from llm_core.errors import UserError
from llm_core.interpret.attention.attention import Floats, Part
from llm_core.interpret.components import Component, block_name, layer_parts, site, stack, stack_prefix
from llm_core.interpret.read_together import seen_at
from llm_core.interpret.reading import Reading
from llm_core.interpret.reading_out import spoken
from llm_core.interpret.target import is_whole
from llm_core.models.base import Model
from llm_core.models.encoder_decoder import EncoderDecoder
from llm_core.models.heads import TokenHead
from llm_core.models.layers import Norm, activate
from llm_core.models.task_model import TaskModel
from llm_core.models.transformer import Transformer

_TINY = 1e-9
_INPUTS = {"attention": "residual_before", "cross_attention": "residual_middle"}


@dataclass(frozen=True)
class WayOut:
    """The way of a vector from one place of the stream to the logits, its divisions held as they are in some texts.

    norms: those that it passes, in order · passed (width,): what is left of each dimension after all divisions, and of
    a head's layer after its activation, on average.
    """

    place: Component
    norms: tuple[Norm, ...]
    passed: Tensor
    model: Model

    def effects(self, vectors: Floats) -> Floats:
        """(n, V): what n vectors (n, width), written at the place, add to the logit of each token, or of each label, less
        the mean over all of them."""
        with torch.inference_mode():
            rows = torch.as_tensor(vectors).to(self.passed)
            for norm in self.norms:
                rows = _linear(norm, rows)
            logits = self._end(rows)
            found: Floats = (logits - logits.mean(1, keepdim=True)).float().cpu().numpy()
        return found

    def _end(self, rows: Tensor) -> Tensor:
        if isinstance(self.model, TaskModel):
            return (rows * self.passed) @ _label_matrix(self.model).T
        assert isinstance(self.model, Transformer | EncoderDecoder)
        head = self.model.token_head
        matrix = (self.model.token_embedding.weight if head.weight is None else head.weight).detach().double()
        if head.transform is None or head.norm is None:
            return (rows * self.passed) @ matrix.T
        inner = rows @ head.transform.weight.detach().double().T
        return _linear(head.norm, inner * self.passed) @ matrix.T


def way_out(model: Model, place: Component, readings: Sequence[Reading]) -> WayOut:
    """The way from a place of the stream that the model speaks from: a layer or a neuron, which adds to it, or one of its
    residual_* places or the embedding.

    Raises UserError for a place whose stream the model does not speak from, for a model that cannot be read out, and
    where there is no text; ValueError for a model in training mode.
    """
    stream = spoken(model)
    site(model, place)
    if (place.part if place.part != "cross" else "decoder") != stream:
        raise UserError("The encoder of this model writes no logits: what it finds out goes to the decoder.")
    passed = _norms_after(model, stream, place)
    hidden = f"{stack_prefix(model, stream)}hidden"
    taps = list(dict.fromkeys([hidden, *(tap for _norm, inputs in passed for tap in inputs)]))
    first = slice(1) if is_whole(model) and getattr(model.config, "pooling", None) == "first" else slice(None)
    found = []
    for seen in seen_at(model, readings, taps):
        divided = torch.ones(len(seen[hidden]), 1, dtype=torch.float64)
        for norm, inputs in passed:
            divided = divided * _scale(norm, sum((seen[tap].double() for tap in inputs[1:]), seen[inputs[0]].double()))
        found.append((divided * _through_head(model, seen[hidden].double()))[first])
    device = next(model.parameters()).device
    return WayOut(place, tuple(norm for norm, _inputs in passed), torch.cat(found).mean(0).to(device), model)


def _norms_after(model: Model, stream: Part, place: Component) -> list[tuple[Norm, tuple[str, ...]]]:
    """The norms that a vector passes from its place to the end, each with the taps whose sum it reads."""
    of = stack(model, stream)
    found: list[tuple[Norm, tuple[str, ...]]] = []
    if of.config.norm_position == "after":
        for layer, block in enumerate(of.blocks):
            name = block_name(model, stream, layer)
            lines = [("cross_attention" if part == "cross" else "attention") for part in layer_parts(model, stream)]
            before_last = "residual_crossed" if "cross_attention" in lines else "residual_middle"
            for order, line in enumerate([*lines, "feed_forward"]):
                norm = getattr(block, f"{'cross' if line == 'cross_attention' else line}_norm")
                if norm is not None and (layer, order) >= _first(place, len(lines)):
                    before = _INPUTS.get(line, before_last)
                    found.append((norm, (f"{name}.{before}", f"{name}.{line}.added")))
    if of.final_norm is not None:
        last = Component(stream, len(of.blocks) - 1, "residual_after")
        found.append((of.final_norm, (site(model, last).tap,)))
    return found


def _first(place: Component, feed_forward: int) -> tuple[int, int]:
    """Layer and number of the sublayer whose norm is the first that is passed; the feed-forward's number is given."""
    layer = place.layer or 0
    match place.kind:
        case "feed_forward" | "neuron":
            return layer, feed_forward
        case "attention" | "head" | "residual_middle":
            return layer, int(place.part == "cross" or place.kind == "residual_middle")
        case "residual_crossed":
            return layer, feed_forward
        case "residual_after":
            return layer + 1, 0
        case "hidden":
            raise ValueError("what is written into the stream comes before its last norm")
    return layer, 0


def _linear(norm: Norm, rows: Tensor) -> Tensor:
    """What a norm does to rows but for its division and what it adds."""
    rows = rows - rows.mean(-1, keepdim=True) if norm.kind == "layer" else rows
    return rows if norm.weight is None else rows * norm.weight.detach().double()


def _scale(norm: Norm, inputs: Tensor) -> Tensor:
    """(T, 1): what a norm multiplies by at these inputs (T, width)."""
    centred = inputs - inputs.mean(-1, keepdim=True) if norm.kind == "layer" else inputs
    return (centred.square().mean(-1, keepdim=True) + norm.epsilon).rsqrt()


def _through_head(model: Model, hidden: Tensor) -> Tensor:
    """(T, width) or (T, 1): what the head's own layer lets through of each of its dimensions, divided by its norm."""
    if isinstance(model, TaskModel):
        return torch.ones(len(hidden), 1, dtype=torch.float64)
    assert isinstance(model, Transformer | EncoderDecoder)
    head: TokenHead = model.token_head
    if head.transform is None or head.norm is None:
        return torch.ones(len(hidden), 1, dtype=torch.float64)
    bias = 0.0 if head.transform.bias is None else head.transform.bias.detach().double().cpu()
    inner = hidden @ head.transform.weight.detach().double().cpu().T + bias
    inner = torch.where(inner.abs() < _TINY, torch.full_like(inner, _TINY), inner)
    active = activate(inner, head.activation)
    return active / inner * _scale(head.norm, active)


def _label_matrix(model: TaskModel) -> Tensor:
    """(labels, width): of a model that pools, as if the vector stood alike at every position of the text."""
    weight = model.task_head.weight.detach().double()
    if model.pooled is None or model.config.pooling != "mean_and_max":
        return weight
    mean, largest = weight.chunk(2, dim=1)
    return mean + largest
