"""Long texts: what is read of them, by each way to read them."""

import itertools

import numpy as np
import pytest

from llm_core.data.long_texts import MOST_WINDOWS, LongTexts, longer_than, parts

WAYS: tuple[LongTexts, ...] = ("truncate", "window", "head_tail")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("length", [0, 1, 9, 10])
def test_a_text_that_fits_is_read_whole_in_one_pass(way: LongTexts, length: int) -> None:
    (only,) = parts(length, 10, way)
    assert only.tolist() == list(range(length))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("room", [1, 2, 3, 10, 62])
@pytest.mark.parametrize("beyond", [1, 2, 7, 100, 5000])
def test_every_pass_over_a_long_text_fills_the_room_with_places_in_order(
    way: LongTexts, room: int, beyond: int
) -> None:
    length = room + beyond
    found = parts(length, room, way)
    assert 1 <= len(found) <= MOST_WINDOWS
    for places in found:
        assert len(places) == room
        assert (np.diff(places) > 0).all()
        assert places[0] >= 0
        assert places[-1] < length


def test_truncation_reads_the_beginning() -> None:
    assert [places.tolist() for places in parts(30, 4, "truncate")] == [[0, 1, 2, 3]]


def test_head_and_tail_are_a_quarter_and_the_rest() -> None:
    assert [places.tolist() for places in parts(30, 8, "head_tail")] == [[0, 1, 24, 25, 26, 27, 28, 29]]
    (one,) = parts(9, 1, "head_tail")
    assert one.tolist() == [0]


def test_windows_cover_the_text_from_its_first_to_its_last_token_and_overlap() -> None:
    windows = parts(30, 8, "window")
    assert [int(window[0]) for window in windows] == [0, 6, 11, 16, 22]
    assert set(np.concatenate(windows)) == set(range(30))
    assert all(before[-1] > after[0] for before, after in itertools.pairwise(windows))


def test_windows_over_an_endless_text_are_few_and_stand_evenly() -> None:
    starts = [int(window[0]) for window in parts(1_000_000, 10, "window")]
    assert len(starts) == MOST_WINDOWS
    assert starts[0] == 0
    assert starts[-1] == 999_990
    assert max(np.diff(starts)) - min(np.diff(starts)) <= 1


def test_texts_that_do_not_fit_are_counted() -> None:
    assert longer_than([1, 10, 11, 50], 10) == 2
    assert longer_than([], 10) == 0
