"""Every token is predicted once an epoch, and a restored order goes on exactly."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_core.data.batches import Batches, windows
from llm_core.errors import UserError


def numbers(count: int) -> np.ndarray:
    return np.arange(count, dtype=np.uint16)


def test_targets_are_the_inputs_one_later() -> None:
    inputs, targets = Batches(numbers(1000), context=8, batch_size=5, seed=1).next()
    assert inputs.shape == targets.shape == (5, 8)
    assert inputs.dtype == targets.dtype == torch.int64
    assert torch.equal(targets, inputs + 1)
    assert inputs.is_contiguous()
    assert targets.is_contiguous()


@given(count=st.integers(6, 300), context=st.integers(2, 40), batch_size=st.integers(1, 9), seed=st.integers(0, 99))
@settings(max_examples=100)
def test_an_epoch_predicts_no_token_twice_and_nearly_all(count: int, context: int, batch_size: int, seed: int) -> None:
    if count < context + 2:
        with pytest.raises(UserError, match=str(context + 2)):
            Batches(numbers(count), context, batch_size, seed)
        return
    batches = Batches(numbers(count), context, batch_size, seed)
    rows = []
    while batches.epoch < 1:
        rows += batches.next()[1].tolist()
    whole = [token for row in rows for token in row]
    per_epoch = len(whole) if batches.epoch == 1 else None
    if per_epoch is not None:
        assert len(set(whole)) == len(whole)
        assert len(whole) > count - 1 - 2 * context
    assert all(0 < token < count for token in whole)


@given(before=st.integers(0, 40), after=st.integers(1, 40), seed=st.integers(0, 5))
@settings(max_examples=50)
def test_restored_it_goes_on_exactly(before: int, after: int, seed: int) -> None:
    batches = Batches(numbers(203), context=8, batch_size=3, seed=seed)
    for _ in range(before):
        batches.next()
    other = Batches(numbers(203), context=8, batch_size=3, seed=seed)
    other.restore(batches.state())
    assert other.epoch == batches.epoch
    for _ in range(after):
        for left, right in zip(batches.next(), other.next(), strict=True):
            assert torch.equal(left, right)


def test_order_follows_the_seed_and_changes_with_the_epoch() -> None:
    def first(seed: int, epoch: int) -> list[int]:
        batches = Batches(numbers(1000), 8, 10, seed)
        batches.restore({"epoch": epoch, "position": 0})
        return batches.next()[0][:, 0].tolist()

    assert first(1, 0) == first(1, 0)
    assert first(1, 0) != first(2, 0)
    assert first(1, 0) != first(1, 1)


def test_a_batch_larger_than_the_text_runs_over_epochs() -> None:
    batches = Batches(numbers(10), context=8, batch_size=7, seed=0)
    assert batches.next()[0].shape == (7, 8)
    assert batches.epoch > 5


@pytest.mark.parametrize(
    "state", [{"epoch": -1, "position": 0}, {"epoch": 0, "position": 10**9}, {"epoch": 0, "position": -1}]
)
def test_impossible_states_are_refused(state: dict[str, int]) -> None:
    with pytest.raises(ValueError):
        Batches(numbers(100), 8, 2, 0).restore(state)


@given(count=st.integers(2, 200), context=st.integers(2, 30), batch_size=st.integers(1, 7))
def test_held_out_windows_predict_every_token_but_the_first_once(count: int, context: int, batch_size: int) -> None:
    targets: list[int] = []
    for inputs, expected in windows(numbers(count), context, batch_size, None):
        assert inputs.shape == expected.shape
        assert inputs.shape[0] <= batch_size
        assert inputs.shape[1] <= context
        assert torch.equal(expected, inputs + 1)
        targets += expected.flatten().tolist()
    assert targets == list(range(1, count))


def test_a_limited_look_is_spread_over_the_text_and_always_the_same() -> None:
    looks = [[pair[0][:, 0].tolist() for pair in windows(numbers(10_001), 10, 4, 100)] for _ in range(2)]
    starts = [start for batch in looks[0] for start in batch]
    assert starts == [1000 * place for place in range(10)]
    assert looks[0] == looks[1]


@pytest.mark.parametrize("limit", [1, 9, 10, 95, 100, 10**9])
def test_a_limit_holds(limit: int) -> None:
    scored = sum(targets.numel() for _, targets in windows(numbers(101), 10, 4, limit))
    assert scored == min(100, max(10, limit // 10 * 10))


def test_a_look_at_a_text_shorter_than_a_window_takes_it_whole() -> None:
    assert [targets.tolist() for _, targets in windows(numbers(4), 10, 4, 2)] == [[[1, 2, 3]]]
