"""What a model's neurons do in some texts, computed once for a layer and kept for a while.

The model is whole here, whatever is taken away elsewhere: a neuron that is off would have nothing to show.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from llm_core.errors import UserError
from llm_core.runs.own_texts import own_texts
from pages.ui.inside.computed import KEPT, Asked, opened, refuse_slow, takes_long, without
from pages.ui.inside.selection import Against
from pages.ui.state import inference, store

if TYPE_CHECKING:
    from llm_core.interpret.neurons.excitements import Excitement
    from llm_core.interpret.neurons.neurons import LayerActivations

TEXTS, FEWER_TEXTS = 64, 6
_FOR_NORMS = 16
"""Texts in which norms are seen to divide."""
RANDOM = 100
"""Directions drawn at random."""
TOKENS = 8
"""Tokens that are promoted, and as many suppressed, that are shown."""
_FEWEST = 8
"""Tokens at which a neuron is on, below which it is not listed as standing out."""
_LABELLED = 32
"""Texts whose truth is known."""
_USUAL_LENGTH = 64

Floats = NDArray[Any]


@dataclass(frozen=True)
class Layer:
    """All neurons of a layer in some `texts`, each with its source: their `activations`, how far each one's highest stands
    out, and how far that of each direction drawn at random does. `own`: whether these are texts such as the model has
    read, and not the one that was typed."""

    activations: "LayerActivations"
    heights: Floats
    random_heights: Floats
    texts: tuple[tuple[str, str | None], ...]
    own: bool

    @property
    def standing_out(self) -> Floats:
        """(neurons,): the heights; 0 of a neuron that is on at a token or two alone, which no direction stands out above."""
        found: Floats = np.where((self.activations.matrix > 0).sum(0) >= _FEWEST, self.heights, 0.0)
        return found


@dataclass(frozen=True)
class Tokens:
    """Numbers of tokens or labels with what one unit of activation adds to each, the strongest first; and how much each
    direction drawn at random adds to what it promotes most."""

    promoted: tuple[tuple[int, float], ...]
    suppressed: tuple[tuple[int, float], ...]
    largest: tuple[float, ...]


@dataclass(frozen=True)
class Labels:
    """Of every neuron its best label and how well it tells it apart, 0.5 to 1, with the areas (labels, neurons) of all; of
    every direction drawn at random how well it tells apart its own best."""

    names: tuple[str, ...]
    areas: Floats
    counts: Floats
    best: Floats
    strengths: Floats
    random: Floats
    tokens: int


def without_text(asked: Asked) -> Asked:
    """The same without the typed text, where texts such as the model has read are at hand: all that is found then stays
    while another text is typed."""
    return replace(asked, text="", source="") if _own(asked.run, asked.step, asked.moment) else asked


@lru_cache(maxsize=KEPT)
def _own(run: str, step: int, moment: int) -> tuple[tuple[str, str | None], ...]:
    """Texts such as the model has read, each with its source; none where nobody knows them."""
    with inference():
        from llm_core.interpret.reading import read

        found = store().find(run)
        model, tokenizer = store().model(found, step)
        count = FEWER_TEXTS if takes_long(model, 2, TEXTS * _USUAL_LENGTH) else TEXTS
        try:
            given = own_texts(found, tokenizer, count)
        except UserError:
            return ()
        return tuple(each for each in given if read(model, tokenizer, *each).text.ids)


@lru_cache(maxsize=KEPT)
def layer_of(asked: Asked, part: str, layer: int) -> Layer:
    """Raises UserError where there is no such layer."""
    own = _own(asked.run, asked.step, asked.moment)
    with inference():
        from llm_core.interpret.components import Component
        from llm_core.interpret.neurons.excitements import heights
        from llm_core.interpret.neurons.neurons import neuron_activations, random_heights
        from llm_core.interpret.reading import read

        model, tokenizer = store().model(store().find(asked.run), asked.step)
        readings = [(each, read(model, tokenizer, *each)) for each in own]
        if not own:
            readings = [((asked.text, asked.source or None), opened(asked)[2])]
        refuse_slow(model, 2, sum(len(reading.text.ids) for _each, reading in readings))
        found = neuron_activations(model, Component(part, layer, "feed_forward"), [reading for _each, reading in readings])  # type: ignore[arg-type]  # fmt: skip
        return Layer(found, heights(found.matrix), random_heights(found, RANDOM), tuple(each for each, _reading in readings), bool(own))  # fmt: skip


@lru_cache(maxsize=KEPT)
def excitement_of(asked: Asked, part: str, layer: int, neuron: int) -> "Excitement":
    """Raises UserError where there is no such neuron."""
    return layer_of(asked, part, layer).activations.excitement(neuron)


@lru_cache(maxsize=KEPT)
def tokens_of(asked: Asked, part: str, layer: int, neuron: int) -> Tokens:
    """Raises UserError where the layer writes no tokens."""
    texts = layer_of(asked, part, layer).texts[:_FOR_NORMS]
    with inference():
        from llm_core.interpret.components import Component
        from llm_core.interpret.neurons.neurons import random_directions, writes
        from llm_core.interpret.neurons.written_tokens import way_out
        from llm_core.interpret.reading import read

        model, tokenizer = store().model(store().find(asked.run), asked.step)
        place = Component(part, layer, "feed_forward")  # type: ignore[arg-type]
        way = way_out(model, place, [read(model, tokenizer, text, source) for text, source in texts])
        matrix = writes(model, place)
        effects = way.effects(matrix[neuron : neuron + 1])[0]
        random = way.effects(random_directions(RANDOM, len(matrix)) @ matrix)
    order = np.argsort(-effects, kind="stable")
    most = min(TOKENS, len(order) // 2 or 1)
    pairs = [(int(token), float(effects[token])) for token in order]
    return Tokens(
        tuple(pair for pair in pairs[:most] if pair[1] > 0), tuple(pair for pair in reversed(pairs[-most:]) if pair[1] < 0),
        tuple(random.max(1).tolist()),
    )  # fmt: skip


@lru_cache(maxsize=KEPT)
def listens_to(asked: Asked, part: str, layer: int, neuron: int) -> tuple[tuple[str, float], ...]:
    """The tokens of its texts whose own vectors excite a neuron most, the strongest first, with its activation. Tokens that
    no text has, such as bytes that none needs, have vectors that nobody has trained."""
    sides = layer_of(asked, part, layer).activations.sides
    there = np.unique(np.concatenate([side.ids for side in sides]))
    with inference():
        from llm_core.interpret.components import Component
        from llm_core.interpret.neurons.neurons import listens

        model, tokenizer = store().model(store().find(asked.run), asked.step)
        found = listens(model, Component(part, layer, "neuron", neuron))  # type: ignore[arg-type]
        order = there[np.argsort(-found[there], kind="stable")][: 2 * TOKENS]
        return tuple((tokenizer.pieces[token], float(found[token])) for token in order if found[token] > 0)


@lru_cache(maxsize=KEPT)
def labels_of(asked: Asked, part: str, layer: int, about: str, language: str) -> Labels:
    """Raises UserError where these texts have nothing to tell apart."""
    with inference():
        from llm_core.interpret.components import Component, streams
        from llm_core.interpret.neurons.neurons import neuron_activations, random_directions
        from llm_core.interpret.neurons.told_apart import at_labels, told_apart
        from llm_core.interpret.probes.probe_labels import labelled_tokens

        model, tokenizer = store().model(store().find(asked.run), asked.step)
        if part != streams(model)[0]:
            raise UserError(
                "The texts whose truth is known are read by the encoder of this model; look at its neurons."
            )
        labelled = labelled_tokens(model, tokenizer, about, texts=_LABELLED, language=language)  # type: ignore[arg-type]
        refuse_slow(model, 1, sum(len(reading.text.ids) for reading in labelled.readings))
        read_here = neuron_activations(model, Component(part, layer, "feed_forward"), labelled.readings)
        values = at_labels(read_here.by_text, labelled)
        count = values.shape[1]
        random = values @ random_directions(RANDOM, count).T
        found = told_apart(np.concatenate([values, random], axis=1), labelled.label, labelled.names)
    return Labels(
        found.names, found.areas[:, :count], found.counts, found.best[:count], found.strengths[:count],
        found.strengths[count:], found.tokens,
    )  # fmt: skip


@lru_cache(maxsize=KEPT)
def effects_on(asked: Asked, part: str, layer: int, token: int | None, target: int, against: Against) -> Floats:
    """(neurons,): what each has added directly to what is explained. Raises UserError where the layer is of a part that
    says nothing, or the model cannot be read out."""
    with inference():
        from llm_core.interpret.attribution.logit_attribution import attribute_logit
        from llm_core.interpret.target import Target

        model, _tokenizer, reading = opened(asked)
        refuse_slow(model, 3, len(reading.text.ids))
        found = attribute_logit(model, reading, Target(token, target, against), neurons=1_000_000, edits=without(asked, model))  # type: ignore[arg-type]  # fmt: skip
    chosen = {
        neuron.index: float(value)
        for neuron, value in zip(found.neurons, found.neuron_contributions, strict=True)
        if (neuron.part, neuron.layer) == (part, layer)
    }
    if not chosen:
        raise UserError("The encoder of this model writes no logits: what it finds out goes to the decoder.")
    return np.array([chosen[neuron] for neuron in range(len(chosen))], dtype=np.float32)
