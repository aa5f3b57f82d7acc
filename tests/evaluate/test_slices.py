"""Slices hold each text where it belongs, and their intervals are Wilson's."""

import itertools

import numpy as np
import pytest
from scipy.stats import binomtest

from llm_core.evaluate.slices import by_column, by_length, by_word, holding, wilson


@pytest.mark.parametrize(("right", "count"), [(0, 1), (1, 1), (0, 30), (30, 30), (7, 20), (450, 1000)])
def test_the_interval_is_that_of_scipy(right: int, count: int) -> None:
    theirs = binomtest(right, count).proportion_ci(method="wilson")
    found = wilson(right, count)
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


def test_nothing_is_known_of_no_text() -> None:
    found = wilson(0, 0)
    assert (found.low, found.high) == (0.0, 1.0)


def test_every_text_is_in_one_part_and_equal_lengths_stay_together() -> None:
    random = np.random.default_rng(0)
    texts = ["x" * int(length) for length in random.integers(1, 30, 200)]
    right = random.random(200) < 0.8
    parts = by_length(texts, right)
    assert len(parts) == 4
    assert sorted(int(at) for part in parts for at in part.positions) == list(range(200))
    for part in parts:
        assert {len(texts[at]) for at in part.positions} <= set(range(part.shortest, part.longest + 1))
        assert part.right == sum(right[at] for at in part.positions)
        assert 30 <= len(part.positions) <= 70
    assert all(before.longest < after.shortest for before, after in itertools.pairwise(parts))


def test_texts_of_one_length_make_one_part() -> None:
    (only,) = by_length(["ab", "cd", ""][:2], np.array([True, False]))
    assert (only.shortest, only.longest, only.accuracy) == (2, 2, 0.5)


@pytest.mark.parametrize(
    ("word", "text", "holds"),
    [
        ("good", "Good food", True), ("good", "goodness", False), ("good", "so-good!", True), ("GOOD", "not good", True),
        ("good", "goodness, good", True), ("not good", "it is not good.", True), ("不", "我不知道", True), ("好吃", "很好吃！", True),
        ("!", "well!", True), (":)", "fine :)", True), ("é", "cafés", False), ("straße", "die STRASSE", True), ("a", "", False),
    ],
)  # fmt: skip
def test_a_word_is_found_as_a_word(word: str, text: str, holds: bool) -> None:
    assert holding(word)(text) is holds


def test_with_and_without_the_word_every_text_counts_once() -> None:
    texts = ["good", "bad", "good bad", "neither"]
    found, others = by_word(texts, np.array([True, False, True, True]), "good")
    assert (found.positions.tolist(), found.right, found.accuracy) == ([0, 2], 2, 1.0)
    assert (others.positions.tolist(), others.right) == ([1, 3], 1)
    absent, _ = by_word(texts, np.ones(4, dtype=bool), "nowhere")
    assert (len(absent.positions), absent.accuracy) == (0, 0.0)


def test_values_of_a_column_come_most_frequent_first() -> None:
    values = ["b", "a", None, "b", "", "b", "a", "c"]
    right = np.array([True, True, False, False, True, True, True, False])
    slices = by_column(values, right)
    assert [(each.name, each.positions.tolist(), each.right) for each in slices] == [
        ("b", [0, 3, 5], 2), ("", [2, 4], 1), ("a", [1, 6], 2), ("c", [7], 0),
    ]  # fmt: skip
    assert [each.name for each in by_column(values, right, most=2)] == ["b", ""]
