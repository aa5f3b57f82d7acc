"""Whether scores of tokens are faithful: take tokens away in their order and see how fast the target goes, or bring them
back and see how fast it comes (Samek et al. 2017; Petsiuk et al. 2018, "RISE", 3.3), beside random orders.

Scores that say which tokens carry the target make it fall faster, and rise faster, than chance does. A text with tokens
missing is none that the model was trained on, so that a part of every fall is surprise: chance has it too, which is why
only what lies between the curves counts.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from llm_core.interpret.attribution.input_attribution import Explained

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Faithfulness:
    """Curves over N players, the tokens that can be taken away: place n is the target after n of them.

    order (N,): the tokens, the one with the highest score first, as places among those of source and text together ·
    deletion (N + 1,): taken away in this order, from the whole text to nothing · insertion (N + 1,): brought back in it ·
    random_deletions, random_insertions (R, N + 1): the same in R random orders.
    """

    order: tuple[int, ...]
    deletion: Floats
    insertion: Floats
    random_deletions: Floats
    random_insertions: Floats

    @property
    def deletion_area(self) -> float:
        """Between the mean random curve and that of the scores, as a share of the whole fall: above 0 the scores are
        better than chance, and 0 where there is no fall."""
        return _area(self.random_deletions.mean(0) - self.deletion, self.deletion)

    @property
    def insertion_area(self) -> float:
        """Between the curve of the scores and the mean random one, as a share of the whole rise."""
        return _area(self.insertion - self.random_insertions.mean(0), self.insertion)

    @property
    def random_deletion_areas(self) -> Floats:
        """(R,) the area of each random order against the mean of them: how far chance alone gets."""
        return np.array([_area(self.random_deletions.mean(0) - one, one) for one in self.random_deletions])

    @property
    def random_insertion_areas(self) -> Floats:
        """(R,) the same of insertion."""
        return np.array([_area(one - self.random_insertions.mean(0), one) for one in self.random_insertions])


def faithfulness(explained: Explained, scores: Floats, random_orders: int = 20, seed: int = 0) -> Faithfulness:
    """The curves of scores of source and text together (`InputAttribution.scores`)."""
    places = np.flatnonzero(explained.free)
    known = scores[: len(explained.free)]
    order = places[np.argsort(-known[places], kind="stable")]
    random = np.random.default_rng(seed)
    orders = [order, *(random.permutation(places) for _ in range(random_orders))]
    total = len(explained.free)
    kept = np.concatenate([_steps(one, total) for one in orders])
    values = explained.masked(torch.from_numpy(kept)).double().cpu().numpy()
    curves = values.reshape(len(orders), 2, len(places) + 1)
    return Faithfulness(tuple(order.tolist()), curves[0, 0], curves[0, 1], curves[1:, 0], curves[1:, 1])


def _steps(order: NDArray[np.int64], total: int) -> NDArray[np.float32]:
    """(2 (N + 1), total) which tokens are kept: first taken away one after the other, then brought back."""
    away = np.ones((len(order) + 1, total), dtype=np.float32)
    back = np.ones_like(away)
    back[0, order] = 0
    for number, place in enumerate(order, start=1):
        away[number:, place] = 0
        back[number] = back[number - 1]
        back[number, place] = 1
    return np.concatenate((away, back))


def _area(between: Floats, curve: Floats) -> float:
    """The mean of what lies between two curves, as a share of what the curve goes through from one end to the other."""
    whole = abs(float(curve[0] - curve[-1]))
    return float(np.trapezoid(between) / max(1, len(between) - 1) / whole) if whole > np.finfo(np.float32).eps else 0.0
