"""Which feature tells a label of a grammar apart: plural nouns, names, verbs.

Among many features one always fits a label somewhat. So the ones that tell it best are found in one half of the texts, and
what they are worth is measured in the other (the same for features whose directions were drawn at random).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llm_core.interpret.attention.attention import Floats
from llm_core.interpret.neurons.told_apart import FEWEST, told_apart

_TOP = 8


@dataclass(frozen=True)
class LabelFeatures:
    """The features that are most surely stronger at tokens with a label, the best first, by one half of the texts.

    By the other half: areas (n,) under the ROC curve, as in `told_apart` · on, elsewhere (n,): the share of tokens with
    the label, and of those without it, at which each speaks at all. `tokens`: how many bear the label there.
    """

    label: str
    tokens: int
    features: tuple[int, ...]
    areas: Floats
    on: Floats
    elsewhere: Floats


def find_labelled(
    strengths: Floats, text: NDArray[np.int64], label: NDArray[np.int64], names: Sequence[str], *, top: int = _TOP
) -> tuple[LabelFeatures, ...]:
    """strengths (N, F) at N tokens of texts with these numbers (N,), and the number of the label of each in `names`.

    A label at too few tokens of either half is left out. Raises UserError where that is all of them.
    """
    second = text % 2 == 1
    areas = told_apart(strengths[~second], label[~second], names).areas  # (labels, F)
    tested = told_apart(strengths[second], label[second], names).areas
    speaks, known = strengths[second] > 0, label[second]
    found = []
    for number, name in enumerate(names):
        here = known == number
        if np.isnan(areas[number]).all() or np.isnan(tested[number]).all() or here.sum() < FEWEST:
            continue
        best = np.argsort(-areas[number], kind="stable")[:top]
        found.append(
            LabelFeatures(
                name, int(here.sum()), tuple(best.tolist()), tested[number, best],
                speaks[here][:, best].mean(0, dtype=np.float32), speaks[~here][:, best].mean(0, dtype=np.float32),
            )
        )  # fmt: skip
    return tuple(found)
