"""What each vector of a text adds to a number that a model makes of all of them. Knows no model: only a function.

The function takes vectors (B, T, width) and gives (B,), one number for each row, and its gradient is wanted.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

Floats = NDArray[np.float64]
Function = Callable[["Tensor"], "Tensor"]

TOLERANCE = 0.01
_STEPS = (32, 64, 128, 256, 512)
_NEGLIGIBLE = 1e-3
_POSITIONS_AT_ONCE = 8192


@dataclass(frozen=True)
class Integral:
    """scores (T,) · value, baseline: the function at the vectors and at those that say nothing · steps: points taken on
    the way between them."""

    scores: Floats
    value: float
    baseline: float
    steps: int

    @property
    def delta(self) -> float:
        """By how much the scores fail to add up to value - baseline."""
        return float(self.scores.sum()) - (self.value - self.baseline)


def complete(delta: float, difference: float) -> bool:
    """Whether scores add up to a difference within 1 %, or within what is nothing."""
    return abs(delta) <= max(TOLERANCE * abs(difference), _NEGLIGIBLE)


def gradient_times_vector(function: Function, vectors: "Tensor") -> tuple[Floats, float]:
    """How steeply the function rises along each of the vectors (T, width), times the vector (Shrikumar et al. 2017, 2.3):
    scores (T,), and the function's value."""
    import torch

    with torch.enable_grad():
        here = vectors.detach().clone().requires_grad_(True)
        value = function(here[None])[0]
        (gradient,) = torch.autograd.grad(value, here)
    scores: Floats = (gradient * here).sum(-1).detach().double().cpu().numpy()
    return scores, float(value.detach())


def integrate(function: Function, vectors: "Tensor", nothing: "Tensor") -> Integral:
    """The gradient along the straight way from vectors that say nothing to the text's own (Sundararajan et al. 2017).

    The scores add up to the difference of the function between the two (completeness). More points are taken on the way
    until they do so within 1 %, or until 512 are taken. vectors and nothing (T, width). Through captum.
    """
    import torch
    from captum.attr import IntegratedGradients

    method = IntegratedGradients(function)
    here, there = vectors.detach()[None], nothing.detach()[None]
    with torch.no_grad():
        value, baseline = float(function(here)[0]), float(function(there)[0])
    for steps in _STEPS:
        at_once = max(1, _POSITIONS_AT_ONCE // here.shape[1])
        with torch.enable_grad():
            scores = method.attribute(here, there, n_steps=steps, internal_batch_size=at_once)[0].sum(-1)
        found = Integral(scores.detach().double().cpu().numpy(), value, baseline, steps)
        if complete(found.delta, value - baseline):
            break
    return found
