"""What a run yields and when, that it learns, and that looking at it changes nothing."""

import math
from collections.abc import Iterator
from dataclasses import asdict

import pytest
import torch

from llm_core.config import NgramConfig, RecurrentConfig, RunConfig
from llm_core.data.prepare import TokenizedCorpus
from llm_core.errors import UserError
from llm_core.evaluate.language_model import Score, score
from llm_core.models.base import Model
from llm_core.training import loop
from llm_core.training.loop import train
from llm_core.training.objectives import NextToken
from llm_core.training.records import Evaluation, Finish, Record, Sample, Snapshot, Step
from tests.training.conftest import run_config


def steps(records: list[Record]) -> list[Step]:
    return [record for record in records if isinstance(record, Step)]


def weights(model: Model) -> list[torch.Tensor]:
    return [parameter.detach().clone() for parameter in model.parameters()]


def losses_and_weights(config: RunConfig, corpus: TokenizedCorpus) -> tuple[list[float], list[torch.Tensor]]:
    losses, last = [], None
    for record in train(config, corpus):
        if isinstance(record, Step):
            losses.append(record.loss)
        if isinstance(record, Snapshot):
            last = record.state.model
    assert last is not None
    return losses, weights(last)


class Clock:
    """A clock that goes on a tenth of a second at each look."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        self.now += 0.1
        return self.now


def test_records_come_where_they_are_due(corpus: TokenizedCorpus) -> None:
    kinds = [(type(record).__name__, record.step) for record in train(run_config(), corpus)]
    begin = ["Snapshot", "Evaluation", "FixedText", "Text", "Sample", "Sample", "Sample"]
    assert kinds[:7] == [(kind, 0) for kind in begin]
    assert [step for kind, step in kinds if kind == "Step"] == list(range(1, 13))
    assert [step for kind, step in kinds if kind == "Evaluation"] == [0, 5, 10, 12]
    assert [step for kind, step in kinds if kind == "Sample"] == [step for step in (0, 4, 6, 12) for _ in range(3)]
    close = [1, 2, 3, 4, 5, 6, 8, 10, 12]
    assert [step for kind, step in kinds if kind == "Layers"] == close
    assert [step for kind, step in kinds if kind == "Text"] == [0, *close]
    assert [step for kind, step in kinds if kind == "Opened"] == []
    assert [step for kind, step in kinds if kind == "Snapshot"] == [0, 1, 2, 3, 4, 6, 8, 12]
    end = ["Layers", "Step", "Evaluation", "Text", "Sample", "Sample", "Sample", "Snapshot", "Finish"]
    assert kinds[-9:] == [(kind, 12) for kind in end]


def test_full_snapshots_come_at_the_start_where_they_are_due_and_at_the_end(corpus: TokenizedCorpus) -> None:
    full = [r.step for r in train(run_config(steps=9), corpus) if isinstance(r, Snapshot) and r.full]
    assert full == [0, 4, 8, 9]


def test_only_the_last_evaluation_scores_everything(corpus: TokenizedCorpus) -> None:
    records = [r for r in train(run_config(), corpus) if isinstance(r, Evaluation)]
    assert [r.whole for r in records] == [False, False, False, True]


def test_a_run_learns(corpus: TokenizedCorpus) -> None:
    config = run_config(steps=120, batch_size=16, evaluation_every=1000, sample_every=1000, checkpoint_every=1000)
    records = list(train(config, corpus))
    evaluations = [r for r in records if isinstance(r, Evaluation)]
    assert evaluations[0].loss > 5
    assert evaluations[-1].loss < 2.6
    assert isinstance(records[-1], Finish)
    assert records[-1].reason == "finished"


def test_the_figures_of_a_record_agree_with_each_other(corpus: TokenizedCorpus) -> None:
    records = list(train(run_config(accumulation=3), corpus))
    for index, record in enumerate(steps(records), start=1):
        assert record.tokens == index * 4 * 3 * 16
        assert record.gradient_norm > 0
        assert record.tokens_per_second > 0
    evaluation = next(r for r in reversed(records) if isinstance(r, Evaluation))
    assert evaluation.perplexity == pytest.approx(math.exp(evaluation.loss))


def test_the_same_seed_gives_the_same_run_and_another_one_another(corpus: TokenizedCorpus) -> None:
    first, second = (losses_and_weights(run_config(seed=3), corpus) for _ in range(2))
    other, _ = losses_and_weights(run_config(seed=4), corpus)
    assert first[0] == second[0] != other
    assert all(torch.equal(a, b) for a, b in zip(first[1], second[1], strict=True))


def test_looking_changes_nothing(corpus: TokenizedCorpus) -> None:
    model = run_config().model.model_copy(update={"dropout": 0.1})
    seldom = run_config(model, evaluation_every=100, sample_every=100, checkpoint_every=100)
    often = run_config(model, evaluation_every=1, sample_every=1, checkpoint_every=1)
    quiet, noisy = losses_and_weights(seldom, corpus), losses_and_weights(often, corpus)
    assert quiet[0] == noisy[0]
    assert all(torch.equal(a, b) for a, b in zip(quiet[1], noisy[1], strict=True))


def test_whoever_takes_the_records_may_draw_random_numbers(corpus: TokenizedCorpus) -> None:
    config = run_config(run_config().model.model_copy(update={"dropout": 0.1}))
    alone = [record.loss for record in steps(list(train(config, corpus)))]
    disturbed = []
    for record in train(config, corpus):
        torch.rand(7)
        if isinstance(record, Step):
            disturbed.append(record.loss)
    assert disturbed == alone


def test_dropout_differs_from_step_to_step() -> None:
    drawn = []
    for step in range(3):
        loop.seed_step(1234, step, torch.device("cpu"))
        drawn.append(torch.rand(4).tolist())
    assert drawn[0] != drawn[1] != drawn[2]


def test_accumulated_halves_are_the_whole_batch(corpus: TokenizedCorpus) -> None:
    whole = steps(list(train(run_config(batch_size=8, optimizer="sgd", precision="fp32"), corpus)))
    halves = steps(list(train(run_config(batch_size=4, accumulation=2, optimizer="sgd", precision="fp32"), corpus)))
    for a, b in zip(whole, halves, strict=True):
        assert a.loss == pytest.approx(b.loss, abs=1e-5)
        assert a.gradient_norm == pytest.approx(b.gradient_norm, rel=1e-4)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_lower_precision_learns_too(corpus: TokenizedCorpus, precision: str) -> None:
    records = steps(list(train(run_config(precision=precision, steps=30), corpus)))
    assert records[-1].loss < records[0].loss - 0.3
    assert all(math.isfinite(record.gradient_norm) for record in records)


def test_closing_the_generator_stops_the_run(corpus: TokenizedCorpus) -> None:
    run = train(run_config(), corpus)
    assert isinstance(run, Iterator)
    next(run)
    run.close()
    assert list(run) == []


def test_a_time_limit_ends_the_run_and_its_schedule(corpus: TokenizedCorpus) -> None:
    config = run_config(steps=1_000_000, seconds=8.0, final_learning_rate=0.0, warmup=0.0, evaluation_tokens=256)
    records = list(train(config, corpus, clock=Clock()))
    taken = steps(records)
    assert 10 < len(taken) < 80
    assert taken[-1].seconds <= 8.2
    assert taken[-1].learning_rate < 0.1 * taken[0].learning_rate
    last = [r for r in records if isinstance(r, Evaluation)][-1]
    assert last.whole
    assert last.step == taken[-1].step


@pytest.mark.parametrize(("seconds_a_token", "whole"), [(0.001, True), (0.01, False)])
def test_the_last_look_of_a_time_limit_fits_into_the_time_kept_back(
    corpus: TokenizedCorpus, monkeypatch: pytest.MonkeyPatch, seconds_a_token: float, whole: bool
) -> None:
    clock, score_all = Clock(), NextToken.score

    def slow(self: NextToken, model: Model, corpus: TokenizedCorpus, config: RunConfig, limit: int | None) -> Score:
        result = score_all(self, model, corpus, config, limit)
        clock.now += result.tokens * seconds_a_token
        return result

    monkeypatch.setattr(NextToken, "score", slow)
    config = run_config(seconds=20.0, steps=100_000, evaluation_every=100_000, checkpoint_every=100_000)
    records = list(train(config, corpus, clock=clock))
    last = [record for record in records if isinstance(record, Evaluation)][-1]
    assert last.whole == whole
    assert clock.now - 100 < 20 + 2


def test_what_happens_between_two_records_counts_unless_the_clock_stands_still(corpus: TokenizedCorpus) -> None:
    taken = []
    for waiting in (1.0, 0.0):
        clock = Clock()
        taken.append(0)
        for record in train(run_config(steps=1000, seconds=8.0), corpus, clock=clock):
            if isinstance(record, Step):
                taken[-1] += 1
                clock.now += waiting
    assert taken[0] < 10 < 20 < taken[1]


def test_every_family_trains(corpus: TokenizedCorpus) -> None:
    recurrent = list(train(run_config(RecurrentConfig(context=16, width=16, layers=1), steps=20), corpus))
    assert steps(recurrent)[-1].loss < steps(recurrent)[0].loss
    ngram = list(train(run_config(NgramConfig(context=16, order=4), optimizer="adamw"), corpus))
    assert [type(record) for record in ngram] == [
        Snapshot,
        Evaluation,
        Step,
        Evaluation,
        *[Sample] * 3,
        Snapshot,
        Finish,
    ]
    evaluations = [record for record in ngram if isinstance(record, Evaluation)]
    assert evaluations[0].loss == pytest.approx(math.log(corpus.tokenizer.vocabulary_size), abs=1e-4)
    assert evaluations[1].loss < 1.0
    assert evaluations[1].whole


def test_a_run_ends_with_the_loss_that_evaluating_its_model_gives(corpus: TokenizedCorpus) -> None:
    evaluation, state = None, None
    for record in train(run_config(), corpus):
        if isinstance(record, Evaluation):
            evaluation = record
        if isinstance(record, Snapshot):
            state = record.state
    assert evaluation is not None
    assert state is not None
    assert score(state.model, corpus).loss == evaluation.loss


def test_records_hold_only_finite_numbers(corpus: TokenizedCorpus) -> None:
    for record in train(run_config(precision="fp16"), corpus):
        if not isinstance(record, Snapshot):
            assert all(math.isfinite(value) for value in asdict(record).values() if isinstance(value, float))


def test_a_vocabulary_that_is_not_the_texts_is_refused(corpus: TokenizedCorpus) -> None:
    model = run_config().model.model_copy(update={"vocabulary_size": 7})
    with pytest.raises(UserError, match="leave it empty"):
        next(train(run_config(model), corpus))
