"""How much of a model is left when one place of it speaks through a sparse autoencoder, and what single features do there.

Loss recovered (Bricken et al. 2023; Gao et al. 2024, section 4.1): where the loss with what the autoencoder makes of the
place stands between that of the model as it is, 1, and that with the place taken away, 0. Setting a whole residual stream to
its mean is worse than to zero, so that both are told: against the lower one less looks recovered, which is the honest one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from llm_core.errors import UserError
from llm_core.interpret.ablation.ablation import loss_of
from llm_core.interpret.attention.attention import Floats
from llm_core.interpret.components import site
from llm_core.interpret.features.autoencoder_training import vectors_at
from llm_core.interpret.features.sparse_autoencoder import SparseAutoencoder
from llm_core.interpret.interventions import ablate, reference
from llm_core.interpret.loss_texts import LossTexts
from llm_core.interpret.reading import Reading, as_batch
from llm_core.interpret.target import Target, check_target
from llm_core.models.base import Model
from llm_core.taps import Edit, observe

_VECTORS_AT_ONCE = 4096


@dataclass(frozen=True)
class AutoencoderReport:
    """On texts that the autoencoder has not seen, N `positions` of them. Losses in nats: `intact`, with the reconstruction
    `spliced` in, with the place `zeroed`, and set to its mean over these texts, `averaged`.

    `explained`: the share of the place's variance · `active`: L0, features that speak at a position, on average ·
    `density` (F,): the share of positions at which each feature speaks.
    """

    intact: float
    spliced: float
    zeroed: float
    averaged: float
    explained: float
    active: float
    density: Floats
    positions: int

    @property
    def recovered(self) -> float:
        """Of the loss that comes with zeros: 1 where nothing is lost, 0 where it is as bad; NaN where zeros do no harm."""
        return _share(self.intact, self.spliced, self.zeroed)

    @property
    def recovered_of_mean(self) -> float:
        """The same of the loss that comes with the mean."""
        return _share(self.intact, self.spliced, self.averaged)

    @property
    def dead(self) -> float:
        """The share of features that never speak in these texts."""
        return float((self.density == 0).mean())


def judge_autoencoder(model: Model, autoencoder: SparseAutoencoder, asked: LossTexts) -> AutoencoderReport:
    """Measure an autoencoder on texts that it was not trained on.

    Raises UserError for a place that the model has not; ValueError for a model in training mode.
    """
    place = autoencoder.place
    vectors = vectors_at(model, place, asked.batches)
    counts = torch.zeros(autoencoder.features, device=vectors.device)
    missed = torch.zeros((), dtype=torch.float64)
    for start in range(0, len(vectors), _VECTORS_AT_ONCE):
        piece = vectors[start : start + _VECTORS_AT_ONCE]
        strengths = autoencoder.encode(piece)
        counts += (strengths > 0).sum(0)
        missed += (piece - autoencoder.decode(strengths)).double().square().sum().cpu()
    variance = (vectors - vectors.mean(0)).double().square().sum().cpu()
    score = loss_of(model, asked)
    mean = reference(model, [place], asked.batches)
    edits: list[dict[str, Edit]] = [{}, splice(model, autoencoder), ablate(model, [place]), ablate(model, [place], "mean", others=mean)]  # fmt: skip
    intact, spliced, zeroed, averaged = (float(score(each).mean()) for each in edits)
    density: Floats = (counts / len(vectors)).cpu().numpy()
    return AutoencoderReport(
        intact, spliced, zeroed, averaged, float(1 - missed / variance), float(density.sum()), density, len(vectors)
    )


def splice(model: Model, autoencoder: SparseAutoencoder) -> dict[str, Edit]:
    """An edit that puts what the autoencoder makes of its place in place of it, at every position."""
    found = site(model, autoencoder.place)
    return {found.tap: lambda tensor: found.write(tensor, autoencoder.decode(autoencoder.encode(found.read(tensor))))}


def without_features(
    model: Model, autoencoder: SparseAutoencoder, features: Sequence[int], positions: Sequence[int] | None = None
) -> dict[str, Edit]:
    """An edit that takes what these features add out of the place, at these positions or at all. What the autoencoder
    does not explain stays. Raises UserError for a feature that is not there."""
    directions = torch.stack([autoencoder.direction(feature) for feature in features])  # (n, size)
    found = site(model, autoencoder.place)

    def edit(tensor: Tensor) -> Tensor:
        mine = found.read(tensor)
        mine = mine if positions is None else mine[:, list(positions)]
        strengths = autoencoder.encode(mine)[..., list(features)]  # (B, P, n)
        return found.write(tensor, mine - strengths @ directions.to(mine), positions)

    return {found.tap: edit}


def features_of_texts(
    model: Model, autoencoder: SparseAutoencoder, readings: Sequence[Reading], edits: Mapping[str, Edit] | None = None
) -> list[Floats]:
    """(T, F) of each text: how strong each feature is at every token; of a place in an encoder-decoder's encoder, of the
    source. With `edits` in a model that they change.

    Raises UserError for a place that the model has not; ValueError for a model in training mode.
    """
    found = site(model, autoencoder.place)
    strengths = []
    for reading in readings:
        batch = as_batch(reading).to(next(model.parameters()).device)
        with torch.no_grad(), observe(model, only=[found.tap], edits=edits) as seen:
            model.body(batch)
        strengths.append(autoencoder.encode(found.read(seen[found.tap])[0].float()).cpu().numpy())
    return strengths


def without_each(
    model: Model, autoencoder: SparseAutoencoder, reading: Reading, target: Target, features: Sequence[int]
) -> NDArray[np.float64]:
    """(n,): by how much the target changes when each of n features is taken out alone, wherever it speaks in the text.

    Raises UserError for a feature or a target that is not there; ValueError for a model in training mode.
    """
    if model.training:
        raise ValueError("put the model in eval mode before looking into it")
    check_target(model, reading, target)
    if not features:
        raise UserError("No feature speaks here.")
    batch = as_batch(reading).to(next(model.parameters()).device)
    changes = []
    for edits in ({}, *(without_features(model, autoencoder, [feature]) for feature in features)):
        with torch.no_grad(), observe(model, only=(), edits=edits):
            changes.append(target.of(model(batch)).double().cpu())
    found: NDArray[np.float64] = (torch.cat(changes[1:]) - changes[0]).numpy()
    return found


def _share(intact: float, spliced: float, away: float) -> float:
    return (away - spliced) / (away - intact) if away != intact else float("nan")
