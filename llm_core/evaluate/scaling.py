"""A scaling law through the end losses of several trainings: L(N) = E + A / N^alpha.

N is the number of parameters or of training tokens, the form that of Hoffmann et al. 2022 (equation 2 of "Training
Compute-Optimal Large Language Models", with one of its two terms). E is what no size gets below: where the grammar that
wrote the text is known, so is its entropy, and E can be held against it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from llm_core.errors import UserError

Floats = NDArray[np.float64]

FEWEST = 4
"""Sizes that are needed: three unknowns, and one more, so that the curve can be wrong at all."""
RESAMPLED = 200
"""Fits of the bootstrap: enough for the ends of a 90 % interval."""
_HUBER = 1e-2
"""Residuals in log loss beyond this count less: a hundredth is a little more than what another seed changes."""
_EXPONENTS = (0.05, 0.1, 0.2, 0.35, 0.6, 1.0, 1.6)
_FLOORS = (0.02, 0.5, 0.8, 0.95, 0.99)
"""Where the search begins, every pair of both: the floor as a share of the lowest loss. Of all ends the best is taken."""
_STEEPEST = 4.0
"""The largest exponent that is looked for; beyond it the first point alone would lie above a flat line."""


@dataclass(frozen=True)
class Scaling:
    """floor: E, in nats per token · scale: A, with N in its own unit · exponent: alpha · each with the ends of a 90 %
    interval · sizes, losses: the points · error: root mean square of the residuals in log loss."""

    floor: float
    scale: float
    exponent: float
    floor_interval: tuple[float, float]
    exponent_interval: tuple[float, float]
    sizes: tuple[float, ...]
    losses: tuple[float, ...]
    error: float

    def loss(self, sizes: ArrayLike) -> Floats:
        """The loss that the curve gives models, or texts, of these sizes."""
        return np.asarray(self.floor + self.scale * np.asarray(sizes, dtype=float) ** -self.exponent)


def fit_scaling(sizes: Sequence[float], losses: Sequence[float], *, seed: int = 0) -> Scaling:
    """Fit E, A and alpha by least squares in log loss, with Huber's loss, from a grid of beginnings, as Hoffmann et al.
    2022 (section 3.3) do it; several losses of one size, from several seeds, are several points.

    The intervals are from the 5th to the 95th hundredth of 200 fits to the curve with its residuals drawn anew (a residual
    bootstrap, Efron & Tibshirani 1993, chapter 9; residuals are widened by sqrt(n / (n - 3)) for the three that were fitted).
    They say what chance does to the points, not whether the form of the curve is right. Raises UserError for fewer than
    four different sizes, and where the loss does not fall as the size grows.
    """
    if len(sizes) != len(losses) or not all(np.isfinite([*sizes, *losses])) or min(*sizes, *losses, 1.0) <= 0:
        raise UserError("A scaling curve needs a positive size and a positive loss for each point.")
    different = len(set(sizes))
    if different < FEWEST:
        raise UserError("A scaling curve needs at least {least} different sizes; there are {have}.", least=FEWEST, have=different)  # fmt: skip
    size, loss = np.asarray(sizes, dtype=float), np.asarray(losses, dtype=float)
    if np.polyfit(np.log(size), np.log(loss), 1)[0] >= 0:
        raise UserError("The loss does not fall as the size grows: there is no scaling curve to fit.")
    unit = float(
        np.exp(np.log(size).mean())
    )  # in the middle of the sizes, so that A and alpha hardly depend on each other
    found = _best(size / unit, loss)
    fitted = _curve(found, size / unit)
    residuals = np.log(loss) - np.log(fitted)
    chance = np.random.default_rng(seed)
    widened = (residuals - residuals.mean()) * np.sqrt(len(loss) / max(1, len(loss) - 3))
    drawn = fitted * np.exp(chance.choice(widened, (RESAMPLED, len(loss))))
    again = np.array([_fit(size / unit, each, found) for each in drawn])
    floors, exponents = np.exp(again[:, 0]), np.exp(again[:, 2])
    floor, scale, exponent = np.exp(found)
    return Scaling(
        float(floor), float(scale * unit**exponent), float(exponent), _middle(floors), _middle(exponents),
        tuple(map(float, size)), tuple(map(float, loss)), float(np.sqrt(np.mean(residuals**2))),
    )  # fmt: skip


def _best(size: Floats, loss: Floats) -> Floats:
    lowest, spread = float(loss.min()), float(loss.max() - loss.min())
    beginnings = [
        np.log([lowest * share, max(1e-6, lowest * (1 - share) + spread / 2), exponent])
        for share in _FLOORS
        for exponent in _EXPONENTS
    ]
    ends = [_fit(size, loss, beginning) for beginning in beginnings]
    return min(ends, key=lambda end: _cost(end, size, loss))


def _fit(size: Floats, loss: Floats, beginning: Floats) -> Floats:
    """The logarithms of E, A and alpha that are best near a beginning."""
    from scipy.optimize import least_squares

    def residuals(unknown: Floats) -> Floats:
        return np.asarray(np.log(_curve(unknown, size)) - np.log(loss))

    def slopes(unknown: Floats) -> Floats:
        floor, scale, exponent = np.exp(unknown)
        power = scale * size**-exponent
        columns = [np.full_like(size, floor), power, -power * exponent * np.log(size)]
        return np.asarray(np.stack(columns, axis=1) / (floor + power)[:, None])

    low, high = np.log([1e-9, 1e-9, 1e-3]), np.log([loss.min(), 1e9, _STEEPEST])
    inside = np.clip(beginning, low + 1e-6, high - 1e-6)
    found = least_squares(residuals, inside, jac=slopes, bounds=(low, high), loss="huber", f_scale=_HUBER, max_nfev=200)
    return np.asarray(found.x)


def _cost(unknown: Floats, size: Floats, loss: Floats) -> float:
    off = np.abs(np.log(_curve(unknown, size)) - np.log(loss)) / _HUBER
    return float(np.where(off <= 1, off**2, 2 * off - 1).sum())


def _curve(unknown: Floats, size: Floats) -> Floats:
    floor, scale, exponent = np.exp(unknown)
    return np.asarray(floor + scale * size**-exponent)


def _middle(values: Floats) -> tuple[float, float]:
    low, high = np.quantile(values, (0.05, 0.95))
    return float(low), float(high)
