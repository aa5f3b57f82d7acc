"""The learning-rate range test: every step learns at its own rate, and it ends where the loss has run away."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from llm_core.config import RunConfig, TrainingConfig
from llm_core.training import range_test as module
from llm_core.training.range_test import range_test
from llm_core.training.records import Finish, Record, Snapshot, Step

CONFIG = RunConfig(training=TrainingConfig(learning_rate=0.01, muon_learning_rate=0.02, schedule="cosine", warmup=0.5))


class FakeTraining:
    """Tells the losses it is given, and remembers at which rates it was asked to learn."""

    def __init__(self, *losses: float) -> None:
        self.losses = losses
        self.groups: list[dict[str, Any]] = [{"base_lr": 0.01}, {"base_lr": 0.02}]
        self.rates: list[tuple[float, float]] = []
        self.config: TrainingConfig | None = None

    def __call__(self, config: RunConfig, *_rest: Any) -> Iterator[Record]:
        self.config = config.training
        optimizers = [SimpleNamespace(param_groups=[group]) for group in self.groups]
        yield Snapshot(0, True, SimpleNamespace(optimizers=optimizers))  # type: ignore[arg-type]
        for step, loss in enumerate(self.losses, start=1):
            first, second = self.groups
            self.rates.append((first["base_lr"], second["base_lr"]))
            yield Step(step, step, float(step), loss, 0.01, 1.0, 1.0)
        yield Finish(len(self.losses), "diverged")


def told(training: FakeTraining, monkeypatch: pytest.MonkeyPatch, steps: int) -> list[module.Rate]:
    monkeypatch.setattr(module, "train", training)
    return list(range_test(CONFIG, None, 1e-4, 1.0, steps))  # type: ignore[arg-type]


def test_each_step_learns_at_the_rate_it_is_told_with(monkeypatch: pytest.MonkeyPatch) -> None:
    training = FakeTraining(5.0, 4.0, 3.0, 3.0, 3.0, 3.0)
    found = told(training, monkeypatch, 5)
    assert [rate.learning_rate for rate in found] == pytest.approx([1e-4, 1e-3, 1e-2, 1e-1, 1.0])
    assert [first for first, _second in training.rates[:5]] == pytest.approx([1e-4, 1e-3, 1e-2, 1e-1, 1.0])
    assert [second / first for first, second in training.rates] == pytest.approx([2.0] * len(training.rates))
    assert training.config is not None
    assert (training.config.schedule, training.config.warmup) == ("constant", 0.0), "nothing else moves the rate"


def test_it_ends_where_the_smoothed_loss_is_four_times_its_best(monkeypatch: pytest.MonkeyPatch) -> None:
    found = told(FakeTraining(*[2.0] * 10, *[40.0] * 10), monkeypatch, 20)
    assert [rate.loss for rate in found].count(40.0) == 2  # smoothed losses of 7.5 and 12.1, over a best of 2
    assert found[-1].smoothed > 4 * 2.0 > found[-2].smoothed


def test_it_ends_with_a_training_that_has_diverged(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(told(FakeTraining(2.0, 3.0), monkeypatch, 5)) == 2
