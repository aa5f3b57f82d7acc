"""What a unit tells apart, against scikit-learn and against counting pairs."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from llm_core.errors import UserError
from llm_core.interpret.neurons.told_apart import at_labels, told_apart
from llm_core.interpret.probes.probe_labels import LabelledTokens

NAMES = ("adjective", "noun", "rare", "verb")


def drawn() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(2)
    label = random.choice([0, 1, 3], size=120, p=[0.3, 0.4, 0.3])
    label[:4] = 2
    units = np.maximum(random.normal(size=(120, 5)), 0).astype(np.float32)  # many ties at zero
    units[:, 1] += 3 * (label == 1)
    units[:, 2] -= 9 * (label == 3)
    return units, label


def test_areas_are_those_of_scikit_learn() -> None:
    units, label = drawn()
    found = told_apart(units, label, NAMES)
    for number in (0, 1, 3):
        expected = [roc_auc_score(label == number, units[:, unit]) for unit in range(5)]
        np.testing.assert_allclose(found.areas[number], expected, atol=1e-6)
    assert np.isnan(found.areas[2]).all()
    assert (found.tokens, found.counts[2]) == (120, 4)


def test_an_area_is_the_share_of_pairs_that_are_in_order() -> None:
    units, label = drawn()
    with_label, without = units[label == 3][:, 0], units[label != 3][:, 0]
    pairs = with_label[:, None] - without[None]
    assert told_apart(units, label, NAMES).areas[3, 0] == pytest.approx(
        ((pairs > 0) + 0.5 * (pairs == 0)).mean(), abs=1e-6
    )


def test_a_unit_that_is_lower_at_a_label_tells_it_apart_too() -> None:
    units, label = drawn()
    found = told_apart(units, label, NAMES)
    assert [NAMES[number] for number in found.best[1:3]] == ["noun", "verb"]
    assert found.areas[3, 2] == 0
    assert found.strengths[2] == 1
    assert found.strengths[1] > 0.95
    assert found.strengths[[0, 3, 4]].max() < 0.7


def test_too_few_tokens_say_nothing() -> None:
    units, label = drawn()
    with pytest.raises(UserError, match="too few"):
        told_apart(units[:12], label[:12], NAMES)


def test_only_labelled_tokens_count() -> None:
    by_text = [np.arange(6, dtype=np.float32).reshape(3, 2), np.arange(10, 18, dtype=np.float32).reshape(4, 2)]
    labelled = LabelledTokens("number", (), np.array([0, 1, 1]), np.array([2, 0, 3]), np.array([0, 1, 0]), ("a", "b"), ("x", "y", "z"), 4)  # fmt: skip
    assert at_labels(by_text, labelled).tolist() == [[4, 5], [10, 11], [16, 17]]
