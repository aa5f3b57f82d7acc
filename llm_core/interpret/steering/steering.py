"""Directions in the residual stream, and what adding one to it, or taking it out, makes of a model.

Activation addition (Turner et al. 2023), with the direction from two sets of texts as in Rimsky et al. (2024, "Steering
Llama 2 via Contrastive Activation Addition", section 3): the mean of what the stream is in the one set minus that in the
other. Projecting a direction out is directional ablation (Arditi et al. 2024, equation 4). A strength is in units of the
mean norm of the stream at that place, so that it means the same in every model and layer.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from llm_core.errors import UserError
from llm_core.interpret.attention.attention import Part
from llm_core.interpret.components import Component, residuals, site
from llm_core.interpret.geometry.token_vectors import input_vectors, output_vectors
from llm_core.interpret.neurons.neurons import feed_forward
from llm_core.interpret.neurons.neurons import random_directions as drawn_at_random
from llm_core.models.base import Batch, Model
from llm_core.taps import Edit, observe

Floats = NDArray[np.float32]
At = Literal["last", "all"] | int

_SHORTEST = 1e-6
"""Of the stream's norm: a direction that is shorter is rounding."""


@dataclass(frozen=True)
class Direction:
    """A direction at a place of the residual stream. `unit` (width,) has length 1; `norm` is the mean length of the
    stream's own vectors there, over the texts that were read for it; `share` how long the vector was of which `unit` is
    the direction, as a share of it."""

    place: Component
    unit: Floats
    norm: float
    share: float


def differences(
    model: Model, places: Sequence[Component], wanted: Sequence[Batch], others: Sequence[Batch], *, at: At = "last"
) -> tuple[Direction, ...]:
    """At each place, from the mean of the stream in the other texts to its mean in the wanted ones.

    `at`: which positions of each text count: the last one, as where what comes next is to be different; all; or those of
    one token, by number, such as an encoder's mask. Raises UserError where a set is empty, where a text does not have that
    token, for a head or a neuron, and where the two sets do not differ anywhere; ValueError in training mode.
    """
    if not wanted or not others:
        raise UserError("Two sets of texts make a direction: give at least one text in each.")
    sets = [_means(model, places, texts, at) for texts in (wanted, others)]
    found = [
        _direction(place, one - other, (norm + other_norm) / 2)
        for place, (one, norm), (other, other_norm) in zip(places, *sets, strict=True)
    ]
    if all(each is None for each in found):
        raise UserError("The two sets of texts leave the same trace in this model: there is nothing to tell them apart by.")  # fmt: skip
    # Before the sets part, as in the embedding of a last word that both have, the direction is of length 0.
    return tuple(each or _nowhere(place, sets[0][row]) for row, (place, each) in enumerate(zip(places, found, strict=True)))  # fmt: skip


def direction_along(model: Model, place: Component, vector: Tensor, texts: Sequence[Batch]) -> Direction:
    """Along a vector (width,) that is handed in, as an autoencoder's feature. `texts` tell how long the stream is there.

    Raises UserError for a head or a neuron, where the vector is none of this stream or has no direction, and where there
    is no text.
    """
    if not texts:
        raise UserError("How long the vectors of the stream are is taken from texts: give at least one.")
    ((mean, norm),) = _means(model, [place], texts, "all")
    if vector.shape != mean.shape or not bool(torch.isfinite(vector).all()):
        raise UserError("A direction here has {width} numbers; this one has {have}, or not all of them are numbers.", width=len(mean), have=vector.numel())  # fmt: skip
    found = _direction(place, vector.to(mean), norm)
    if found is None:
        raise UserError("This vector has no direction: it is all zeros.")
    return found


def token_direction(
    model: Model,
    place: Component,
    token: int,
    texts: Sequence[Batch],
    *,
    against: int | None = None,
    written: bool = True,
) -> Direction:
    """The vector that a token is written by, up against that of another one or the mean of all; or else what it is read by.

    Raises UserError for a token that is not there, and for a model that writes none.
    """
    vectors = output_vectors(model) if written else input_vectors(model)
    for each in (token, token if against is None else against):
        if not 0 <= each < len(vectors):
            raise UserError("There is no token {token}: there are {count}, counted from 0.", token=each, count=len(vectors))  # fmt: skip
    other = vectors.mean(0) if against is None else vectors[against]
    return direction_along(model, place, vectors[token] - other, texts)


def neuron_direction(model: Model, place: Component, neuron: Component, texts: Sequence[Batch]) -> Direction:
    """What a neuron adds to the stream when it fires: its column of its layer's output matrix.

    Raises UserError for a component that is no neuron of this model.
    """
    if neuron.kind != "neuron" or neuron.layer is None or neuron.index is None:
        raise UserError("{name!r} is no neuron; one is named as decoder.0.feed_forward.17.", name=str(neuron))
    site(model, neuron)  # says so where it is not there
    layer = feed_forward(model, Component(neuron.part, neuron.layer, "feed_forward"))
    return direction_along(model, place, layer.down.weight[:, neuron.index].detach().float(), texts)


