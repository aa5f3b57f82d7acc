"""Splits are stratified to one row per class, keep texts that are alike together, and repeat with their seed."""

import sys
import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from llm_core.data.labelled import Labelled, folds, inner_split
from llm_core.data.splits import fold_numbers, groups_of, normalised, stratified
from llm_core.errors import UserError

CASES = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 30)), min_size=1, max_size=60)


def labelled(labels: list[int], texts: list[str] | None = None) -> Labelled:
    names = tuple(str(n) for n in range(max(labels) + 1))
    made = texts or [f"text {n}" for n in range(len(labels))]
    return Labelled(tuple(made), np.array(labels), names, tuple(range(2, len(labels) + 2)))


def drawn(counts: list[int]) -> NDArray[np.int64]:
    labels = np.repeat(np.arange(len(counts)), counts)
    return np.random.default_rng(5).permutation(labels)


@pytest.mark.parametrize("share", [0.1, 0.2, 0.25, 0.333, 0.5])
@pytest.mark.parametrize("counts", [[50, 50], [97, 3], [331, 7, 45, 12], [29] * 11])
def test_a_split_holds_as_many_of_each_class_as_that_of_scikit_learn(counts: list[int], share: float) -> None:
    from sklearn.model_selection import StratifiedShuffleSplit

    labels = drawn(counts)
    held_out = stratified(labels, np.arange(len(labels)), share, seed=3)
    ours = np.bincount(labels[held_out], minlength=len(counts))
    assert abs(ours - np.array(counts) * share).max() < 1
    splitter = StratifiedShuffleSplit(1, test_size=int(held_out.sum()), random_state=0)
    _, test = next(splitter.split(labels, labels))
    assert abs(ours - np.bincount(labels[test], minlength=len(counts))).max() <= 1
    assert abs(int(held_out.sum()) - share * len(labels)) <= 0.5


def test_a_seed_repeats_a_split_and_another_one_does_not() -> None:
    labels, groups = drawn([40, 60]), np.arange(100)
    first = stratified(labels, groups, 0.2, 7)
    assert (first == stratified(labels, groups, 0.2, 7)).all()
    assert (first != stratified(labels, groups, 0.2, 8)).any()


def test_every_row_is_held_out_as_often_as_every_other() -> None:
    labels, groups = drawn([20, 30]), np.arange(50)
    times = sum(stratified(labels, groups, 0.2, seed).astype(int) for seed in range(2000))
    # 400 expected, with a standard deviation of 18: five of them on either side.
    assert times.min() > 310
    assert times.max() < 490


def test_texts_that_are_alike_stay_where_they_are_learned_from() -> None:
    labels = np.array([0] * 20 + [1] * 20)
    groups = np.arange(40)
    groups[[1, 2, 21]] = 0
    for seed in range(30):
        held_out = stratified(labels, groups, 0.3, seed)
        assert not held_out[[0, 1, 2, 21]].any()
        assert np.bincount(labels[held_out]).tolist() == [6, 6]


def test_where_every_text_has_a_copy_whole_groups_are_held_out() -> None:
    labels = np.repeat([0, 1], 20)
    groups = np.repeat(np.arange(20), 2)
    held_out = stratified(labels, groups, 0.2, 1)
    assert np.bincount(labels[held_out]).tolist() == [4, 4]
    assert all(len(set(held_out[groups == group].tolist())) == 1 for group in range(20))


def test_a_class_of_one_row_is_learned_from_and_one_of_two_is_halved() -> None:
    labels = np.array([0] * 30 + [1] + [2] * 2)
    held_out = stratified(labels, np.arange(33), 0.1, 0, least=1)
    assert np.bincount(labels[held_out], minlength=3).tolist() == [3, 0, 1]


@given(rows=CASES, share=st.floats(0.01, 0.5), seed=st.integers(0, 99), least=st.integers(0, 1))
@settings(deadline=None, max_examples=100)
def test_no_group_is_ever_torn_and_no_class_is_held_out_whole(
    rows: list[tuple[int, int]], share: float, seed: int, least: int
) -> None:
    labels, groups = (np.array(column) for column in zip(*rows, strict=True))
    held_out = stratified(labels, groups, share, seed, least)
    for group in np.unique(groups):
        assert len(set(held_out[groups == group].tolist())) == 1
    for label in np.unique(labels):
        assert not held_out[labels == label].all()


