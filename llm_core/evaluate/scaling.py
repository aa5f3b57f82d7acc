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
_HUBER = 1e-2
"""Residuals in log loss beyond this count less: a hundredth is a little more than what another seed changes."""
_STEEPEST = 4.0
"""The largest exponent that is looked for; beyond it the first point alone would lie above a flat line."""
_EXPONENTS = np.geomspace(0.02, _STEEPEST, 120)
"""Tried to begin with: for each the best E and A follow in closed form."""


@dataclass(frozen=True)
class Scaling:
    """floor: E, in the unit of the losses that were given · scale: A, with N in its own unit · exponent: alpha · each with the ends of a 90 %
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


def fit_scaling(sizes: Sequence[float], losses: Sequence[float]) -> Scaling:
    """Fit E, A and alpha by least squares in log loss, with Huber's loss, from the best of a grid of exponents, much as
    Hoffmann et al. 2022 (section 3.3) do it; several losses of one size, from several seeds, are several points.

    The intervals are jackknife intervals of 90 % (Tukey 1958): every point is left out once, and the spread of what is found
    without it, in the logarithms, is taken with Student's t.
    They say what chance does to the points, not whether the form of the curve is right. Raises UserError for fewer than
    four different sizes, and where the loss does not fall as the size grows.
    """
    if len(sizes) != len(losses) or not all(np.isfinite([*sizes, *losses])) or min([*sizes, *losses], default=1.0) <= 0:
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
    kept = [np.arange(len(loss)) != left_out for left_out in range(len(loss))]
    again = np.array([_fit(size[each] / unit, loss[each], found) for each in kept])
    floor, scale, exponent = np.exp(found)
    return Scaling(
        float(floor), float(scale * unit**exponent), float(exponent), _interval(found[0], again[:, 0]), _interval(found[2], again[:, 2]),
        tuple(map(float, size)), tuple(map(float, loss)), float(np.sqrt(np.mean(residuals**2))),
    )  # fmt: skip


def _best(size: Floats, loss: Floats) -> Floats:
    """The logarithms of E, A and alpha: from the exponent whose E and A, in closed form, leave the smallest shares of the
    losses over, on to the least squares in log loss."""
    beginnings = []
    for exponent in _EXPONENTS:
        columns = np.stack([np.ones_like(size), size**-exponent], axis=1) / loss[:, None]
        floor, scale = np.linalg.lstsq(columns, np.ones_like(size), rcond=None)[0]
        if floor <= 0:
            floor, scale = 1e-6, 1 / columns[:, 1].mean()
        if scale > 0:
            beginnings.append(np.log([floor, scale, exponent]))
    return _fit(size, loss, min(beginnings, key=lambda beginning: _cost(beginning, size, loss)))


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
    found = least_squares(residuals, inside, jac=slopes, bounds=(low, high), loss="huber", f_scale=_HUBER, max_nfev=60)
    return np.asarray(found.x)


def _cost(unknown: Floats, size: Floats, loss: Floats) -> float:
    off = np.abs(np.log(_curve(unknown, size)) - np.log(loss)) / _HUBER
    return float(np.where(off <= 1, off**2, 2 * off - 1).sum())


def _curve(unknown: Floats, size: Floats) -> Floats:
    floor, scale, exponent = np.exp(unknown)
    return np.asarray(floor + scale * size**-exponent)


def _interval(found: float, again: Floats) -> tuple[float, float]:
    """The ends, from the logarithm of what was found and of what is found without each point."""
    from scipy.stats import t

    count = len(again)
    error = np.sqrt((count - 1) / count * np.square(again - again.mean()).sum())
    reach = float(t.ppf(0.95, count - 1) * error)
    return float(np.exp(found - reach)), float(np.exp(min(found + reach, 30.0)))
