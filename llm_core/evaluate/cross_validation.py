"""What several folds say together: the mean of a score, and how far it goes up and down from fold to fold.

No interval is given: the folds share most of their training texts, and no formula makes an honest interval of that
(Bengio & Grandvalet 2004, "No Unbiased Estimator of the Variance of K-Fold Cross-Validation").
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class FoldSummary:
    """`deviation`: the standard deviation between folds (n − 1); 0 for one fold."""

    folds: tuple[float, ...]
    mean: float
    deviation: float


def over_folds(scores: Sequence[float]) -> FoldSummary:
    """Sum up one score of each fold; at least one."""
    mean = math.fsum(scores) / len(scores)
    squares = math.fsum((score - mean) ** 2 for score in scores)
    return FoldSummary(tuple(scores), mean, math.sqrt(squares / (len(scores) - 1)) if len(scores) > 1 else 0.0)
