"""How far predictions move when something is switched off, against numbers worked out by hand."""

import math

import numpy as np
import pytest

from pages.ui.attention.change import divergence, largest, predictions
from pages.ui.attention.switches import divergence_figure
from pages.ui.charts import LIGHT

HALVES, NINTHS = np.log([[0.5, 0.5], [0.9, 0.1]]), np.log([[0.9, 0.1], [0.9, 0.1]])


def test_the_divergence_is_that_of_the_probabilities_whatever_is_added_to_the_logits() -> None:
    by_hand = 0.5 * math.log(0.5 / 0.9) + 0.5 * math.log(0.5 / 0.1)
    assert divergence(HALVES, NINTHS).tolist() == pytest.approx([by_hand, 0.0])
    assert divergence(HALVES + 7, NINTHS - 300).tolist() == pytest.approx([by_hand, 0.0], abs=1e-9)


def test_it_counts_from_before_to_after_and_not_back() -> None:
    back = 0.9 * math.log(0.9 / 0.5) + 0.1 * math.log(0.1 / 0.5)
    assert divergence(NINTHS, HALVES)[0] == pytest.approx(back)


def test_the_likeliest_before_and_after_are_listed_with_both_probabilities() -> None:
    before, after = np.log([0.4, 0.3, 0.2, 0.1]), np.log([0.05, 0.1, 0.15, 0.7])
    found = predictions(before, after, 2)
    assert [each.token for each in found] == [0, 1, 2, 3]
    assert [each.before for each in found] == pytest.approx([0.4, 0.3, 0.2, 0.1])
    assert [each.after for each in found] == pytest.approx([0.05, 0.1, 0.15, 0.7])
    assert [each.token for each in predictions(before, before, 2)] == [0, 1]
    assert len(predictions(before, after, 99)) == 4


def test_the_largest_change_names_the_place_and_the_token_that_moved_most() -> None:
    before = np.log([[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]])
    after = np.log([[0.2, 0.3, 0.5], [0.1, 0.35, 0.55]])
    found = largest(before, after, divergence(before, after))
    assert found is not None
    assert (found.place, found.moved.token) == (1, 0)
    assert (found.moved.before, found.moved.after) == pytest.approx((0.6, 0.1))
    assert largest(before, before, divergence(before, before)) is None


def test_a_bar_for_every_token_tells_the_chosen_place_and_what_is_off() -> None:
    nats = np.array([0.0, 0.5, 0.25])
    figure = divergence_figure(["<i>", " b", "c"], nats, 1, (2,), LIGHT)
    (bars,) = figure.data
    assert list(bars.y) == [0.0, 0.5, 0.25]
    assert list(bars.customdata) == [0, 1, 2]
    assert bars.marker.color[1] != bars.marker.color[0] == bars.marker.color[2]
    assert list(bars.marker.pattern.shape) == ["", "", "/"]
    assert list(figure.layout.xaxis.ticktext) == ["&lt;i&gt;", "·b", "c"]
