"""McNemar's test equals the exact binomial one, and a winner is called so only when it says so."""

import itertools

import numpy as np
import pytest
from scipy.stats import binomtest

from llm_core.evaluate.paired_test import Comparison, between, compare, holm, mcnemar, not_worse


@pytest.mark.parametrize(
    ("first", "second"), [(0, 0), (1, 0), (0, 5), (5, 5), (10, 3), (40, 61), (700, 800), (3, 2000)]
)
def test_the_p_value_is_that_of_the_binomial_test(first: int, second: int) -> None:
    theirs = binomtest(first, first + second).pvalue if first + second else 1.0
    assert mcnemar(first, second) == pytest.approx(theirs, rel=1e-9)
    assert mcnemar(first, second) == mcnemar(second, first)


def test_the_p_value_is_how_often_coins_differ_so_much() -> None:
    tosses = [sum(toss) for toss in itertools.product((0, 1), repeat=9)]
    extreme = sum(heads <= 2 or heads >= 7 for heads in tosses)
    assert mcnemar(2, 7) == pytest.approx(extreme / len(tosses))


def test_adjusted_values_are_those_of_a_worked_example() -> None:
    # 4 x 0.005, 3 x 0.01, then never below what came before.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def given(texts: int, wrong: dict[str, range]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    labels = np.zeros(texts, dtype=np.int64)
    predictions = {}
    for name, places in wrong.items():
        predictions[name] = labels.copy()
        predictions[name][list(places)] = 1
    return labels, predictions


def test_a_clear_difference_has_a_winner_and_a_small_one_has_none() -> None:
    labels, predictions = given(200, {"good": range(10), "as good": range(6, 18), "bad": range(50)})
    found = compare(labels, predictions)
    assert len(found) == 3
    clear, small = between(found, "bad", "good"), between(found, "good", "as good")
    assert clear.better == "good"
    assert (clear.only_first, clear.only_second) == (40, 0)
    assert small.better is None
    assert (small.only_first, small.only_second) == (8, 6)
    assert not_worse(found, "good") == ["as good"]
    with pytest.raises(KeyError):
        between(found, "good", "unknown")


def test_what_one_comparison_would_show_many_do_not() -> None:
    names = [f"family {number}" for number in range(9)]
    labels, predictions = given(100, {name: range(10) for name in names} | {"better": range(3)})
    found = compare(labels, predictions)
    one = between(found, "better", names[0])
    assert one.p < 0.05 <= one.adjusted
    assert one.better is None
    assert between(compare(labels, {name: predictions[name] for name in ("better", names[0])}), "better", names[0]).better == "better"  # fmt: skip


def test_twins_are_never_told_apart() -> None:
    labels, predictions = given(30, {"one": range(5), "other": range(5)})
    assert compare(labels, predictions) == (Comparison("one", "other", 0, 0, 1.0, 1.0),)
