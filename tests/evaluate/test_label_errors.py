"""Likely label errors: found as the paper's definition finds them, and where labels were turned on purpose."""

from typing import Any

import numpy as np

from llm_core.evaluate.label_errors import suspects, thresholds


def drawn(texts: int, classes: int, seed: int) -> tuple[Any, Any]:
    random = np.random.default_rng(seed)
    return random.integers(0, classes, texts), random.dirichlet(np.full(classes, 0.5), texts)


def by_definition(labels: Any, probabilities: Any) -> set[tuple[int, int, int]]:
    """The off-diagonal of the confident joint, text by text: equations 1 and 2 of Northcutt et al. 2021."""
    classes = range(probabilities.shape[1])
    limits = {}
    for each in classes:
        own = [row[each] for label, row in zip(labels, probabilities, strict=True) if label == each]
        if own:
            limits[each] = sum(own) / len(own)
    found = set()
    for at, (label, row) in enumerate(zip(labels, probabilities, strict=True)):
        reached = [each for each in limits if row[each] >= limits[each]]
        if reached and (best := max(reached, key=lambda each: row[each])) != label:
            found.add((at, int(label), best))
    return found


def test_suspects_are_those_of_the_definition() -> None:
    for classes, seed in ((2, 0), (4, 1), (7, 2)):
        labels, probabilities = drawn(120, classes, seed)
        found = suspects(labels, probabilities)
        assert {(each.position, each.label, each.suggested) for each in found} == by_definition(labels, probabilities)
        assert found


def test_labels_that_were_turned_are_found_first() -> None:
    random = np.random.default_rng(3)
    truth = random.integers(0, 3, 300)
    probabilities = np.full((300, 3), 0.05)
    probabilities[np.arange(300), truth] = 0.9
    probabilities = probabilities + random.random((300, 3)) * 0.02
    labels = truth.copy()
    turned = random.choice(300, 12, replace=False)
    labels[turned] = (labels[turned] + 1) % 3
    found = suspects(labels, probabilities)
    assert {each.position for each in found} == set(turned.tolist())
    assert all(each.suggested == truth[each.position] for each in found)
    assert [each.given for each in found] == sorted(each.given for each in found)
    first = found[0]
    assert (first.given, first.expected) == (
        probabilities[first.position, first.label],
        probabilities[first.position, first.suggested],
    )


def test_a_class_that_labels_no_text_is_never_suggested() -> None:
    labels, probabilities = np.array([0, 0, 1]), np.array([[0.1, 0.1, 0.8], [0.5, 0.1, 0.4], [0.1, 0.6, 0.3]])
    assert thresholds(labels, probabilities)[2] == np.inf
    assert all(each.suggested != 2 for each in suspects(labels, probabilities))


def test_where_all_is_well_nobody_is_suspected() -> None:
    assert suspects(np.array([0, 1]), np.array([[0.9, 0.1], [0.2, 0.8]])) == ()