def random_directions(direction: Direction, count: int, seed: int = 0) -> tuple[Direction, ...]:
    """Directions drawn evenly from all there are at the same place, with the same norm: the control."""
    return tuple(replace(direction, unit=unit) for unit in drawn_at_random(count, len(direction.unit), seed))


def steer(
    model: Model, direction: Direction, strength: float, positions: Collection[int] | None = None
) -> dict[str, Edit]:
    """An edit that adds strength × norm × unit to the stream, at these positions of what is read at once or at all.

    Nothing is changed at strength 0. Raises UserError for a place that is not there.
    """
    vector = torch.from_numpy(direction.unit * np.float32(strength * direction.norm))
    return _changed(model, direction.place, lambda x: x + vector.to(x), positions) if strength else {}


def project_out(
    model: Model, direction: Direction, places: Sequence[Component] = (), positions: Collection[int] | None = None
) -> dict[str, Edit]:
    """Edits that leave nothing of a direction, x - (x · unit) unit, at its place, or at all of these `places`."""
    unit = torch.from_numpy(direction.unit)
    found: dict[str, Edit] = {}
    for place in places or (direction.place,):
        found |= _changed(model, place, lambda x: x - (x @ unit.to(x))[..., None] * unit.to(x), positions)
    return found


def while_writing(
    edits: Callable[[Collection[int] | None], Mapping[str, Edit]], positions: range
) -> Callable[[int, int], Mapping[str, Edit]]:
    """Edits for `generate` that hold at some positions of the whole text only, prompt included.

    `edits` is given the positions within what is read at once, as `steer` and `project_out` take them:
    `while_writing(lambda at: steer(model, direction, 1.0, at), range(len(prompt)))` steers at the prompt alone.
    """

    def of(start: int, count: int) -> Mapping[str, Edit]:
        here = [position - start for position in range(start, start + count) if position in positions]
        return edits(here) if here else {}

    return of


def stream_places(model: Model, stream: Part) -> tuple[Component, ...]:
    """Where a direction is usually added: the end of each layer, and before them the embedding."""
    return tuple(place for place in residuals(model, stream) if place.kind in ("embedding", "residual_after"))


def _changed(model: Model, place: Component, change: Callable[[Tensor], Tensor], positions: Collection[int] | None) -> dict[str, Edit]:  # fmt: skip
    found = site(model, place)
    at = None if positions is None else sorted(positions)

    def edit(tensor: Tensor) -> Tensor:
        mine = found.read(tensor)
        return found.write(tensor, change(mine if at is None else mine[:, at]), at)

    return {found.tap: edit}


def _means(model: Model, places: Sequence[Component], texts: Sequence[Batch], at: At) -> list[tuple[Tensor, float]]:
    """Of each place the mean vector (width,) over all texts, each of which counts alike, and the mean norm there."""
    if model.training:
        raise ValueError("put the model in eval mode before looking into it")
    if any(place.index is not None for place in places):
        raise UserError("A direction is added to the stream: name a place such as decoder.1.residual_after.")
    taps = [site(model, place).tap for place in places]
    vectors: list[list[Tensor]] = [[] for _ in places]
    norms: list[list[Tensor]] = [[] for _ in places]
    device = next(model.parameters()).device
    for batch in texts:
        moved = batch.to(device)
        with torch.no_grad(), observe(model, only=taps) as seen:
            model.body(moved)
        for number, (place, tap) in enumerate(zip(places, taps, strict=True)):
            rows = seen[tap].float()  # (B, T, width)
            read = moved.source if place.part == "encoder" and moved.source is not None else moved
            lengths = [rows.shape[1]] * len(rows) if read.lengths is None else read.lengths.tolist()
            for text, (row, length) in enumerate(zip(rows, lengths, strict=True)):
                norms[number].append(row[:length].norm(dim=-1).mean())
                counted = _counted(None if read.tokens is None else read.tokens[text, :length], length, at)
                vectors[number].append(row[counted].mean(0))
    return [
        (torch.stack(mine).mean(0), float(torch.stack(norm).mean())) for mine, norm in zip(vectors, norms, strict=True)
    ]


def _counted(tokens: Tensor | None, length: int, at: At) -> list[int]:
    """The positions of a text that count."""
    if at == "last":
        return [length - 1]
    if at == "all" or tokens is None:
        return list(range(length))
    found = [position for position, token in enumerate(tokens.tolist()) if token == at]
    if not found:
        raise UserError("Each of these texts needs the token whose place counts, such as [MASK]; one has none.")
    return found


def _direction(place: Component, vector: Tensor, norm: float) -> Direction | None:
    length = float(vector.norm())
    if length <= _SHORTEST * norm:
        return None
    return Direction(place, (vector / length).cpu().numpy().astype(np.float32), norm, length / max(norm, 1e-30))


def _nowhere(place: Component, mean: tuple[Tensor, float]) -> Direction:
    return Direction(place, np.zeros(len(mean[0]), dtype=np.float32), mean[1], 0.0)
