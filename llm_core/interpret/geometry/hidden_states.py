"""The residual stream at every token of some texts, before the first layer and after each: what geometry and probes see."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray

from llm_core.config import TransformerConfig, network
from llm_core.errors import UserError
from llm_core.interpret.attention.attention import Floats, Part
from llm_core.interpret.components import Component, site, stack, streams
from llm_core.interpret.reading import Reading, Side, as_batch
from llm_core.models.base import Model
from llm_core.taps import observe

Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class HiddenStates:
    """states (places, N, width): the stream at N tokens of some texts, at each of `places`.

    text, position, ids (N,): which of the texts, which of its tokens, and which token that is · tokens: as text · spans
    (N, 2): where it stands in its text, in characters; those of control tokens are empty.
    """

    places: tuple[Component, ...]
    states: Floats = field(repr=False)
    text: Numbers
    position: Numbers
    ids: Numbers
    tokens: tuple[str, ...]
    spans: Numbers

    def pick(self, rows: Sequence[int] | Numbers) -> "HiddenStates":
        """Of these of the N tokens, in this order."""
        chosen = np.asarray(rows, dtype=np.int64)
        return HiddenStates(
            self.places, self.states[:, chosen], self.text[chosen], self.position[chosen], self.ids[chosen],
            tuple(self.tokens[row] for row in chosen), self.spans[chosen],
        )  # fmt: skip

    def of_one_length(self) -> "HiddenStates":
        """The same with every vector brought to a mean square of 1, as a norm before a layer does it.

        A few tokens whose vectors are a hundred times as long as others would else be all that a drawing shows, and all
        that CKA hears (Sun et al. 2024, "Massive Activations in Large Language Models").
        """
        length = np.sqrt((self.states.astype(np.float64) ** 2).mean(-1, keepdims=True))
        return replace(self, states=(self.states / np.maximum(length, 1e-12)).astype(np.float32))


def layer_ends(model: Model, stream: Part) -> tuple[Component, ...]:
    """Where a stream begins, and the end of each of its layers."""
    config = network(model.config)
    assert isinstance(config, TransformerConfig)
    return (
        Component(stream, None, "embedding"),
        *(Component(stream, layer, "residual_after") for layer in range(config.layers)),
    )


def hidden_states(
    model: Model,
    readings: Sequence[Reading],
    stream: Part | None = None,
    positions: Sequence[Sequence[int] | Numbers] | None = None,
) -> HiddenStates:
    """What one stream of a model holds while it reads some texts; of an encoder-decoder the decoder's when None.

    `positions`: of each text only these tokens are kept, all when None; a text without any is not read. Of an
    encoder-decoder the encoder's stream holds the sources. Raises UserError for a model without layers or such a
    stream, and where there is no text; ValueError for a model in training mode.
    """
    present = streams(model)
    chosen = present[-1] if stream is None and present else stream
    if chosen is None or chosen not in present:
        raise UserError("This model has no stream of vectors to look at: only Transformers with layers do.")
    if not readings:
        raise UserError("Give at least one text.")
    if model.training:
        raise ValueError("put the model in eval mode before looking into it")
    places = layer_ends(model, chosen)
    taps = [site(model, place).tap for place in places]
    device = next(model.parameters()).device
    sides = [_side(reading, chosen) for reading in readings]
    kept = [
        np.arange(len(side.ids)) if positions is None else np.asarray(positions[number], dtype=np.int64)
        for number, side in enumerate(sides)
    ]
    collected = [np.zeros((len(places), 0, stack(model, chosen).config.width), dtype=np.float32)]
    for reading, some in zip(readings, kept, strict=True):
        if not len(some):
            continue
        with torch.inference_mode(), observe(model, only=taps) as seen:
            model.body(as_batch(reading).to(device))
        collected.append(torch.stack([seen[tap][0].float() for tap in taps]).cpu().numpy()[:, some])
    pairs = list(zip(sides, kept, strict=True))
    return HiddenStates(
        places=places,
        states=np.concatenate(collected, axis=1),
        text=np.repeat(np.arange(len(sides)), [len(some) for some in kept]),
        position=np.concatenate(kept),
        ids=np.concatenate([np.asarray(side.ids, dtype=np.int64)[some] for side, some in pairs]),
        tokens=tuple(side.tokens[at] for side, some in pairs for at in some),
        spans=np.concatenate([np.asarray(side.spans, dtype=np.int64).reshape(-1, 2)[some] for side, some in pairs]),
    )


def _side(reading: Reading, stream: Part) -> Side:
    return reading.source if stream == "encoder" and reading.source is not None else reading.text
