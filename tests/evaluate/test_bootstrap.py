"""The bootstrap: its draws are those of texts with replacement, paired over the classifiers, and the same every time."""

from typing import Any

import numpy as np
import pytest
from sklearn import metrics

from llm_core.evaluate.bootstrap import interval, resample


def answered(texts: int, classes: int, share: float, seed: int) -> tuple[Any, Any]:
    """Labels, and the answers of one who is right so often."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, texts)
    guesses = random.integers(0, classes, texts)
    return labels, np.where(random.random(texts) < share, labels, guesses)


def text_by_text(labels: Any, predicted: Any, resamples: int, seed: int) -> tuple[Any, Any]:
    """Accuracy and macro F1 of draws with replacement, each scored by scikit-learn."""
    random = np.random.default_rng(seed)
    drawn = [random.integers(0, len(labels), len(labels)) for _ in range(resamples)]
    return (
        np.array([metrics.accuracy_score(labels[rows], predicted[rows]) for rows in drawn]),
        np.array([metrics.f1_score(labels[rows], predicted[rows], average="macro") for rows in drawn]),
    )


def test_draws_vary_as_drawing_text_by_text_does() -> None:
    labels, predicted = answered(120, 3, 0.7, 0)
    found = resample(labels, [predicted], 3, resamples=4000)
    accuracy, macro_f1 = text_by_text(labels, predicted, 250, 1)
    for ours, theirs in ((found.accuracy[:, 0], accuracy), (found.macro_f1[:, 0], macro_f1)):
        error = theirs.std() / np.sqrt(len(theirs))
        assert ours.mean() == pytest.approx(theirs.mean(), abs=4 * error)
        assert ours.std() == pytest.approx(theirs.std(), rel=0.2)


def test_the_interval_of_an_accuracy_is_near_that_of_the_normal_distribution() -> None:
    labels, predicted = answered(2000, 2, 0.6, 2)
    right = float((labels == predicted).mean())
    found = interval(resample(labels, [predicted], 2, resamples=4000).accuracy[:, 0])
    reach = 1.96 * np.sqrt(right * (1 - right) / 2000)
    assert (found.low, found.high) == pytest.approx((right - reach, right + reach), abs=0.1 * reach)


def test_classifiers_answer_the_same_draws() -> None:
    labels, predicted = answered(200, 4, 0.5, 3)
    found = resample(labels, [predicted, predicted, (predicted + 1) % 4], 4, resamples=50)
    assert (found.accuracy[:, 0] == found.accuracy[:, 1]).all()
    assert (found.macro_f1[:, 0] == found.macro_f1[:, 1]).all()
    assert (found.accuracy[:, 0] != found.accuracy[:, 2]).all()


def test_the_macro_average_of_a_draw_leaves_out_classes_that_it_does_not_hold() -> None:
    labels = predicted = np.array([0, 1, 2])
    found = resample(labels, [predicted], 6, resamples=100)
    assert (found.macro_f1 == 1.0).all()
    wrong = resample(labels, [(predicted + 1) % 3], 3, resamples=20)
    assert (wrong.macro_f1 == 0.0).all()


def test_the_same_seed_draws_the_same_and_another_one_other_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    labels, predicted = answered(100, 3, 0.6, 4)
    once, again, other = (resample(labels, [predicted], 3, resamples=40, seed=seed) for seed in (7, 7, 8))
    assert (once.accuracy == again.accuracy).all()
    assert (once.accuracy != other.accuracy).any()
    monkeypatch.setattr("llm_core.evaluate.bootstrap._BLOCK", 30)
    pieces = resample(labels, [predicted], 3, resamples=40, seed=7)
    assert (once.accuracy == pieces.accuracy).all()
    np.testing.assert_allclose(once.macro_f1, pieces.macro_f1)


def test_an_interval_is_made_of_percentiles() -> None:
    values = np.arange(1001) / 1000
    found = interval(values)
    assert (found.low, found.high) == pytest.approx((0.025, 0.975))
    assert interval(values, 0.5).high == pytest.approx(0.75)
