"""Folds are summed up by their mean and their spread."""

import numpy as np
import pytest

from llm_core.evaluate.cross_validation import over_folds


def test_mean_and_deviation_are_those_of_numpy() -> None:
    scores = [0.81, 0.79, 0.9, 0.85, 0.7]
    found = over_folds(scores)
    assert (found.mean, found.deviation) == pytest.approx((np.mean(scores), np.std(scores, ddof=1)))
    assert found.folds == tuple(scores)


def test_one_fold_has_no_spread() -> None:
    assert over_folds([0.5]).deviation == 0.0
