"""The tuned lens: for each place of the residual stream one affine map that makes it speak as the model's end does.

Belrose et al. 2023, "Eliciting Latent Predictions from Transformers with the Tuned Lens": a map per layer begins as the
identity (so that the plain logit lens is where training starts) and is trained to make the divergence of the model's own
output from what is read as small as it can be. The model stays as it is. Trained on some texts and judged on others.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from llm_core.errors import UserError
from llm_core.interpret.adam import Adam
from llm_core.interpret.attention.attention import Part
from llm_core.interpret.components import Component, residuals, site
from llm_core.interpret.reading_out import read_out, spoken
from llm_core.interpret.target import is_whole
from llm_core.models.base import Batch, Model
from llm_core.taps import observe

Floats = NDArray[np.float32]

_POSITIONS_AT_ONCE = 128
_FLOATS_AT_ONCE = 1 << 22
_MOST_POSITIONS = 16_384
_LEARNING_RATE = 6e-2


@dataclass(frozen=True)
class TunedLens:
    """Affine maps for R places of a stream, all but its end: x becomes x + weights x + biases.

    `weights` (R, width, width), `biases` (R, width). `steps` updates were made on `positions` positions of texts.
    """

    stream: Part
    rows: tuple[Component, ...]
    weights: Floats
    biases: Floats
    steps: int
    positions: int

    def translate(self, row: Component, residual: Tensor) -> Tensor:
        """Vectors (..., width) of a place as the end would have them; those of the end itself as they are."""
        if row not in self.rows:
            return residual
        place = self.rows.index(row)
        weight = torch.from_numpy(self.weights[place]).to(residual)
        return residual + residual @ weight.T + torch.from_numpy(self.biases[place]).to(residual)


@dataclass(frozen=True)
class TuningStep:
    """One update: KL(output || read) in nats of each of the R places on its batch, before the update."""

    step: int
    of: int
    divergences: Floats


@dataclass(frozen=True)
class TunedLensReport:
    """The lens, and its control: the mean KL(output || read) in nats over positions of texts it was not trained on.

    `before` (R,) through the plain logit lens, `after` (R,) through the tuned one; `positions` of those texts.
    """

    lens: TunedLens
    before: Floats
    after: Floats
    positions: int


def train_tuned_lens(
    model: Model,
    texts: Sequence[Batch],
    others: Sequence[Batch],
    *,
    steps: int = 200,
    seed: int = 0,
) -> Generator[TuningStep, None, TunedLensReport]:
    """Train a lens on `texts` and judge it on `others`. Yields every step, and returns the lens with its control.

    At most 16,384 positions of each are used, drawn over all of them. Adam, with a rate that falls to 0 in a straight
    line. Of four layers of width 96 and 822 tokens, 200 steps take seconds. The whole text's class has no lens of its own, so that models that pool are refused.
    Raises UserError for a model that cannot be read out, and where there is no text; ValueError in training mode.
    """
    if model.training:
        raise ValueError("put the model in eval mode before looking into it")
    stream = spoken(model)
    if is_whole(model):
        raise UserError("A tuned lens learns what each position will say; this model says one thing of the whole text.")
    rows = residuals(model, stream)[:-1]
    generator = torch.Generator().manual_seed(seed)
    known = _collect(model, stream, rows, texts, generator)
    unknown = _collect(model, stream, rows, others, generator)
    width = known.residuals.shape[-1]
    weights = torch.zeros(len(rows), width, width, device=known.output.device, requires_grad=True)
    biases = torch.zeros(len(rows), 1, width, device=known.output.device, requires_grad=True)
    before = _judge(model, stream, unknown, weights, biases)
    adam = Adam([weights, biases])
    at_once = max(8, min(_POSITIONS_AT_ONCE, _FLOATS_AT_ONCE // (len(rows) * _vocabulary(model, stream, known))))
    for step in range(steps):
        drawn = torch.randint(len(known.output), (at_once,), generator=generator).to(known.output.device)
        batch = _Stream(known.residuals[:, drawn], known.output[drawn])
        with torch.enable_grad():
            divergences = _divergences(model, stream, batch, weights, biases)  # (R, N)
            each = divergences.mean(1)
            gradients = torch.autograd.grad(each.sum(), [weights, biases])
        adam.step(gradients, _LEARNING_RATE * (1 - step / steps) / width**0.5)
        yield TuningStep(step + 1, steps, each.detach().float().cpu().numpy())
    after = _judge(model, stream, unknown, weights, biases)
    lens = TunedLens(
        stream, rows, weights.detach().cpu().numpy(), biases.detach()[:, 0].cpu().numpy(), steps, len(known.output)
    )
    return TunedLensReport(lens, before, after, len(unknown.output))


@dataclass(frozen=True)
class _Stream:
    """The stream at N positions: residuals (R, N, width), and the end of it (N, width)."""

    residuals: Tensor
    output: Tensor


def _collect(
    model: Model, stream: Part, rows: Sequence[Component], texts: Sequence[Batch], generator: torch.Generator
) -> _Stream:
    taps = [site(model, row).tap for row in (*rows, residuals(model, stream)[-1])]
    found: list[Tensor] = []  # (R + 1, N, width) each
    for batch in texts:
        moved = batch.to(next(model.parameters()).device)
        with torch.no_grad(), observe(model, only=taps) as seen:
            model.body(moved)
        together = torch.stack([seen[tap] for tap in taps])  # (R + 1, B, T, width)
        found.append(together.flatten(1, 2) if moved.real is None else together[:, moved.real])
    if not found:
        raise UserError("A tuned lens needs texts to learn from, and others to be judged on.")
    every = torch.cat(found, dim=1)
    chosen = torch.randperm(every.shape[1], generator=generator)[:_MOST_POSITIONS].to(every.device)
    every = every[:, chosen]
    return _Stream(every[:-1], every[-1])


def _divergences(model: Model, stream: Part, batch: _Stream, weights: Tensor, biases: Tensor) -> Tensor:
    """(R, N) KL(output || read)."""
    with torch.no_grad():
        output = read_out(model, stream, batch.output).log_softmax(-1)  # (N, V)
        shares = output.exp()
        known = (shares * output).sum(-1)  # (N,)
    x = batch.residuals
    read = read_out(model, stream, x + torch.baddbmm(biases, x, weights.mT))  # (R, N, V), the largest tensor here
    return known - torch.einsum("nv,rnv->rn", shares, read) + read.logsumexp(-1)


def _judge(model: Model, stream: Part, texts: _Stream, weights: Tensor, biases: Tensor) -> Floats:
    """(R,) the mean divergence over all positions."""
    total = torch.zeros(len(texts.residuals), dtype=torch.float64)
    at_once = max(8, _FLOATS_AT_ONCE // (len(total) * _vocabulary(model, stream, texts)))
    with torch.no_grad():
        for start in range(0, len(texts.output), at_once):
            piece = slice(start, start + at_once)
            some = _Stream(texts.residuals[:, piece], texts.output[piece])
            total += _divergences(model, stream, some, weights, biases).double().sum(1).cpu()
    mean: Floats = (total / len(texts.output)).float().numpy()
    return mean


def _vocabulary(model: Model, stream: Part, texts: _Stream) -> int:
    with torch.no_grad():
        return read_out(model, stream, texts.output[:1]).shape[-1]
