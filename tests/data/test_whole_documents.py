"""Rows of whole documents: each from its beginning to its end, once an epoch, little padding, an exact state."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_core.data.batches import Rows, Whole, held_out_rows


def stream(sizes: list[int]) -> np.ndarray:
    """Documents of these sizes, an end-of-text sign before each; a document's tokens are all its number, from 1."""
    parts = [np.full(size + 1, number, dtype=np.uint16) for number, size in enumerate(sizes, start=1)]
    for part in parts:
        part[0] = 0
    return np.concatenate(parts)


def told(rows: Whole) -> list[tuple[int, int]]:
    """Which documents the rows hold, and their sizes; everything about a row's form is checked."""
    inputs, targets, lengths = rows
    assert inputs.shape == targets.shape
    assert inputs.dtype == targets.dtype == lengths.dtype == torch.int64
    assert 0 <= inputs.shape[1] - int(lengths.max()) < 16
    found = []
    for row, target, length in zip(inputs.tolist(), targets.tolist(), lengths.tolist(), strict=True):
        number = row[1] if length > 1 else 0
        assert row == [0] + [number] * (length - 1) + [0] * (len(row) - length)
        assert target == [number] * (length - 1) + [0] * (len(row) - length + 1)
        found.append((number, length - 1))
    return found


sizes_of_documents = st.lists(st.integers(1, 30), min_size=1, max_size=80)


@given(sizes=sizes_of_documents, batch_size=st.integers(1, 9), seed=st.integers(0, 99))
@settings(max_examples=60)
def test_an_epoch_has_every_document_at_most_once_and_nearly_all(sizes: list[int], batch_size: int, seed: int) -> None:
    rows = Rows(stream(sizes), batch_size, seed)
    found = []
    while rows.epoch < 1:
        found += told(rows.next())
    assert len(set(found)) == len(found) > len(sizes) - batch_size
    assert all(sizes[number - 1] == size for number, size in found)
    assert len(found) % min(batch_size, len(sizes)) == 0


def test_no_document_is_left_out_for_ever() -> None:
    rows = Rows(stream([3, 3, 3, 3, 9]), batch_size=4, seed=0)
    found = {number for _ in range(30) for number, _ in told(rows.next())}
    assert found == {1, 2, 3, 4, 5}


@given(before=st.integers(0, 40), after=st.integers(1, 40), seed=st.integers(0, 5))
@settings(max_examples=40)
def test_whole_documents_go_on_exactly_where_they_stood(before: int, after: int, seed: int) -> None:
    tokens = stream([1 + 7 * number % 13 for number in range(50)])
    rows, other = Rows(tokens, 4, seed), Rows(tokens, 4, seed)
    for _ in range(before):
        rows.next()
    other.restore(rows.state())
    assert other.epoch == rows.epoch
    for _ in range(after):
        for left, right in zip(rows.next(), other.next(), strict=True):
            assert torch.equal(left, right)


def test_another_seed_and_another_epoch_have_another_order() -> None:
    tokens = stream([number % 5 + 1 for number in range(60)])

    def first(seed: int, epoch: int) -> list[tuple[int, int]]:
        rows = Rows(tokens, 6, seed)
        rows.restore({"epoch": epoch, "position": 0})
        return told(rows.next())

    assert first(1, 0) == first(1, 0)
    assert first(1, 0) != first(2, 0)
    assert first(1, 0) != first(1, 1)


@pytest.mark.parametrize(
    "state", [{"epoch": -1, "position": 0}, {"epoch": 0, "position": 26}, {"epoch": 0, "position": -1}]
)
def test_states_that_cannot_be_are_refused(state: dict[str, int]) -> None:
    with pytest.raises(ValueError):
        Rows(stream([3] * 50), 2, 0).restore(state)


def test_documents_of_like_length_come_together_but_short_ones_not_first() -> None:
    random = np.random.default_rng(3)
    rows = Rows(stream(random.integers(20, 120, 4000).tolist()), 12, seed=0)
    real = filled = 0
    means = []
    for _ in range(300):
        inputs, _, lengths = rows.next()
        real, filled = real + int(lengths.sum()), filled + inputs.numel()
        means.append(float(lengths.float().mean()))
    assert 1 - real / filled < 0.15
    assert abs(np.mean(means[:150]) - np.mean(means[150:])) < 8


def test_rows_come_in_few_lengths_none_longer_than_the_longest_document() -> None:
    random = np.random.default_rng(5)
    sizes = random.integers(20, 120, 1000).tolist()
    rows = Rows(stream(sizes), 12, seed=0)
    found = {rows.next()[0].shape[1] for _ in range(300)}
    assert all(length % 16 == 0 or length == max(sizes) + 1 for length in found)
    assert len(found) <= 8


@given(sizes=sizes_of_documents, batch_size=st.integers(1, 9))
@settings(max_examples=60)
def test_held_out_documents_are_all_there_once(sizes: list[int], batch_size: int) -> None:
    found = [row for rows in held_out_rows(stream(sizes), batch_size, None) for row in told(rows)]
    assert sorted(found) == list(enumerate(sizes, start=1))
    assert [size for _, size in found] == sorted(sizes)


@given(sizes=sizes_of_documents, limit=st.integers(1, 500))
@settings(max_examples=60)
def test_a_limit_on_whole_documents_holds(sizes: list[int], limit: int) -> None:
    looks = [[told(rows) for rows in held_out_rows(stream(sizes), 4, limit)] for _ in range(2)]
    assert looks[0] == looks[1]
    found = [row for rows in looks[0] for row in rows]
    scored = sum(size + 1 for _, size in found)
    assert len(found) == 1 or scored <= limit
    assert len(found) == len(sizes) or limit < sum(sizes) + len(sizes)


def test_a_limited_look_at_documents_is_spread_over_all() -> None:
    (rows,) = held_out_rows(stream([4] * 100), 64, 50)
    assert [number for number, _ in told(rows)] == list(range(1, 101, 10))
