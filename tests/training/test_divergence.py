"""A run that goes astray ends, says so, and leaves nothing bad to be kept."""

import math
from typing import Any

import pytest
import torch

from llm_core.config import RunConfig
from llm_core.data.prepare import TokenizedCorpus
from llm_core.evaluate.language_model import score
from llm_core.training.divergence import Watch
from llm_core.training.loop import train
from llm_core.training.records import Finish, Record, Snapshot, Step
from tests.training.conftest import run_config


def absurd(**settings: Any) -> RunConfig:
    """Settings that the range checks would refuse."""
    config = run_config(steps=200)
    return config.model_copy(update={"training": config.training.model_copy(update=settings)})


def run(config: RunConfig, corpus: TokenizedCorpus) -> list[Record]:
    records = []
    for record in train(config, corpus):
        if isinstance(record, Snapshot):
            loss = score(record.state.model, corpus).loss
            assert math.isfinite(loss)
            assert loss < 60
        records.append(record)
    return records


@pytest.mark.parametrize("optimizer", ["adamw", "sgd", "muon"])
@pytest.mark.parametrize("clipping", [1.0, None])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_an_absurd_learning_rate_ends_as_diverged_with_nothing_bad_kept(
    corpus: TokenizedCorpus, optimizer: str, clipping: float | None, precision: str
) -> None:
    rates = {"learning_rate": 1e9, "muon_learning_rate": 1e9, "warmup": 0.0}
    records = run(absurd(optimizer=optimizer, gradient_clipping=clipping, precision=precision, **rates), corpus)
    last = records[-1]
    assert isinstance(last, Finish)
    assert last.reason == "diverged"
    assert last.step < 20
    assert all(math.isfinite(record.loss) for record in records if isinstance(record, Step))


def test_weights_that_are_no_numbers_end_the_run(corpus: TokenizedCorpus) -> None:
    records: list[Record] = []
    for record in train(run_config(steps=50), corpus):
        records.append(record)
        if isinstance(record, Snapshot) and record.step == 4:
            with torch.no_grad():
                next(record.state.model.parameters()).fill_(math.nan)
    assert records[-1] == Finish(5, "diverged")
    assert [record.step for record in records if isinstance(record, Snapshot)][-1] == 4
    assert [record.step for record in records if isinstance(record, Step)][-1] == 4


def test_three_losses_in_a_row_far_above_the_first_are_a_divergence_and_two_are_not() -> None:
    watch = Watch(initial=4.0)
    assert not any(watch.diverged(loss) for loss in (4.0, 41.0, 41.0, 3.9, 41.0))
    watch = Watch(initial=4.0)
    assert [watch.diverged(loss) for loss in (3.0, 41.0, 41.0, 41.0)] == [False, False, False, True]


def test_a_capped_loss_that_stays_high_is_a_divergence() -> None:
    watch = Watch(initial=4.0)
    losses = [4.0] * 10 + [30.0] * 200
    assert any(watch.diverged(loss) for loss in losses)


def test_a_spike_is_none() -> None:
    watch = Watch(initial=4.0)
    assert not any(watch.diverged(loss) for loss in [4.0, 3.0, 12.0, 15.0, 6.0, 3.0] * 20)


def test_gradients_of_exactly_zero_are_a_divergence_unless_all_is_learned() -> None:
    watch = Watch(initial=4.0)
    assert [watch.diverged(4.1, 0.0) for _ in range(3)] == [False, False, True]
    assert not any(Watch(initial=4.0).diverged(1e-9, 0.0) for _ in range(5))
    skipped = Watch(initial=4.0)
    assert not any(skipped.diverged(4.0, None) for _ in range(10))


def test_no_number_is_always_a_divergence() -> None:
    assert Watch().diverged(math.nan)
    assert Watch(initial=1.0).diverged(math.inf)
    assert Watch(initial=1.0).diverged(1.0, math.inf)
    assert not Watch(initial=1.0).usable(math.nan)


def test_a_model_without_gradient_is_dead_unless_it_has_learnt_everything() -> None:
    dead, learnt = Watch(initial=5.0), Watch(initial=5.0)
    assert [dead.diverged(5.5, 0.0) for _ in range(3)] == [False, False, True]
    assert not any(learnt.diverged(0.0, 0.0) for _ in range(10))
    assert not any(Watch(initial=5.0).diverged(5.5, None) for _ in range(10))
