"""Schedules start low, reach the top, end where they say, and never leave the range."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_core.config import ScheduleName, TrainingConfig
from llm_core.training.schedules import factor

NAMES: list[ScheduleName] = ["constant", "linear", "cosine", "warmup_stable_decay"]


def config(name: ScheduleName, **settings: float) -> TrainingConfig:
    return TrainingConfig(schedule=name, **settings)


@pytest.mark.parametrize("name", NAMES)
def test_a_run_starts_at_nothing_and_reaches_the_top_after_the_warm_up(name: ScheduleName) -> None:
    schedule = config(name, warmup=0.1, decay=0.5)
    assert factor(schedule, 0) == 0
    assert factor(schedule, 0.05) == pytest.approx(0.5, abs=0.01)
    assert factor(schedule, 0.1) == pytest.approx(1)


@pytest.mark.parametrize("name", NAMES)
def test_a_falling_schedule_ends_at_the_final_learning_rate(name: ScheduleName) -> None:
    end = 1.0 if name == "constant" else 0.03
    assert factor(config(name, warmup=0.1, decay=0.5, final_learning_rate=0.03), 1) == pytest.approx(end)


def test_shapes_in_the_middle() -> None:
    assert factor(config("linear", warmup=0, final_learning_rate=0), 0.25) == pytest.approx(0.75)
    assert factor(config("cosine", warmup=0, final_learning_rate=0), 1 / 3) == pytest.approx(0.75)
    stable = config("warmup_stable_decay", warmup=0, decay=0.4, final_learning_rate=0)
    assert factor(stable, 0.6) == pytest.approx(1)
    assert factor(stable, 0.8) == pytest.approx(0.5)


@settings(max_examples=200, deadline=None)
@given(
    name=st.sampled_from(NAMES),
    warmup=st.floats(0, 1),
    decay=st.floats(0, 1),
    final=st.floats(0, 1),
    progress=st.floats(-1, 2),
)
def test_every_setting_gives_a_factor_between_nothing_and_all(
    name: ScheduleName, warmup: float, decay: float, final: float, progress: float
) -> None:
    value = factor(config(name, warmup=warmup, decay=decay, final_learning_rate=final), progress)
    assert math.isfinite(value)
    assert 0 <= value <= 1 + 1e-9
