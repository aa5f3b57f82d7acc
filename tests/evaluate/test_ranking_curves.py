"""ROC and precision-recall curves: as scikit-learn has them, and the areas as probabilities counted pair by pair."""

from typing import Any

import numpy as np
import pytest
from sklearn import metrics

from llm_core.evaluate.ranking_curves import macro_area, one_against_rest, precision_recall, roc, thinned


def drawn(texts: int, seed: int, decimals: int) -> tuple[Any, Any]:
    """Labels and scores that have something to do with them; few decimals make many ties."""
    random = np.random.default_rng(seed)
    positive = random.random(texts) < 0.3
    return positive, np.round(random.normal(positive * 1.0, 1.0), decimals)


CASES = [drawn(300, 0, 9), drawn(300, 1, 0), drawn(12, 2, 1), (np.array([True, False]), np.array([0.5, 0.5]))]


@pytest.mark.parametrize("case", range(len(CASES)))
def test_the_curves_are_those_of_scikit_learn(case: int) -> None:
    positive, scores = CASES[case]
    curve = roc(positive, scores)
    assert curve is not None
    x, y, thresholds = metrics.roc_curve(positive, scores, drop_intermediate=False)
    np.testing.assert_allclose(curve.x, x)
    np.testing.assert_allclose(curve.y, y)
    np.testing.assert_allclose(curve.thresholds, thresholds)
    assert curve.area == pytest.approx(metrics.roc_auc_score(positive, scores), abs=1e-12)
    curve = precision_recall(positive, scores)
    assert curve is not None
    precision, recall, thresholds = metrics.precision_recall_curve(positive, scores)
    np.testing.assert_allclose(curve.y, precision[::-1])
    np.testing.assert_allclose(curve.x, recall[::-1])
    np.testing.assert_allclose(curve.thresholds[1:], thresholds[::-1])
    assert curve.area == pytest.approx(metrics.average_precision_score(positive, scores), abs=1e-12)


@pytest.mark.parametrize("case", range(len(CASES)))
def test_the_area_is_how_often_a_positive_text_scores_above_a_negative_one(case: int) -> None:
    positive, scores = CASES[case]
    pairs = [
        1.0 if yes > no else 0.5 if yes == no else 0.0 for yes in scores[positive] for no in scores[~positive]
    ]  # fmt: skip
    curve = roc(positive, scores)
    assert curve is not None
    assert curve.area == pytest.approx(sum(pairs) / len(pairs))


def test_a_class_that_is_absent_or_alone_has_no_curve() -> None:
    scores = np.array([0.2, 0.9])
    assert roc(np.array([True, True]), scores) is None
    assert roc(np.array([False, False]), scores) is None
    assert precision_recall(np.array([False, False]), scores) is None
    alone = precision_recall(np.array([True, True]), scores)
    assert alone is not None
    assert alone.area == 1.0
    assert roc(np.array([], dtype=bool), np.array([])) is None


def test_areas_of_many_classes_are_averaged_over_those_that_occur() -> None:
    random = np.random.default_rng(4)
    labels = random.integers(0, 3, 80)
    probabilities = random.dirichlet(np.ones(3), 80)
    curves = one_against_rest(labels, probabilities, roc)
    assert macro_area(curves) == pytest.approx(metrics.roc_auc_score(labels, probabilities, multi_class="ovr"))
    wider = np.column_stack([probabilities * 0.9, np.full(80, 0.1)])
    curves = one_against_rest(labels, wider, roc)
    assert curves[3] is None
    assert macro_area(curves) == pytest.approx(metrics.roc_auc_score(labels, probabilities, multi_class="ovr"))
    assert macro_area((None, None)) is None


def test_a_thinned_curve_keeps_its_ends_and_its_area() -> None:
    curve = roc(*CASES[0])
    assert curve is not None
    thin = thinned(curve, 40)
    assert len(thin.x) <= 40
    assert (thin.x[0], thin.y[0], thin.x[-1], thin.y[-1], thin.area) == (0, 0, 1, 1, curve.area)
    assert {*zip(thin.x, thin.y, strict=True)} <= {*zip(curve.x, curve.y, strict=True)}
    assert thinned(curve, 5000) is curve
