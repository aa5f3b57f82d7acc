"""How much heads read of what earlier heads write, by their weights alone: Q-, K- and V-composition.

Elhage et al. 2021, "A Mathematical Framework for Transformer Circuits": of a head that writes by W_OV and one that reads
by W_QK or W_OV, the Frobenius norm of the product over the product of the norms. It is 1 where all that is written lies
where most is read, 0 where none is read, and about 1 / sqrt(width) for matrices drawn at random: `baseline` says how much
exactly. A high score says that one head can hear another, not that in any text it does.

Norms between the two are folded in: gain and, of a layer norm, the mean taken off, as TransformerLens does (`fold_ln`,
`center_writing_weights`), whose `all_composition_scores` this equals. What depends on the text, their division, and what
depends on the place, rotation, are left out, and so are biases.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from llm_core.errors import N_
from llm_core.interpret.attention.attention import Floats
from llm_core.interpret.circuits.head_weights import (
    Input,
    centre,
    fold,
    fold_into,
    head_weights,
    norms_to_head,
    query_key_norms,
    reading_norms,
    sublayer_norm,
)
from llm_core.interpret.components import Component, heads
from llm_core.models.base import Model

Kind = Literal["Q", "K", "V"]
KINDS: dict[Kind, str] = {"Q": N_("Queries"), "K": N_("Keys"), "V": N_("Values")}
"""Which input of the later head hears the earlier one: name in links, and on screen."""
_INPUTS: dict[Kind, Input] = {"Q": "query", "K": "key", "V": "value"}
_DRAWN = 16
"""Random heads that write, and as many that read, for the baseline: each pair is one draw."""


@dataclass(frozen=True)
class Baseline:
    """What heads of the same shape with random weights (normal) score: mean, and the 99th of 100 from below."""

    mean: float
    high: float


@dataclass(frozen=True)
class Composition:
    """scores[kind] (N, N): from the head of a row to the head of a column; NaN where a column cannot hear a row.

    A head cannot hear one that comes later, nor one of the same layer; the cross-attention hears the encoder by keys and
    values alone. 0 where either writes or reads nothing at all.
    """

    heads: tuple[Component, ...]
    scores: dict[Kind, Floats]
    baseline: Baseline

    def strongest(self, count: int) -> list[tuple[Kind, Component, Component, float]]:
        """The pairs with the highest scores: kind, earlier head, later head, score."""
        found = [
            (kind, self.heads[row], self.heads[column], float(scores[row, column]))
            for kind, scores in self.scores.items()
            for row, column in np.argwhere(np.isfinite(scores))
        ]
        return sorted(found, key=lambda pair: -pair[3])[:count]


def composition(model: Model, seed: int = 0) -> Composition:
    """The composition scores of all pairs of heads; `seed` draws the baseline.

    Raises UserError for a model without attention.
    """
    names = heads(model)
    of_layer: dict[tuple[str, int | None], list[int]] = {}
    for number, name in enumerate(names):
        of_layer.setdefault((name.part, name.layer), []).append(number)
    layers = [_Layer(model, names[numbers[0]]) for numbers in of_layer.values()]
    scores = {kind: np.full((len(names), len(names)), np.nan, dtype=np.float32) for kind in KINDS}
    for writer, rows in zip(layers, of_layer.values(), strict=True):
        for reader, columns in zip(layers, of_layer.values(), strict=True):
            for kind in KINDS:
                block = _between(model, writer, reader, kind)
                if block is not None:
                    scores[kind][np.ix_(rows, columns)] = block.float().cpu().numpy()
    return Composition(names, scores, _baseline(layers[0].output.shape[2], layers[0].output.shape[1], seed))


class _Layer:
    """The heads of one layer with the norms folded in that they read through; `name` is any of them."""

    def __init__(self, model: Model, name: Component) -> None:
        self.name = name
        weights = head_weights(model, name)
        query_norm, key_norm = query_key_norms(model, name)
        self.inputs: dict[Input, Tensor] = {
            "query": fold(weights.query, query_norm).double(),
            "key": fold(weights.key, key_norm).double(),
            "value": weights.value.double(),
        }
        self.read = {into: fold_into(matrix, reading_norms(model, name, into)) for into, matrix in self.inputs.items()}
        self.output = weights.output.double()  # (heads, size, width)
        self.centred = centre(self.output, sublayer_norm(model, name))


def _between(model: Model, writer: _Layer, reader: _Layer, kind: Kind) -> Tensor | None:
    """(heads, heads): the scores of one layer's heads by those of another; None where the later cannot hear."""
    into = _INPUTS[kind]
    norms = norms_to_head(model, writer.name, reader.name, into)
    if norms is None:
        return None
    # As rows are multiplied: in @ out is what a matrix does to a row.
    first_in, first_out = writer.read["value"], writer.centred if norms else writer.output
    second_in = fold_into(reader.inputs[into], norms)
    second_out = {"Q": reader.read["key"].mT, "K": reader.read["query"].mT, "V": reader.centred}[kind]
    return _scores(first_in, first_out, second_in, second_out)


def _scores(first_in: Tensor, first_out: Tensor, second_in: Tensor, second_out: Tensor) -> Tensor:
    """|| F S || / || F || || S || of F = first_in @ first_out and S likewise: in (N, width, size), out (N, size, width).

    F and S are large and of low rank. A matrix with orthonormal columns changes no norm, so that only the triangular
    factors (size, size) of the outer matrices count.
    """
    left, right = _triangular(first_in), _triangular(second_out.mT).mT  # (N, size, size)
    first, second = left @ _triangular(first_out.mT).mT, _triangular(second_in) @ right
    inner = torch.einsum("isw,jwt->ijst", first_out, second_in)  # (N, M, size, size)
    together = left[:, None] @ inner @ right
    lengths = first.flatten(1).norm(dim=1)[:, None] * second.flatten(1).norm(dim=1)
    found: Tensor = together.flatten(2).norm(dim=2) / lengths.clamp_min(1e-300)  # 0 where a length is
    return found


def _triangular(matrix: Tensor) -> Tensor:
    """R (N, size, size) of the QR decomposition of (N, width, size)."""
    triangular: Tensor = torch.linalg.qr(matrix, mode="r").R
    return triangular


def _baseline(width: int, size: int, seed: int) -> Baseline:
    generator = torch.Generator().manual_seed(seed)
    first_in, second_in, first_out, second_out = torch.randn(4, _DRAWN, width, size, generator=generator).double()
    found = _scores(first_in, first_out.mT, second_in, second_out.mT)  # all pairs
    return Baseline(float(found.mean()), float(found.flatten().quantile(0.99)))
