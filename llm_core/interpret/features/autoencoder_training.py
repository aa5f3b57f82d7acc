"""Training a sparse autoencoder on what one place of a model holds while it reads texts.

The recipe of Gao et al. 2024, "Scaling and evaluating sparse autoencoders": TopK, an encoder that begins as the decoder's
transpose, directions kept at length 1 (with the part of the gradient along them taken out, as Bricken et al. 2023 do), and
features that have not spoken for long learn from what the others leave over (AuxK, their section A.2). It has no penalty to
tune, and one number, k, that says what comes out. What is missed of a vector counts by the vector's own length (they make
all vectors equally long): the next layer's norm reads it so, and a few tokens with vectors many times longer than others
would else be all that is learnt. The decoder begins at vectors that the model really had, so that few
features die in the first place: a model of width 96 and 512 features take some ten seconds of one core.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from llm_core.errors import UserError
from llm_core.interpret.adam import Adam
from llm_core.interpret.components import Component, site
from llm_core.interpret.features.sparse_autoencoder import SparseAutoencoder, keep_strongest
from llm_core.interpret.interventions import reference
from llm_core.models.base import Batch, Model

_VECTORS_AT_ONCE = 512
_LEARNING_RATE = 4e-3
_SHORTEST = 1e-6
_SILENT_STEPS = 40
"""After so many updates in which it never spoke, a feature is held to be dead."""
_SHARE_OF_SILENT = 1 / 32
MOST_VECTORS = 200_000


@dataclass(frozen=True)
class AutoencoderStep:
    """One update, on its own vectors and before it: `loss`, the share of each vector's squared distance from the mean that
    is not explained, and with what dead features cost · `unexplained`: that share alone · `active`: L0, features that speak at a vector, on average ·
    `dead`: how many features have not spoken for long."""

    step: int
    of: int
    loss: float
    unexplained: float
    active: float
    dead: int


def vectors_at(model: Model, place: Component, texts: Sequence[Batch]) -> Tensor:
    """(N, size): what a place holds at every token of texts, padding left out, on the model's device. Of so many texts that
    more could not be learnt from (MOST_VECTORS), the first.

    Raises UserError for a place that the model has not, or that is a single number, and where there is no text;
    ValueError for a model in training mode.
    """
    found = site(model, place)
    if place.kind == "neuron":
        raise UserError("One neuron is one number, which cannot be taken apart; choose its whole layer.")
    if not texts:
        raise UserError("An autoencoder needs texts to learn from, and others to be judged on.")
    vectors: list[Tensor] = []
    for batch in texts:
        samples = reference(model, [place], [batch]).samples[found.tap]
        vectors.append((samples[:, found.index] if place.kind == "head" else samples).float())
        if sum(map(len, vectors)) >= MOST_VECTORS:
            break
    return torch.cat(vectors)


def train_autoencoder(
    vectors: Tensor,
    place: Component,
    *,
    features: int = 512,
    k: int = 16,
    steps: int = 1000,
    seed: int = 0,
    random_directions: bool = False,
) -> Generator[AutoencoderStep, None, SparseAutoencoder]:
    """Learn features of vectors (N, size) of a place: yields every step, returns the autoencoder.

    With `random_directions` the decoder stays as it was drawn at random, and all else learns: the control that says how
    much any directions would do. The learning rate falls to 0 in a straight line over the last fifth.
    Raises UserError for more at once than there are features, and for vectors that are all the same.
    """
    if not 1 <= k <= features:
        raise UserError("There are {features} features, so that at most {features} can speak at once; choose a number from 1 to {features}, not {k}.", features=features, k=k)  # fmt: skip
    generator = torch.Generator().manual_seed(seed)
    chosen = torch.randperm(len(vectors), generator=generator)[:MOST_VECTORS]
    known = vectors[chosen.to(vectors.device)]
    mean = known.mean(0)
    scale = float((known - mean).norm(dim=1).median())
    if not scale > 0:
        raise UserError("This place is the same at every token, so that there is nothing to take apart.")
    known = (known - mean) / scale
    lengths = known.square().sum(1).clamp_min(_SHORTEST)
    parameters = _Parameters.begin(known, features, generator, random_directions)
    adam = Adam(parameters.learnt, betas=(0.9, 0.999))
    silent = torch.zeros(features, dtype=torch.long, device=known.device)
    for step in range(steps):
        drawn = torch.randint(len(known), (_VECTORS_AT_ONCE,), generator=generator).to(known.device)
        x = known[drawn]
        with torch.enable_grad():
            before = parameters.before(x)
            strengths = keep_strongest(before, k)
            left = x - parameters.decode(strengths)
            relative = lengths[drawn].rsqrt()[:, None]
            unexplained = (left * relative).square().sum(1).mean()
            dead = silent > _SILENT_STEPS
            loss = unexplained + _SHARE_OF_SILENT * parameters.of_the_dead(
                left.detach() * relative, before * relative, dead
            )
            gradients = torch.autograd.grad(loss, parameters.learnt)
        adam.step(parameters.along_the_sphere(gradients), _rate(step, steps))
        parameters.normalise()
        spoke = strengths.detach() > 0
        silent = torch.where(spoke.any(0), 0, silent + 1)
        lost, missed, active = (float(each.detach()) for each in (loss, unexplained, spoke.sum(1).float().mean()))
        yield AutoencoderStep(step + 1, steps, lost, missed, active, int(dead.sum()))
    return parameters.autoencoder(place, k, mean, scale)


def _rate(step: int, steps: int) -> float:
    return _LEARNING_RATE * min(1.0, 5 * (1 - step / steps))


@dataclass(frozen=True)
class _Parameters:
    """Of vectors that are on average 0 and of length 1: encoder (size, F), threshold (F,), center (size,), decoder (F, size)."""

    encoder: Tensor
    threshold: Tensor
    center: Tensor
    decoder: Tensor
    frozen: bool

    @classmethod
    def begin(cls, known: Tensor, features: int, generator: torch.Generator, frozen: bool) -> "_Parameters":
        size = known.shape[1]
        noise = torch.randn(features, size, generator=generator).to(known)
        if frozen:
            rows = noise
        else:
            drawn = torch.randint(len(known), (features,), generator=generator).to(known.device)
            rows = known[drawn] + noise * (0.5 / size**0.5)
        decoder = torch.nn.functional.normalize(rows, dim=1)
        zeros = torch.zeros(features, device=known.device), torch.zeros(size, device=known.device)
        made = cls(decoder.T.clone(), *zeros, decoder, frozen)
        for parameter in made.learnt:
            parameter.requires_grad_(True)
        return made

    @property
    def learnt(self) -> list[Tensor]:
        shared = [self.encoder, self.threshold, self.center]
        return shared if self.frozen else [*shared, self.decoder]

    def before(self, x: Tensor) -> Tensor:
        return (x - self.center) @ self.encoder + self.threshold

    def decode(self, strengths: Tensor) -> Tensor:
        return strengths @ self.decoder + self.center

    def of_the_dead(self, left: Tensor, before: Tensor, dead: Tensor) -> Tensor:
        """How little dead features, as if they alone could speak, explain of what is left over; 0 where none is dead."""
        count = int(dead.sum())
        if not count:
            return torch.zeros((), device=left.device)
        strongest = keep_strongest(before[:, dead], min(count, max(1, left.shape[1] // 2)))
        return (left - strongest @ self.decoder[dead]).square().sum() / left.square().sum().clamp_min(1e-12)

    def along_the_sphere(self, gradients: Sequence[Tensor]) -> list[Tensor]:
        """The gradients, that of the directions without what would only lengthen them."""
        if self.frozen:
            return list(gradients)
        rest, decoder = gradients[:-1], self.decoder.detach()
        return [*rest, gradients[-1] - (gradients[-1] * decoder).sum(1, keepdim=True) * decoder]

    @torch.no_grad()
    def normalise(self) -> None:
        if not self.frozen:
            self.decoder.div_(self.decoder.norm(dim=1, keepdim=True))

    def autoencoder(self, place: Component, k: int, mean: Tensor, scale: float) -> SparseAutoencoder:
        """The same in the model's own units."""
        arrays = (self.encoder, self.threshold * scale, self.decoder, mean + scale * self.center)
        encoder, threshold, decoder, center = (each.detach().cpu().numpy().copy() for each in arrays)
        return SparseAutoencoder(place, k, encoder, threshold, decoder, center)
