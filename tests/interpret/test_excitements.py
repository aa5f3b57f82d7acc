"""What excites a unit, against the same counted by hand."""

import numpy as np
import pytest

from llm_core.interpret.neurons.excitements import Moments, excite, heights, side_read
from llm_core.interpret.reading import Reading
from tests.interpret.opened import side_of

TEXTS = (side_of(*range(10, 16)), side_of(*range(20, 24)), side_of(*range(30, 35)))
VALUES = [np.array(row, np.float32) for row in ([0, 3, 1, 0, 0, 0], [0, -1, 0, -4], [0, 0, 0, 0, 7])]


def test_each_text_is_shown_by_its_highest_token_the_highest_text_first() -> None:
    found = excite(VALUES, TEXTS, top=2, window=2)
    assert [(each.text, each.position, each.activation) for each in found.most] == [(2, 4, 7.0), (0, 1, 3.0)]
    assert [(each.text, each.position, each.activation) for each in found.least] == [(1, 3, -4.0)]


def test_tokens_around_it_come_with_their_activations() -> None:
    at_the_end, at_the_start = excite(VALUES, TEXTS, window=2).most
    assert (at_the_end.start, at_the_end.tokens, at_the_end.activations.tolist()) == (
        2,
        ("t32", "t33", "t34"),
        [0, 0, 7],
    )
    assert (at_the_start.start, at_the_start.tokens) == (0, ("t10", "t11", "t12"))
    assert at_the_start.activations.tolist() == [0, 3, 1]


def test_a_unit_that_is_never_below_zero_has_no_least() -> None:
    assert excite([abs(row) for row in VALUES], TEXTS).least == ()
    assert excite([-abs(row) for row in VALUES], TEXTS).most == ()


def test_histogram_and_shares_count_every_position_once() -> None:
    found = excite(VALUES, TEXTS, bins=11)
    every = np.concatenate(VALUES)
    assert found.positions == found.counts.sum() == len(every) == 15
    for low, high, count in zip(found.edges[:-1], found.edges[1:], found.counts, strict=True):
        inside = (every >= low - 1e-6) & ((every < high - 1e-6) | ((high >= 7) & (every <= 7)))
        assert inside.sum() == count
    assert found.on == pytest.approx(3 / 15)
    assert (found.highest, found.lowest, found.mean) == (7.0, -4.0, pytest.approx(6 / 15))
    assert found.deviation == pytest.approx(every.std())
    assert found.height == pytest.approx((7 - 0.4) / every.std())


def test_heights_of_many_units_are_those_of_each_alone() -> None:
    units = np.random.default_rng(0).normal(size=(15, 4)).astype(np.float32)
    units[:, 2] = 0.5
    cuts = np.split(units, [6, 10])
    for unit, height in enumerate(heights(units)):
        assert height == pytest.approx(excite([rows[:, unit] for rows in cuts], TEXTS).height, abs=1e-4)
    assert heights(units)[2] == 0


def test_what_comes_text_by_text_sums_up_as_if_it_had_come_at_once() -> None:
    units = np.random.default_rng(1).normal(300, 2, size=(40, 3)).astype(np.float32)
    units[:, 0] -= 300
    moments = Moments()
    for part in np.split(units, [7, 7, 20]):
        moments.add(part)
    exact = units.astype(np.float64)
    assert moments.count == 40
    np.testing.assert_allclose(moments.mean, exact.mean(0), rtol=1e-6)
    np.testing.assert_allclose(moments.deviation, exact.std(0), rtol=1e-6)
    np.testing.assert_array_equal(moments.highest, units.max(0))
    np.testing.assert_allclose(moments.on, (units > 0).mean(0), rtol=1e-6)
    np.testing.assert_allclose(moments.heights, heights(units), rtol=1e-5)


def test_activations_that_are_not_of_these_tokens_are_refused() -> None:
    with pytest.raises(ValueError, match="one activation"):
        excite(VALUES[:2], TEXTS[1:])
    with pytest.raises(ValueError, match="no token"):
        excite([], [])


def test_the_encoder_of_two_reads_the_source() -> None:
    both = Reading(TEXTS[0], TEXTS[1], 0)
    assert side_read(both, "encoder") is TEXTS[1]
    assert side_read(both, "decoder") is side_read(Reading(TEXTS[0], None, 0), "encoder") is TEXTS[0]
