"""The scaling curve: it finds what it was made of, says how sure that is, and refuses what has none."""

import numpy as np
import pytest

from llm_core.errors import UserError
from llm_core.evaluate.scaling import fit_scaling

SIZES = np.array([3e3, 1e4, 3e4, 1e5, 3e5, 1e6])


def made(floor: float, scale: float, exponent: float, sizes: np.ndarray = SIZES) -> np.ndarray:
    return floor + scale * sizes**-exponent


@pytest.mark.parametrize(("floor", "scale", "exponent"), [(0.8, 40.0, 0.4), (1.69, 406.4, 0.34), (0.74, 900.0, 0.9)])
def test_what_a_curve_was_made_of_is_found(floor: float, scale: float, exponent: float) -> None:
    found = fit_scaling(SIZES.tolist(), made(floor, scale, exponent).tolist())
    assert (found.floor, found.exponent) == pytest.approx((floor, exponent), rel=1e-3)
    assert found.scale == pytest.approx(scale, rel=0.01)
    assert found.error < 1e-4
    assert found.loss(5e6) == pytest.approx(floor + scale * 5e6**-exponent, rel=1e-3)


def test_with_chance_in_the_points_the_interval_holds_the_truth_and_is_wider() -> None:
    held = 0
    for seed in range(5):
        noise = np.exp(np.random.default_rng(seed).normal(0, 0.01, len(SIZES)))
        found = fit_scaling(SIZES.tolist(), (made(0.8, 40.0, 0.4) * noise).tolist())
        low, high = found.exponent_interval
        held += low <= 0.4 <= high
        assert high - low > 0.01
    assert held >= 3  # 90 % of them in the long run
    exact = fit_scaling(SIZES.tolist(), made(0.8, 40.0, 0.4).tolist())
    assert exact.exponent_interval[1] - exact.exponent_interval[0] < 1e-3


def test_one_point_that_went_wrong_does_not_bend_the_curve() -> None:
    losses = made(0.8, 40.0, 0.4, np.repeat(SIZES, 3))
    losses[4] *= 1.5
    found = fit_scaling(np.repeat(SIZES, 3).tolist(), losses.tolist())
    assert (found.floor, found.exponent) == pytest.approx((0.8, 0.4), rel=0.1)


def test_fewer_than_four_sizes_are_refused_however_many_points() -> None:
    with pytest.raises(UserError, match="at least 4 different sizes; there are 3"):
        fit_scaling([1e3, 1e4, 1e5, 1e5], [3.0, 2.0, 1.5, 1.4])
    with pytest.raises(UserError, match="there are 0"):
        fit_scaling([], [])
    with pytest.raises(UserError, match="does not fall"):
        fit_scaling([1e3, 1e4, 1e5, 1e6], [1.0, 1.1, 1.2, 1.3])
    with pytest.raises(UserError, match="positive"):
        fit_scaling([0, 1e4, 1e5, 1e6], [4.0, 3.0, 2.0, 1.0])
    with pytest.raises(UserError, match="positive"):
        fit_scaling([1e3, 1e4, 1e5, 1e6], [4.0, 3.0, float("nan"), 1.0])
