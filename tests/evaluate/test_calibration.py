"""Log loss, calibration and thresholds: against scikit-learn, and against counts text by text."""

from typing import Any

import numpy as np
import pytest
from sklearn import metrics

from llm_core.evaluate.calibration import calibration, log_loss
from llm_core.evaluate.thresholds import at_thresholds, chosen_by_half


def drawn(texts: int, classes: int, seed: int) -> tuple[Any, Any]:
    random = np.random.default_rng(seed)
    return random.integers(0, classes, texts), random.dirichlet(np.full(classes, 0.4), texts)


@pytest.mark.parametrize(("classes", "seed"), [(2, 0), (5, 1)])
def test_log_loss_equals_that_of_scikit_learn(classes: int, seed: int) -> None:
    labels, probabilities = drawn(150, classes, seed)
    assert log_loss(labels, probabilities) == pytest.approx(
        metrics.log_loss(labels, probabilities, labels=range(classes))
    )


def test_a_text_that_was_thought_impossible_does_not_make_the_loss_infinite() -> None:
    labels, probabilities = np.array([0, 1]), np.array([[0.0, 1.0], [0.0, 1.0]])
    assert log_loss(labels, probabilities) == pytest.approx(metrics.log_loss(labels, probabilities))


def by_brute_force(labels: Any, probabilities: Any, bins: int) -> float:
    """Equation 5 of Guo et al. 2017, bin by bin and text by text."""
    error = 0.0
    for number in range(bins):
        inside = [
            (max(row), int(np.argmax(row)) == label)
            for label, row in zip(labels, probabilities, strict=True)
            if number / bins < max(row) <= (number + 1) / bins
        ]
        if inside:
            sure = sum(confidence for confidence, _ in inside) / len(inside)
            right = sum(hit for _, hit in inside) / len(inside)
            error += len(inside) / len(labels) * abs(right - sure)
    return error


@pytest.mark.parametrize(("classes", "bins"), [(2, 15), (2, 10), (6, 15), (3, 1)])
def test_the_calibration_error_is_that_of_its_definition(classes: int, bins: int) -> None:
    labels, probabilities = drawn(200, classes, classes)
    found = calibration(labels, probabilities, bins)
    assert found.error == pytest.approx(by_brute_force(labels, probabilities, bins))
    assert len(found.bins) == bins
    assert sum(each.count for each in found.bins) == 200


def test_who_is_always_sure_and_half_right_errs_by_half() -> None:
    found = calibration(np.array([0, 1]), np.array([[1.0, 0.0], [1.0, 0.0]]))
    assert found.error == 0.5
    last = found.bins[-1]
    assert (last.count, last.confidence, last.accuracy, last.high) == (2, 1.0, 0.5, 1.0)
    assert all(each.count == each.confidence == each.accuracy == 0 for each in found.bins[:-1])


def test_a_probability_at_an_edge_belongs_to_the_lower_bin() -> None:
    found = calibration(np.array([0]), np.array([[0.6, 0.4]]), 5)
    assert [each.count for each in found.bins] == [0, 0, 1, 0, 0]


@pytest.mark.parametrize("threshold", [0.0, 0.2, 0.5, 0.77, 1.0, 1.1])
def test_counts_at_a_threshold_are_those_of_scikit_learn(threshold: float) -> None:
    random = np.random.default_rng(5)
    positive = random.random(90) < 0.4
    scores = np.round(random.random(90), 1)
    (found,) = at_thresholds(positive, scores, np.array([threshold]))
    called = scores >= threshold
    assert [found.rejections, found.alarms, found.misses, found.hits] == metrics.confusion_matrix(
        positive, called
    ).ravel().tolist()
    theirs = metrics.precision_recall_fscore_support(positive, called, average="binary", zero_division=0)[:3]
    assert (found.precision, found.recall, found.f1) == pytest.approx(theirs)
    assert found.accuracy == pytest.approx(metrics.accuracy_score(positive, called))


def test_without_a_positive_text_nothing_is_divided_by_nothing() -> None:
    (found,) = at_thresholds(np.array([False, False]), np.array([0.1, 0.2]), np.array([0.5]))
    assert (found.precision, found.recall, found.f1, found.accuracy) == (0.0, 0.0, 0.0, 1.0)


GRID = np.arange(101) / 100


def test_a_threshold_chosen_on_one_half_is_scored_on_the_other() -> None:
    """Text by text, with scikit-learn's F1: the same mean but for the chance of other halves."""
    random = np.random.default_rng(7)
    positive = random.random(60) < 0.4
    scores = np.clip(0.5 + 0.1 * positive + 0.2 * random.standard_normal(60), 0, 1)
    chosen, other = [], []
    for _ in range(60):
        first = np.concatenate([random.permutation(np.flatnonzero(side))[: side.sum() // 2] for side in (positive, ~positive)])  # fmt: skip
        second = np.setdiff1d(np.arange(60), first)
        curves = [[metrics.f1_score(positive[half], scores[half] >= t, zero_division=0) for t in GRID[::4]] for half in (first, second)]  # fmt: skip
        for one, two in (curves, curves[::-1]):
            chosen.append(max(one))
            other.append(two[int(np.argmax(one))])
    found = chosen_by_half(positive, scores, GRID[::4], halvings=2000)
    assert found is not None
    assert found.chosen == pytest.approx(np.mean(chosen), abs=4 * np.std(chosen) / 60**0.5)
    assert found.other == pytest.approx(np.mean(other), abs=4 * np.std(other) / 60**0.5)
    assert found.other < found.chosen - 0.03


def test_a_threshold_that_parts_the_classes_is_as_good_on_new_texts() -> None:
    positive = np.arange(40) < 15
    found = chosen_by_half(positive, np.where(positive, 0.9, 0.2), GRID)
    assert found is not None
    assert (found.chosen, found.other) == (1.0, 1.0)
    assert chosen_by_half(np.arange(10) < 1, np.linspace(0, 1, 10), GRID) is None, "one text has no halves"
