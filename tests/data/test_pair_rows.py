"""Rows of sentence pairs: what is read and what is written stand in one row, once an epoch, in an exact state."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_core.data.batches import Paired, Pairs, held_out_pairs

Sizes = list[tuple[int, int]]
sizes_of_pairs = st.lists(st.tuples(st.integers(1, 20), st.integers(1, 20)), min_size=1, max_size=60)


def stream(sizes: Sizes) -> np.ndarray:
    """Pairs of these sizes; all tokens of pair n are 2 n - 1 in the sentence and 2 n in its translation."""
    return np.concatenate([
        np.array([0, *[2 * n - 1] * size[0], 0, *[2 * n] * size[1]], dtype=np.uint16) for n, size in enumerate(sizes, 1)
    ])  # fmt: skip


def told(rows: Paired) -> list[int]:
    """Which pairs the rows hold; everything about a row's form is checked."""
    found = []
    assert {side.dtype for side in rows} == {torch.int64}
    for source, read, row, target, length in zip(*(side.tolist() for side in rows), strict=True):
        number = target[0] // 2
        assert source == [2 * number - 1] * (read - 1) + [0] * (len(source) - read + 1)
        assert row == [0] + [2 * number] * (length - 1) + [0] * (len(row) - length)
        assert target == [2 * number] * (length - 1) + [0] * (len(target) - length + 1)
        found.append(number)
    return found


@given(sizes=sizes_of_pairs, batch_size=st.integers(1, 9), seed=st.integers(0, 99))
@settings(max_examples=60)
def test_an_epoch_has_every_pair_at_most_once_and_nearly_all(sizes: Sizes, batch_size: int, seed: int) -> None:
    rows = Pairs(stream(sizes), batch_size, seed)
    found = []
    while rows.epoch < 1:
        batch = rows.next()
        numbers = told(batch)
        lengths = [(read - 1, length - 1) for read, length in zip(batch.source_lengths.tolist(), batch.lengths.tolist(), strict=True)]  # fmt: skip
        assert lengths == [sizes[number - 1] for number in numbers]
        found += numbers
    assert len(set(found)) == len(found) > len(sizes) - batch_size


@given(before=st.integers(0, 30), seed=st.integers(0, 5))
@settings(max_examples=30)
def test_restored_it_goes_on_exactly(before: int, seed: int) -> None:
    tokens = stream([(1 + n % 7, 1 + n % 5) for n in range(50)])
    rows, other = Pairs(tokens, 4, seed), Pairs(tokens, 4, seed)
    for _ in range(before):
        rows.next()
    other.restore(rows.state())
    for _ in range(15):
        assert all(torch.equal(one, same) for one, same in zip(rows.next(), other.next(), strict=True))


@given(sizes=sizes_of_pairs, batch_size=st.integers(1, 9))
@settings(max_examples=40)
def test_looking_goes_over_every_pair_once_the_shortest_first(sizes: Sizes, batch_size: int) -> None:
    batches = list(held_out_pairs(stream(sizes), batch_size, None))
    assert sorted(number for batch in batches for number in told(batch)) == list(range(1, len(sizes) + 1))
    whole = [int(both) for batch in batches for both in batch.source_lengths + batch.lengths]
    assert whole == sorted(whole)


@pytest.mark.parametrize("limit", [1, 10, 50, 239])
def test_a_short_look_counts_what_is_written_and_not_what_is_read(limit: int) -> None:
    sizes = [(9, 1 + n % 5) for n in range(60)]
    found = list(held_out_pairs(stream(sizes), 8, limit))
    written = sum(int(batch.lengths.sum()) for batch in found)
    assert written <= max(limit, 6)
    assert written > limit / 3
    assert [told(batch) for batch in held_out_pairs(stream(sizes), 8, limit)] == [told(batch) for batch in found]
