"""Attention as data: what every head of every layer looks at, and the queries, keys and values that make it look.

Nothing here draws. A model has up to three parts with attention: a decoder or an encoder, of which an encoder-decoder
has both, and in that the cross-attention, with which the decoder looks at the source.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from llm_core.config import TaskConfig, TransformerConfig, network
from llm_core.errors import UserError
from llm_core.interpret.reading import Reading, Side, as_batch
from llm_core.models.attention import Attention as AttentionLayer
from llm_core.models.base import Batch, Model
from llm_core.taps import Edit, observe

Part = Literal["decoder", "encoder", "cross"]
Floats = NDArray[np.float32]

_TAPS = ("pattern", "scores", "queries", "keys", "values")


@dataclass(frozen=True)
class Attention:
    """All attention of one part to one text of T tokens: queries come from it, keys and values from S tokens.

    S is T where a text looks at itself; in the cross-attention S counts the tokens of the source. `pattern` is what a
    head looks at, each row a distribution over the keys; `scores` are what the softmax makes it from, -inf where a
    position may not look. Heads that share keys and values (grouped-query attention) each have a copy. Queries and
    keys are those that are multiplied: after norm and rotation, where a model has them. `outputs` is the part of the
    output matrix that belongs to each head: `values @ outputs` is what a position gives to one that looks at it alone.
    """

    part: Part
    query_tokens: tuple[str, ...]
    key_tokens: tuple[str, ...]
    pattern: Floats  # (layers, heads, T, S)
    scores: Floats  # (layers, heads, T, S)
    queries: Floats  # (layers, heads, T, size)
    keys: Floats  # (layers, heads, S, size)
    values: Floats  # (layers, heads, S, size)
    outputs: Floats  # (layers, heads, size, width)


@dataclass(frozen=True)
class HeadName:
    """One head of a model; layers and heads count from 0. As text: `decoder.0.2`."""

    part: Part
    layer: int
    head: int

    def __str__(self) -> str:
        return f"{self.part}.{self.layer}.{self.head}"

    @classmethod
    def parse(cls, text: str) -> "HeadName":
        """The head that a text names. Raises UserError when it names none."""
        for part in get_args(Part):
            numbers = text.removeprefix(f"{part}.").split(".")
            if text.startswith(f"{part}.") and len(numbers) == 2 and all(_is_number(number) for number in numbers):
                return cls(part, int(numbers[0]), int(numbers[1]))
        raise UserError("{name!r} names no head; one is named as decoder.0.2: part, layer and head, from 0.", name=text[:40])  # fmt: skip


@dataclass(frozen=True)
class Seen:
    """What one forward pass shows: the attention of every part, and the logits (T, V) at every token of the text;
    of a model for a task those of its labels, the same at every token where it classifies the whole text."""

    reading: Reading
    parts: dict[Part, Attention]
    logits: Floats


def parts(model: Model) -> tuple[Part, ...]:
    """The parts of a model that have attention, in the order in which a text passes them; none in other families."""
    config = network(model.config)
    if not isinstance(config, TransformerConfig) or not config.layers:
        return ()
    if config.architecture == "encoder_decoder":
        return ("encoder", "decoder", "cross")
    return ("decoder",) if config.architecture == "decoder" else ("encoder",)


def place(model: Model, part: Part, layer: int) -> str:
    """Where the taps of a part's layer stand: `blocks.0.attention`, `decoder.blocks.0.cross_attention`; in a model for a
    task `reader.blocks.0.attention`."""
    if part not in parts(model):
        raise ValueError(f"this model has no part {part}")
    if isinstance(model.config, TaskConfig):
        return f"reader.blocks.{layer}.attention"
    if len(parts(model)) == 1:
        return f"blocks.{layer}.attention"
    if part == "encoder":
        return f"encoder.blocks.{layer}.attention"
    return f"decoder.blocks.{layer}.{'cross_attention' if part == 'cross' else 'attention'}"


def see(
    model: Model,
    reading: Reading,
    *,
    heads_off: Collection[HeadName] = (),
    tokens_off: Collection[int] = (),
    source_tokens_off: Collection[int] = (),
) -> Seen:
    """Let a model read, and collect all of its attention and its logits.

    A head that is off gives nothing: its output is 0, while what it looks at is still seen. A token that is off is
    looked at by nobody but itself, in every layer; a source token also not by the text. Tokens are places, from 0.
    Raises UserError for a head or a token that is not there, and where no source token is left to look at; ValueError
    for a model in training mode.
    """
    _refuse_training(model)
    edits = _head_edits(model, heads_off) | _token_edits(model, reading, tokens_off, source_tokens_off)
    places = {part: _places(model, part) for part in parts(model)}
    wanted = [f"{place}.{name}" for layers in places.values() for place in layers for name in _TAPS]
    with torch.inference_mode(), observe(model, only=wanted, edits=edits) as seen:
        logits = model(as_batch(reading).to(_device(model)))[0]
    if logits.ndim == 1:  # of the whole text
        logits = logits.expand(len(reading.text.ids), -1)
    source = reading.source or reading.text
    sides: dict[Part, tuple[Side, Side]] = {
        "decoder": (reading.text, reading.text),
        "encoder": (source, source),
        "cross": (reading.text, source),
    }
    attention = {part: _gather(model, part, places[part], seen, *sides[part]) for part in places}
    return Seen(reading, attention, _array(logits))


def see_patterns(model: Model, batch: Batch) -> dict[Part, Tensor]:
    """What every head looks at in each of many texts: (layers, B, heads, T, S) by part, fp32, where the model is.

    Rows of positions that are padding hold no meaning; no real position looks at padding.
    Raises ValueError for a model in training mode.
    """
    _refuse_training(model)
    places = {part: _places(model, part) for part in parts(model)}
    wanted = [f"{place}.pattern" for layers in places.values() for place in layers]
    with torch.no_grad(), observe(model, only=wanted) as seen:
        model.body(batch)
    return {
        part: torch.stack([seen[f"{place}.pattern"].float() for place in layers]) for part, layers in places.items()
    }


def _gather(
    model: Model, part: Part, places: list[str], seen: dict[str, Tensor], text: Side, source: Side
) -> Attention:
    config = network(model.config)
    assert isinstance(config, TransformerConfig)
    repeats = config.heads // (config.key_value_heads or config.heads)

    def stack(name: str) -> Tensor:
        return torch.stack([seen[f"{place}.{name}"][0] for place in places])

    return Attention(
        part=part,
        query_tokens=text.tokens,
        key_tokens=source.tokens,
        pattern=_array(stack("pattern")),
        scores=_array(stack("scores")),
        queries=_array(stack("queries")),
        keys=_array(stack("keys").repeat_interleave(repeats, 1)),
        values=_array(stack("values").repeat_interleave(repeats, 1)),
        outputs=_array(torch.stack([_outputs(model, place) for place in places])),
    )


def _outputs(model: Model, place: str) -> Tensor:
    """(heads, size, width): the columns of a layer's output matrix that each head's values are multiplied with."""
    layer = model.get_submodule(place)
    assert isinstance(layer, AttentionLayer)
    return layer.output.weight.detach().T.reshape(layer.heads, layer.size, -1)


def _head_edits(model: Model, heads_off: Collection[HeadName]) -> dict[str, Edit]:
    config = network(model.config)
    off: dict[str, list[int]] = {}
    for name in heads_off:
        assert isinstance(config, TransformerConfig)
        if name.part not in parts(model) or name.layer >= config.layers or name.head >= config.heads:
            raise UserError(
                "There is no head {name}: this model has {layers} layers of {heads} heads in {parts}, counted from 0.",
                name=str(name), layers=config.layers, heads=config.heads, parts=", ".join(parts(model)),
            )  # fmt: skip
        off.setdefault(f"{place(model, name.part, name.layer)}.head_outputs", []).append(name.head)
    return {tap: _silence(heads) for tap, heads in off.items()}


def _token_edits(
    model: Model, reading: Reading, tokens_off: Collection[int], source_tokens_off: Collection[int]
) -> dict[str, Edit]:
    source = reading.source
    for side, off in ((reading.text, tokens_off), (source, source_tokens_off)):
        count = 0 if side is None else len(side.ids)
        if wrong := [token for token in off if not 0 <= token < count]:
            raise UserError("There is no token {place}: there are {count}, counted from 0.", place=wrong[0], count=count)  # fmt: skip
    if source is not None and len(set(source_tokens_off)) == len(source.ids):
        raise UserError("All tokens of the source are off; leave one on, or there is nothing to look at.")
    edits: dict[str, Edit] = {}
    for part in parts(model):
        off = tokens_off if part == "decoder" or source is None else source_tokens_off
        if off:
            edit = _hide(sorted(set(off)), keep_self=part != "cross")
            edits |= {f"{place}.scores": edit for place in _places(model, part)}
    return edits


def _silence(heads: list[int]) -> Edit:
    """Some heads' outputs (B, heads, T, size) become 0."""

    def edit(outputs: Tensor) -> Tensor:
        silenced = outputs.clone()
        silenced[:, heads] = 0.0
        return silenced

    return edit


def _hide(tokens: list[int], keep_self: bool) -> Edit:
    """No position looks at some tokens: their columns of the scores (B, heads, T, S) become -inf."""

    def edit(scores: Tensor) -> Tensor:
        hidden = scores.clone()
        hidden[..., tokens] = -math.inf
        if keep_self:
            hidden[..., tokens, tokens] = scores[..., tokens, tokens]
        return hidden

    return edit


def _places(model: Model, part: Part) -> list[str]:
    config = network(model.config)
    assert isinstance(config, TransformerConfig)
    return [place(model, part, layer) for layer in range(config.layers)]


def _device(model: Model) -> torch.device:
    return next(model.parameters()).device


def _refuse_training(model: Model) -> None:
    if model.training:
        raise ValueError("put the model in eval mode before looking at its attention")


def _array(tensor: Tensor) -> Floats:
    found: Floats = tensor.float().cpu().numpy()
    return found


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 4
