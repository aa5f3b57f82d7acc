"""Which tokens of a text a model has learned, and when: out of its losses on the same text at many steps.

Knows neither model nor torch: what comes in are the rows that a run has recorded.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

EASY = 1.0
"""Nats below which a token is easy at most: the model gives it a probability above 1 / e, 37 %."""
CLASSES = ("frequent", "middle", "rare")

Array = NDArray[np.float64]
Places = NDArray[np.int64]


@dataclass(frozen=True)
class EasyTokens:
    """What became easy when. NaN in `losses` where nothing is asked.

    steps (S,) · losses (S, T) nats · threshold (T,) nats · since (T,): the first step from which a token's loss stays
    below its threshold up to the last step, -1 where it does not at the end, or is not asked for · token_class (T,):
    which of `CLASSES` a token belongs to, -1 where it is not asked for · class_losses (3, S): mean nats of each class ·
    class_easy (3, S): the share of its tokens, 0 to 1, that have become easy for good by then. NaN for an empty class.
    """

    steps: Places
    losses: Array
    threshold: Array
    since: Places
    token_class: Places
    class_losses: Array
    class_easy: Array


def thresholds(unigram: Sequence[float | None] | Array) -> Array:
    """(T,) nats below which each token counts as easy: 1, or half of what it costs by its frequency, if that is less.

    So a frequent token is easy only once the model knows more of it than that it is frequent. NaN for None.
    """
    nats = np.array(unigram, dtype=np.float64)
    return np.where(np.isfinite(nats), np.minimum(EASY, nats / 2), np.nan)


def easy_tokens(
    steps: Sequence[int], losses: Sequence[Sequence[float | None]], unigram: Sequence[float | None]
) -> EasyTokens:
    """`losses` of each of T tokens at each of S ascending `steps`, and what each costs by its frequency.

    A token that is easy once and is not at a later step has not become easy: what counts is that it stays. The classes
    are thirds of the tokens that are asked for, by their frequency; equal ones stand in the text's order.
    """
    each = np.array(losses, dtype=np.float64).reshape(len(steps), len(unigram))
    limit = thresholds(unigram)
    asked = ~np.isnan(limit) & ~np.isnan(each).all(0) if len(steps) else ~np.isnan(limit)
    stays = np.logical_and.accumulate((each < limit)[::-1], axis=0)[::-1]  # (S, T)
    ever = stays.any(0)
    at = np.array(steps, dtype=np.int64)
    since = np.where(ever, at[stays.argmax(0)], -1) if len(steps) else np.full(len(unigram), -1)
    classes = np.full(len(unigram), -1)
    order = np.flatnonzero(asked)[np.argsort(np.array(unigram, dtype=np.float64)[asked], kind="stable")]
    for number, members in enumerate(np.array_split(order, len(CLASSES))):
        classes[members] = number
    belongs = [classes == number for number in range(len(CLASSES))]
    return EasyTokens(
        at, each, limit, since, classes,
        np.array([_means(each[:, own]) for own in belongs]), np.array([_means(stays[:, own]) for own in belongs]),
    )  # fmt: skip


def _means(values: NDArray[np.float64] | NDArray[np.bool_]) -> Array:
    """(S,) the mean over (S, T); NaN where T is 0."""
    return values.mean(1) if values.shape[1] else np.full(len(values), np.nan)
