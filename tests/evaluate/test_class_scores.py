"""Accuracy, precision, recall, F1 and the confusion matrix: as scikit-learn has them, and as counted by hand."""

import warnings
from typing import Any

import numpy as np
import pytest
from sklearn import metrics

from llm_core.evaluate.classification import behind, confusion, predict, report


def drawn(texts: int, classes: int, seed: int, only: int | None = None) -> tuple[Any, Any]:
    """Random labels and predictions; `only`: how many of the classes any of them uses."""
    random = np.random.default_rng(seed)
    used = only or classes
    return random.integers(0, used, texts), random.integers(0, used, texts)


CASES = {
    "two classes": drawn(200, 2, 0),
    "many classes": drawn(300, 7, 1),
    "hardly any texts": drawn(3, 5, 2),
    "a class nobody has": drawn(60, 5, 3, only=3),
    "a class that is never called": (np.array([0, 0, 1, 2, 2]), np.array([0, 1, 1, 0, 1])),
    "a class that is called and never right": (np.array([0, 0, 1]), np.array([0, 2, 1])),
    "all right": (np.array([2, 0, 1]), np.array([2, 0, 1])),
    "all wrong": (np.array([0, 0, 1]), np.array([1, 2, 0])),
    "one text": (np.array([1]), np.array([0])),
}
CLASSES = {"two classes": 2, "many classes": 7}


@pytest.mark.parametrize("name", CASES)
def test_scores_equal_those_of_scikit_learn(name: str) -> None:
    labels, predicted = CASES[name]
    classes = CLASSES.get(name, 5)
    found = report(labels, predicted, classes)
    assert found.count == len(labels)
    assert found.accuracy == pytest.approx(metrics.accuracy_score(labels, predicted), abs=1e-12)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for average, scores in (("macro", found.macro), ("micro", found.micro)):
            theirs = metrics.precision_recall_fscore_support(labels, predicted, average=average, zero_division=0)[:3]
            assert (scores.precision, scores.recall, scores.f1) == pytest.approx(theirs, abs=1e-12)
        each = metrics.precision_recall_fscore_support(labels, predicted, labels=range(classes), zero_division=0)
    for column, theirs in zip(("precision", "recall", "f1", "support"), each, strict=True):
        assert [getattr(scores, column) for scores in found.classes] == pytest.approx(theirs.tolist(), abs=1e-12)
    counts = confusion(labels, predicted, classes)
    assert counts.tolist() == metrics.confusion_matrix(labels, predicted, labels=range(classes)).tolist()


def test_a_small_case_by_hand() -> None:
    found = report(np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1]), 2)
    assert found.accuracy == 0.75
    first, second = found.classes
    assert (first.precision, first.recall, first.f1, first.support, first.called) == (1.0, 2 / 3, 0.8, 3, 2)
    assert (second.precision, second.recall, second.f1, second.support, second.called) == (0.5, 1.0, 2 / 3, 1, 2)
    assert found.macro.f1 == pytest.approx((0.8 + 2 / 3) / 2)


def test_only_classes_that_occur_count_in_the_macro_average() -> None:
    found = report(np.array([0, 1]), np.array([0, 1]), 4)
    assert found.macro.f1 == 1.0
    assert [scores.occurs for scores in found.classes] == [True, True, False, False]


def test_behind_every_cell_stand_the_texts_that_it_counts() -> None:
    labels, predicted = CASES["many classes"]
    counts = confusion(labels, predicted, 7)
    for label in range(7):
        for called in range(7):
            positions = behind(labels, predicted, label, called).tolist()
            assert positions == [
                at for at, pair in enumerate(zip(labels, predicted, strict=True)) if pair == (label, called)
            ]
            assert len(positions) == counts[label, called]


def test_of_equal_probabilities_the_first_class_is_taken() -> None:
    assert predict(np.array([[0.2, 0.4, 0.4], [0.1, 0.1, 0.8]])).tolist() == [1, 2]
