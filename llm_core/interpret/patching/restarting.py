"""A forward pass that can be taken up again at any layer, for many changed copies of one text at once.

What stands before the change is not computed again: layers before it, and in a decoder also the positions before the
first that is changed, whose keys and values are kept. What comes after the target is not computed at all.
"""

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from llm_core.interpret.attention.attention import Part, parts
from llm_core.interpret.components import block_name, stack, streams
from llm_core.interpret.target import Target, is_whole
from llm_core.models.attention import CrossAttention, KeysValues
from llm_core.models.base import Batch, Model
from llm_core.models.encoder_decoder import EncoderDecoder
from llm_core.models.task_model import TaskModel
from llm_core.models.transformer import Block, Transformer
from llm_core.taps import Edit, observe


class Restart:
    """One text of T tokens (and its source) that has been read once, and its target.

    `value` is the target as the model has it. `reach`: positions of the text that can matter to the target; of a decoder
    those up to it.
    """

    def __init__(self, model: Model, batch: Batch, target: Target) -> None:
        """batch: one row without padding. Raises ValueError for a model in training mode."""
        if model.training:
            raise ValueError("put the model in eval mode before looking into it")
        self.model, self.target = model, target
        self.crossed = "cross" in parts(model)
        self.causal = model.causal
        length = batch.shape[1]
        self.reach = length if target.position is None or not self.causal else target.position + 1
        self.batch = shorten(batch, self.reach).to(next(model.parameters()).device)
        layers = range(len(stack(model, streams(model)[0]).blocks))
        places = {part: [block_name(model, part, layer) for layer in layers] for part in streams(model)}
        wanted = [f"{place}.residual_before" for part in places for place in places[part]]
        if self.causal:
            wanted += [f"{place}.attention.{name}" for place in places["decoder"] for name in ("keys", "values")]
        if self.crossed:
            wanted.append("encoder.hidden")
        with torch.inference_mode(), observe(model, only=wanted) as seen:
            self.value = float(self._target(model.body(self.batch), 0))
        self._before = {part: [seen[f"{place}.residual_before"] for place in places[part]] for part in places}
        self._caches: list[KeysValues] = []
        if self.causal:
            self._caches = [(seen[f"{place}.attention.keys"], seen[f"{place}.attention.values"]) for place in places["decoder"]]  # fmt: skip
        self._source = seen["encoder.hidden"] if self.crossed else None  # (1, S, width)

    def length(self, part: Part) -> int:
        """How many positions of a stream can matter: T, or S of an encoder-decoder's encoder."""
        return self._before[part][0].shape[1]

    def before(self, part: Part, layer: int) -> Tensor:
        """(1, length, width) the residual stream where a layer begins."""
        return self._before[part][layer]

    def values(
        self, part: Part, layer: int, x: Tensor, edits: Mapping[str, Edit] | None = None, start: int = 0
    ) -> Tensor:
        """(B,) the target for B rows x (B, length - start, width) of the stream where a layer begins, from position
        `start` on; before it, in a decoder, nothing has changed. Edits see only these positions."""
        if start and not (self.causal and part == "decoder"):
            raise ValueError("only a decoder can begin after the first position")
        with torch.inference_mode(), observe(self.model, only=(), edits=edits):
            if part == "decoder" and self.crossed:
                return self._decode(layer, x, self._read(self._source, len(x)), start)
            hidden = self._run(part, layer, x, None, start)
            if part == "encoder" and self.crossed:
                # Every row has a source of its own now, for which the whole decoder reads the text.
                return self._decode(0, self._before["decoder"][0].expand(len(x), -1, -1), self._read(hidden, len(x)), 0)
            return self._target(hidden, start)

    def _decode(self, layer: int, x: Tensor, sources: list[KeysValues], start: int) -> Tensor:
        return self._target(self._run("decoder", layer, x, sources, start), start)

    def _read(self, hidden: Tensor | None, rows: int) -> list[KeysValues]:
        """The keys and values that each layer's cross-attention takes from the source."""
        assert hidden is not None
        found = []
        for block in self._blocks("decoder"):
            assert isinstance(block.cross_attention, CrossAttention)
            keys, values = block.cross_attention.read(hidden)
            found.append((keys.expand(rows, -1, -1, -1), values.expand(rows, -1, -1, -1)))
        return found

    def _run(self, part: Part, layer: int, x: Tensor, sources: list[KeysValues] | None, start: int) -> Tensor:
        """Through the layers from one on: (B, length - start, width), as the head sees it."""
        body = stack(self.model, part)
        view = body.view(x.shape[1], start)
        for index, block in enumerate(self._blocks(part)[layer:], start=layer):
            cache = self._filled(index, len(x), start) if start else None
            x = block(x, view, cache, None if sources is None else sources[index])
        if body.final_norm is not None:
            x = body.final_norm(x)
        hidden: Tensor = body.hidden(x)
        return hidden

    def _filled(self, layer: int, rows: int, start: int) -> KeysValues:
        """Keys and values of all positions, those before `start` as they were."""
        room = []
        for kept in self._caches[layer]:  # (1, groups, reach, size)
            fresh = kept.new_empty((rows, *kept.shape[1:]))
            fresh[:, :, :start] = kept[:, :, :start]
            room.append(fresh)
        return room[0], room[1]

    def _blocks(self, part: Part) -> list[Block]:
        return list(stack(self.model, part).blocks)  # type: ignore[arg-type]

    def _target(self, hidden: Tensor, start: int) -> Tensor:
        """(B,) from hidden vectors (B, positions, width) that begin at position `start`."""
        model, target = self.model, self.target
        asked = hidden if target.position is None else hidden[:, target.position - start]
        assert is_whole(model) == (target.position is None)
        assert isinstance(model, Transformer | EncoderDecoder | TaskModel)
        logits = model.head(asked)
        return replace(target, position=None).of(logits).float()


def shorten(batch: Batch, length: int) -> Batch:
    """The first positions of a batch's text; its source stays whole."""
    cut = {
        name: value[:, :length] for name in ("tokens", "embeddings", "segments") if (value := getattr(batch, name)) is not None
    }  # fmt: skip
    return replace(batch, **cut)
