"""The suggested learning rate: where a loss that was made falls most steeply, and nothing where it does not fall."""

import numpy as np
import pytest

from llm_core.errors import UserError
from llm_core.evaluate.learning_rate import suggest

RATES = np.geomspace(1e-5, 1.0, 120)


def made(steepest: float, rises: float) -> np.ndarray:
    """Falls most steeply at one rate, and rises beyond the other."""
    place = np.log10(RATES)
    return 6 - 2 / (1 + np.exp(-(place - np.log10(steepest)) * 4)) + np.maximum(0, place - np.log10(rises)) * 5


@pytest.mark.parametrize(("steepest", "rises"), [(1e-3, 1e-2), (1e-2, 0.3), (3e-4, 0.1)])
def test_it_is_where_the_loss_falls_most_steeply_before_it_rises(steepest: float, rises: float) -> None:
    losses = made(steepest, rises)
    found = suggest(RATES.tolist(), losses.tolist())
    assert np.log10(found.rate) == pytest.approx(np.log10(steepest), abs=0.15)
    assert found.lowest == RATES[losses.argmin()]
    assert found.slope == pytest.approx(-2.0, abs=0.3)  # height 2, times 4 / 4 a decade
    noisy = losses + np.random.default_rng(0).normal(0, 0.02, len(losses))
    assert np.log10(suggest(RATES.tolist(), noisy.tolist()).rate) == pytest.approx(np.log10(steepest), abs=0.3)


@pytest.mark.parametrize("steps", [12, 20, 21, 22, 23])
def test_a_short_test_over_the_usual_rates_finds_where_the_loss_falls(steps: int) -> None:
    rates = np.geomspace(1e-5, 3.0, steps)
    losses = 6 - 2 / (1 + np.exp(-(np.log10(rates) + 2) * 4)) + np.maximum(0, np.log10(rates) + 0.5) * 5
    found = suggest(rates.tolist(), losses.tolist())
    assert np.log10(found.rate) == pytest.approx(-2, abs=0.5 * 5.5 / (steps - 1) + 0.15)


def test_where_nothing_falls_or_little_was_seen_it_refuses() -> None:
    with pytest.raises(UserError, match="begin lower"):
        suggest(RATES.tolist(), np.linspace(5, 9, len(RATES)).tolist())
    with pytest.raises(UserError, match="at least 12 points; there are 5"):
        suggest([1e-4] * 5, [5.0] * 5)
