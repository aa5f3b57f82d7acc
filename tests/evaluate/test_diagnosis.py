"""The diagnosis: each verdict on a curve that was made for it, and silence on curves that only look like it by chance."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from llm_core.config import DataConfig, NgramConfig, RunConfig, TrainingConfig
from llm_core.evaluate.diagnosis import Curve, Diagnosis, curve_of, diagnose
from llm_core.training.schedules import factor

STEPS = 400
CONFIG = RunConfig(training=TrainingConfig(steps=STEPS, optimizer="adamw", learning_rate=0.003))
Shape = Callable[[np.ndarray], np.ndarray]


def good(at: np.ndarray) -> np.ndarray:
    """From 7 nats steeply, and then level at 3."""
    return 3 + 4 * np.exp(-at / 0.06)


def power(at: np.ndarray) -> np.ndarray:
    """A power law, which never comes to rest."""
    return 1 + 6 / (1 + 60 * at) ** 0.35


def curve(training: Shape, held_out: Shape | None = None, noise: float = 0.1, seed: int = 0, steps: int = STEPS, **more: Any) -> Curve:  # fmt: skip
    number = np.arange(1, steps + 1)
    chance = np.random.default_rng(seed)
    losses = training(number / steps) + noise * chance.standard_normal(steps)
    looked = np.arange(0, steps + 1, 20)
    looks = (held_out or training)(looked / steps) + 0.1 * noise * chance.standard_normal(len(looked))
    rates = [0.003 * factor(CONFIG.training, n / steps) for n in number]
    return Curve(number.tolist(), losses.tolist(), rates, looked.tolist(), looks.tolist(), **{"ngram": 3.5, **more})


def told(made: Curve, config: RunConfig = CONFIG) -> Diagnosis:
    found = diagnose(config, made)
    assert "{" not in found.template.format(**found.values)
    return found


@pytest.mark.parametrize("seed", range(40))
def test_a_good_curve_gets_no_verdict_whatever_the_chance_in_it(seed: int) -> None:
    assert told(curve(good, noise=0.3, seed=seed)).verdict == "nothing"
    during = curve(good, noise=0.3, seed=seed, progress=0.6, over=False)
    assert told(during).verdict == "nothing"


def test_a_spike_that_is_over_at_once_is_no_verdict() -> None:
    made = curve(good)
    losses = list(made.losses)
    losses[200:203] = [9.0, 8.0, 7.0]
    assert told(replace(made, losses=losses)).verdict == "nothing"


def test_diverged_names_the_step_and_a_tenth_of_the_rate() -> None:
    found = told(curve(good, diverged_at=123))
    assert (found.verdict, found.values["step"]) == ("diverged", 123)
    assert found.advice == {"training.learning_rate": 0.0003}


def test_a_loss_above_its_beginning_is_a_rate_too_high() -> None:
    found = told(curve(lambda at: 7 + np.where(at < 0.15, 10 * at, 1.5 * np.exp(-(at - 0.15) * 8))))
    assert found.verdict == "rate_too_high"
    assert found.values["step"] <= 0.15 * STEPS
    assert found.advice == {"training.learning_rate": 0.0003}
    muon = RunConfig(training=TrainingConfig(optimizer="muon", learning_rate=0.01, muon_learning_rate=0.02))
    again = told(curve(lambda at: 7 + at, over=False, progress=0.1), muon)
    assert again.advice == {"training.learning_rate": 0.001, "training.muon_learning_rate": 0.002}


def test_a_loss_that_jumps_and_stays_up_is_a_rate_too_high() -> None:
    found = told(curve(lambda at: good(at) + np.where(at > 0.5, 1.5, 0)))
    assert found.verdict == "rate_too_high"
    assert 0.5 * STEPS <= found.values["step"] <= 0.6 * STEPS
    assert found.values["rise"] == pytest.approx(1.5, abs=0.5)
    assert found.advice == {"training.learning_rate": 0.0009}


def test_a_loss_along_a_straight_line_is_a_rate_too_low() -> None:
    found = told(curve(lambda at: 7 - 1.2 * at, noise=0.02))
    assert found.verdict == "rate_too_low"
    assert found.advice == {"training.learning_rate": 0.03}
    assert told(curve(lambda at: 7 - 0.001 * at, noise=0.002)).verdict == "rate_too_low", "it has hardly moved"


def test_a_task_that_is_learned_late_and_at_once_is_no_rate_too_low() -> None:
    late = told(curve(lambda at: 7 - 3.5 / (1 + np.exp(-(at - 0.6) * 40))))
    assert late.verdict != "rate_too_low"


def test_a_loss_that_is_at_rest_at_its_beginning_with_large_jumps_is_no_rate_too_low() -> None:
    assert told(curve(lambda at: 7 - 0.01 * at, noise=0.3)).verdict == "nothing"


def test_held_out_loss_that_turns_is_overfitting_since_the_best_look() -> None:
    made = curve(lambda at: good(at) - 1.5 * at, lambda at: good(at) + np.maximum(0, at - 0.4), passes=20.0)
    found = told(made)
    assert found.verdict == "overfitting"
    assert found.values["step"] == pytest.approx(0.4 * STEPS, abs=40)
    assert found.advice == {"training.steps": found.values["step"], "training.seconds": None}
    written = CONFIG.model_copy(update={"data": DataConfig(corpus="stories-en", documents=500)})
    assert told(made, written).advice == {"data.documents": 2000}


@pytest.mark.parametrize("seed", range(10))
def test_held_out_loss_that_wavers_is_no_overfitting(seed: int) -> None:
    made = curve(lambda at: good(at) - 0.2 * at, good, seed=seed)
    wavering = np.random.default_rng(seed).normal(0, 0.05, len(made.looks))
    assert told(replace(made, looks=(np.array(made.looks) + wavering).tolist())).verdict == "nothing"


def test_training_far_below_held_out_after_many_readings_is_a_text_too_small() -> None:
    made = curve(lambda at: good(at) - 1.2 * at, good, passes=12.0)
    found = told(made)
    assert (found.verdict, found.values["passes"]) == ("data_too_small", 12)
    assert found.advice == {"model.dropout": 0.2}
    assert told(replace(made, passes=2.0)).verdict == "nothing", "a text that was read twice is as good as new"
    assert told(curve(good, passes=12.0)).verdict == "nothing", "no gap"


def test_a_power_law_is_still_falling_only_once_it_is_over() -> None:
    found = told(curve(power))
    assert (found.verdict, found.advice) == ("still_falling", {"training.steps": 2 * STEPS})
    assert found.values["gain"] == pytest.approx(power(np.array(0.5)) - power(np.array(1.0)), abs=0.05)
    assert told(curve(power, over=False, progress=0.6)).verdict == "nothing"
    assert told(curve(power, floor=float(power(np.array(1.0))))).verdict == "nothing", "nobody gets below the floor"
    timed = CONFIG.model_copy(update={"training": TrainingConfig(seconds=30.0)})
    assert told(curve(power), timed).advice == {"training.seconds": 60.0}


def test_early_nothing_is_said_but_that_the_loss_rises() -> None:
    assert told(curve(lambda at: 7 - at, noise=0.02, progress=0.1, over=False)).verdict == "too_early"
    assert told(curve(lambda at: 7 + at, progress=0.1, over=False)).verdict == "rate_too_high"
    assert told(curve(good, steps=20, progress=0.9, over=False)).verdict == "too_early"
    short = told(curve(good, steps=20))
    assert (short.verdict, short.values) == ("too_short", {"fewest": 60}), "nobody has looked at it"
    assert told(Curve([], [], [], [], [], over=False, progress=0.0)).verdict == "too_early"


BRANCHED = CONFIG.model_copy(update={"training": CONFIG.training.model_copy(update={"steps": 2 * STEPS})})


def branch(training: Shape, held_out: Shape, seed: int) -> Curve:
    """What goes on from step 400 for another 400, as its history tells it."""
    made = curve(training, held_out, seed=seed)
    rows: list[dict[str, Any]] = [{"kind": "branched", "step": STEPS, "tokens": 0, "seconds": 0.0}]
    rows += [{"kind": "evaluation", "step": STEPS + at, "loss": loss} for at, loss in zip(made.look_steps, made.looks, strict=True)]  # fmt: skip
    rows += [{"kind": "step", "step": STEPS + at, "loss": loss, "learning_rate": 0.001} for at, loss in zip(made.steps, made.losses, strict=True)]  # fmt: skip
    rows.append({"kind": "baseline", "name": "ngram", "loss": 1.5})
    return curve_of(rows, progress=1.0, over=True)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("dropout", [0.0, 0.15])
def test_a_healthy_branch_begins_low_and_gets_no_verdict(seed: int, dropout: float) -> None:
    def level(at: np.ndarray) -> np.ndarray:
        return 2 + 0.03 * np.exp(-at / 0.3)

    made = branch(lambda at: level(at) + dropout, level, seed)
    assert made.branched_at == STEPS
    assert told(made, BRANCHED).verdict == "nothing"


@pytest.mark.parametrize("seed", range(10))
def test_a_branch_whose_loss_rises_has_a_rate_too_high(seed: int) -> None:
    def lost(at: np.ndarray) -> np.ndarray:
        return 2 + 0.9 * (1 - np.exp(-at / 0.02))

    assert told(branch(lost, lost, seed), BRANCHED).verdict == "rate_too_high"


def test_what_counts_learns_at_no_rate() -> None:
    counting = CONFIG.model_copy(update={"model": NgramConfig()})
    assert told(curve(lambda at: 7 + at), counting).verdict == "nothing"


def test_a_history_becomes_a_curve_without_its_last_and_other_look() -> None:
    rows: list[dict[str, Any]] = [
        {"kind": "step", "step": n, "loss": 5.0, "learning_rate": 0.1, "tokens": 100 * n} for n in range(1, 8)
    ]
    rows += [{"kind": "evaluation", "step": n, "loss": 4.0, "whole": False} for n in range(7)]
    rows += [{"kind": "evaluation", "step": 7, "loss": 9.0, "whole": True}, {"kind": "step", "step": 8, "loss": None}]
    rows += [{"kind": "baseline", "name": "ngram", "loss": 3.0}, {"kind": "sample", "step": 1, "text": "x"}]
    # A life that did not last: its steps and its look are taken back.
    rows[7:7] = [{"kind": "step", "step": 9, "loss": 8.0, "tokens": 9000}, {"kind": "evaluation", "step": 9, "loss": 8.0}, {"resumed_at": 7}]  # fmt: skip
    made = curve_of(rows, progress=1.0, over=True, training_tokens=350)
    assert (made.steps[-1], made.rates[0], made.looks, made.ngram, made.passes) == (7, 0.1, [4.0] * 7, 3.0, 2.0)