@given(rows=CASES, count=st.integers(2, 7), seed=st.integers(0, 99))
@settings(deadline=None, max_examples=100)
def test_folds_hold_every_row_once_and_tear_no_group(rows: list[tuple[int, int]], count: int, seed: int) -> None:
    labels, groups = (np.array(column) for column in zip(*rows, strict=True))
    numbers = fold_numbers(labels, groups, count, seed)
    assert ((numbers >= 0) & (numbers < count)).all()
    for group in np.unique(groups):
        assert len(set(numbers[groups == group].tolist())) == 1


@pytest.mark.parametrize("counts", [[50, 50], [97, 3], [331, 7, 45, 12]])
@pytest.mark.parametrize("count", [2, 3, 5, 10])
def test_folds_deal_out_each_class_to_within_one_row(counts: list[int], count: int) -> None:
    labels = drawn(counts)
    numbers = fold_numbers(labels, np.arange(len(labels)), count, seed=2)
    dealt = np.array([np.bincount(labels[numbers == fold], minlength=len(counts)) for fold in range(count)])
    assert (dealt.max(axis=0) - dealt.min(axis=0) <= 1).all()
    assert np.ptp(dealt.sum(axis=1)) <= len(counts)


def test_single_rows_make_even_what_groups_left_uneven() -> None:
    labels = np.zeros(40, dtype=np.int64)
    groups = np.concatenate([np.zeros(7, dtype=np.int64), np.arange(1, 34)])
    assert np.bincount(fold_numbers(labels, groups, 5, 0)).tolist() == [8] * 5


def test_folds_of_labelled_texts_are_places_that_complete_each_other() -> None:
    texts = labelled([0] * 11 + [1] * 14)
    made = folds(texts, 5, seed=1)
    assert sorted(np.concatenate([test for _, test in made]).tolist()) == list(range(25))
    for training, test in made:
        assert sorted([*training.tolist(), *test.tolist()]) == list(range(25))


@pytest.mark.parametrize("count", [0, 1, 21, 11, -3])
def test_folds_that_cannot_be_are_refused(count: int) -> None:
    with pytest.raises(UserError, match="2 to 10") as caught:
        folds(labelled([0, 1] * 5), count, 0)
    assert caught.value.values["count"] == count


def test_the_inner_split_is_a_tenth_of_each_class_and_keeps_copies_together() -> None:
    texts = labelled([0] * 100 + [1] * 50, ["Twice.", "twice"] + [f"text {n}" for n in range(148)])
    learned, inner = inner_split(texts, seed=0)
    assert learned.counts == {"0": 90, "1": 45}
    assert inner.counts == {"0": 10, "1": 5}
    assert {*learned.texts, *inner.texts} == {*texts.texts}
    assert {"Twice.", "twice"} <= {*learned.texts}
    assert all(texts.texts[row - 2] == text for text, row in zip(inner.texts, inner.rows, strict=True))


def test_few_texts_may_leave_an_inner_split_empty() -> None:
    learned, inner = inner_split(labelled([0, 1]), seed=0)
    assert (len(learned), len(inner)) == (2, 0)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Great food!", "great  food"),
        ("ｇｒｅａｔ", "GREAT"),
        ("很好，好吃。", "很好 好吃"),
        ("wo n't", "won't"),
        ("a\u200bb\u202e", "ab"),
        ("Straße", "STRASSE"),
        ("!!!", " !!! "),
    ],
)
def test_texts_that_differ_in_no_word_are_alike(one: str, other: str) -> None:
    assert normalised(one) == normalised(other)
    assert groups_of([one, "x", other]).tolist() == [0, 1, 0]


@pytest.mark.parametrize(("one", "other"), [("good 👍", "good 👎"), ("!!!", "???"), ("a b c", "a b d"), ("c++", "c")])
def test_texts_that_say_something_else_are_not_alike(one: str, other: str) -> None:
    assert normalised(one) != normalised(other)


def test_texts_are_taken_by_place_with_their_labels_and_rows() -> None:
    part = labelled([0, 1, 0, 1]).take([3, 0])
    assert (part.texts, part.labels.tolist(), part.rows, len(part)) == (("text 3", "text 0"), [1, 0], (5, 2), 2)
    assert part.counts == {"0": 1, "1": 1}


def test_what_is_no_part_of_a_text_is_left_out_of_it_everywhere() -> None:
    for code in range(sys.maxunicode + 1):
        category = unicodedata.category(chr(code))
        if category[0] in "PZ" or category in ("Cc", "Cf"):
            assert chr(code) not in normalised(chr(code) + "a"), hex(code)
