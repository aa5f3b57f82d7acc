"""All sets of as many heads, each taken away: what a model computes without them, and no layer twice for the same beginning.

Sets that agree up to a layer share what comes out of it. So all triples of the 16 heads of four layers take 967 layers in
place of 2,240.
"""

from collections.abc import Iterator
from itertools import combinations

import torch
from torch import Tensor

from llm_core.config import TransformerConfig
from llm_core.errors import UserError
from llm_core.interpret.attention.attention import parts
from llm_core.interpret.components import Component, block_name, stack
from llm_core.interpret.interventions import Ablation, Reference, ablate
from llm_core.models.base import Batch, Model
from llm_core.taps import observe


def hidden_without(
    model: Model, batch: Batch, count: int, method: Ablation = "zero", others: Reference | None = None
) -> Iterator[tuple[tuple[Component, ...], Tensor]]:
    """Every set of `count` heads of a decoder with hidden (B, T, width), as the head of the model reads it without them.

    batch: rows that are padded at their end. The sets come in the order of the layers, from one that takes all of its
    heads out of the last ones. Raises UserError for other models than decoders, ValueError in training mode.
    """
    if model.training:
        raise ValueError("put the model in eval mode before looking into it")
    if parts(model) != ("decoder",):
        raise UserError("Sets of heads are compared in models that write left to right.")
    first = f"{block_name(model, 'decoder', 0)}.residual_before"
    with torch.inference_mode(), observe(model, only=[first]) as seen:
        model.body(batch)
    yield from _Walk(model, batch.shape[1], method, others).on(0, seen[first], (), count)


class _Walk:
    def __init__(self, model: Model, length: int, method: Ablation, others: Reference | None) -> None:
        assert isinstance(model.config, TransformerConfig)
        self._model, self._method, self._others = model, method, others
        self._layers, self._heads = model.config.layers, model.config.heads
        self._stack = stack(model, "decoder")
        self._view = self._stack.view(length, 0)

    def on(
        self, layer: int, x: Tensor, taken: tuple[Component, ...], left: int
    ) -> Iterator[tuple[tuple[Component, ...], Tensor]]:
        """From the beginning of a layer, x (B, T, width), with `left` heads still to be taken away."""
        if layer == self._layers:
            with torch.inference_mode():
                normed = x if self._stack.final_norm is None else self._stack.final_norm(x)
                hidden: Tensor = self._stack.hidden(normed)
            yield taken, hidden
            return
        later = self._heads * (self._layers - layer - 1)
        for count in range(max(0, left - later), min(left, self._heads) + 1):
            for chosen in combinations(range(self._heads), count):
                here = tuple(Component("decoder", layer, "head", head) for head in chosen)
                edits = ablate(self._model, here, self._method, others=self._others)
                with torch.inference_mode(), observe(self._model, only=(), edits=edits):
                    after = self._stack.blocks[layer](x, self._view, None, None)
                yield from self.on(layer + 1, after, (*taken, *here), left - count)
