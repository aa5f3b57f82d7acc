"""How sure a mean over texts is: 95 % intervals that know that what stands in one text is not independent.

Texts are drawn independently, questions inside one are not. So the variance of a ratio of sums is taken between texts
(Cochran 1977, "Sampling Techniques", section 6.3: clusters of unequal size, linearized).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Z = 1.959964
"""Of a normal distribution, 95 % lies within so many standard deviations."""


@dataclass(frozen=True)
class Estimate:
    """A mean and its 95 % interval, arrays of one shape."""

    mean: Floats
    low: Floats
    high: Floats


def share(sums: Floats, counts: NDArray[np.int64]) -> Estimate:
    """The mean of values from 0 to 1 of which `counts` (texts,) stand in each text and add up to `sums` (texts, ...).

    Wilson's interval for as many independent observations as would vary like the texts do (Korn & Graubard 1998): it
    stays within 0 and 1, and has a width even where all is right or nothing is. At least one count must be above 0.
    """
    found, variance, texts = _ratio(sums, counts)
    found = np.clip(found, 0.0, 1.0)
    spread = found * (1 - found)
    known = (variance > 0) & (spread > 0)
    # Where no text differs from another, each text counts once.
    observations = np.where(known, spread / np.where(known, variance, 1.0), texts)
    shrunk = 1 + Z**2 / observations
    centre = (found + Z**2 / (2 * observations)) / shrunk
    reach = Z / shrunk * np.sqrt(spread / observations + Z**2 / (4 * observations**2))
    return Estimate(found, np.clip(centre - reach, 0.0, 1.0), np.clip(centre + reach, 0.0, 1.0))


def mean(sums: Floats, counts: NDArray[np.int64]) -> Estimate:
    """The same for values of any size, by the normal approximation; the interval of one text alone has no bounds."""
    found, variance, _ = _ratio(sums, counts)
    reach = Z * np.sqrt(variance)
    return Estimate(found, found - reach, found + reach)


def _ratio(sums: Floats, counts: NDArray[np.int64]) -> tuple[Floats, Floats, int]:
    """The mean, its variance between texts, and how many texts have something to count."""
    counted = counts > 0
    sums, counts = sums[counted], counts[counted]
    texts, total = len(counts), int(counts.sum())
    found: Floats = sums.sum(0) / total
    if texts < 2:
        return found, np.full_like(found, np.inf), texts
    residual = sums - counts.reshape(-1, *(1,) * (sums.ndim - 1)) * found
    variance: Floats = texts / (texts - 1) * (residual**2).sum(0) / total**2
    return found, variance, texts
