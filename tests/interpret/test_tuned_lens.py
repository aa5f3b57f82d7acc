"""A tuned lens begins as the logit lens, learns on some texts, is better on others, and leaves the model as it was."""

from functools import cache

import numpy as np
import pytest
import torch

from llm_core.errors import UserError
from llm_core.interpret.adam import Adam
from llm_core.interpret.components import residuals
from llm_core.interpret.lenses.logit_lens import logit_lens
from llm_core.interpret.lenses.tuned_lens import TunedLensReport, TuningStep, train_tuned_lens
from llm_core.interpret.reading import Reading
from llm_core.interpret.reading_out import spoken
from llm_core.models.base import Batch, Model
from tests.interpret.opened import model_of, side_of, task_model_of, variety_of

KINDS = ["ours", "bert", "transformer"]


def texts(model: Model, seed: int, rows: int = 24) -> list[Batch]:
    """Padded ones, with a source where the model reads one."""
    generator = torch.Generator().manual_seed(seed)

    def draw() -> torch.Tensor:
        return torch.randint(19, (rows, 12), generator=generator)

    crossed = "encoder_decoder" in str(model.config)
    lengths = torch.tensor([12, 5] * (rows // 2))
    return [Batch(draw(), lengths, source=Batch(draw()) if crossed else None) for _ in range(3)]


@cache
def trained(name: str) -> tuple[Model, list[TuningStep], TunedLensReport]:
    model = variety_of(name)
    work = train_tuned_lens(model, texts(model, 1), texts(model, 2), steps=60, seed=3)
    steps = []
    while True:
        try:
            steps.append(next(work))
        except StopIteration as end:
            return model, steps, end.value


def divergences(model: Model, seed: int, report: TunedLensReport | None) -> np.ndarray:
    """(R,) by the lens itself, text by text."""
    found = []
    for batch in texts(model, seed):
        assert batch.tokens is not None
        assert batch.lengths is not None
        for row, length in enumerate(batch.lengths.tolist()):
            source = None
            if batch.source is not None:
                assert batch.source.tokens is not None
                source = side_of(*batch.source.tokens[row].tolist())
            reading = Reading(side_of(*batch.tokens[row, :length].tolist()), source, 0)
            translate = None if report is None else report.lens.translate
            found.append(logit_lens(model, reading, translate=translate).divergences)
    return np.concatenate(found, axis=1).mean(1)


@pytest.mark.parametrize("name", KINDS)
def test_it_says_more_of_what_the_model_will_say_on_other_texts_too(name: str) -> None:
    model, steps, report = trained(name)
    assert report.lens.rows == residuals(model, spoken(model))[:-1]
    assert [step.step for step in steps] == list(range(1, 61))
    assert report.positions == report.lens.positions == 3 * (12 * 12 + 12 * 5)
    assert (report.after < report.before).all()
    assert report.after[0] < 0.8 * report.before[0]
    assert steps[-1].divergences.mean() < steps[0].divergences.mean()


def test_its_control_is_the_divergence_of_both_lenses_on_the_other_texts() -> None:
    model, _steps, report = trained("ours")
    np.testing.assert_allclose(report.before, divergences(model, 2, None)[:-1], rtol=1e-3)
    np.testing.assert_allclose(report.after, divergences(model, 2, report)[:-1], rtol=1e-3)


@pytest.mark.parametrize("name", KINDS)
def test_untrained_it_is_the_logit_lens(name: str) -> None:
    model = variety_of(name)
    work = train_tuned_lens(model, texts(model, 1), texts(model, 2), steps=0)
    with pytest.raises(StopIteration) as end:
        next(work)
    report = end.value.value
    assert not report.lens.weights.any()
    assert not report.lens.biases.any()
    np.testing.assert_array_equal(report.before, report.after)


def test_the_end_of_the_stream_stays_as_it_is() -> None:
    model, _steps, report = trained("ours")
    end = residuals(model, "decoder")[-1]
    x = torch.randn(3, 24, generator=torch.Generator().manual_seed(1))
    assert torch.equal(report.lens.translate(end, x), x)
    moved = report.lens.translate(report.lens.rows[2], x)
    expected = x + x @ torch.from_numpy(report.lens.weights[2]).T + torch.from_numpy(report.lens.biases[2])
    torch.testing.assert_close(moved, expected)
    assert not torch.allclose(moved, x)


def test_the_model_stays_as_it_was_and_has_no_gradient() -> None:
    model = variety_of("gpt2").requires_grad_(True)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    list(train_tuned_lens(model, texts(model, 1), texts(model, 2), steps=2))
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_the_same_seed_trains_the_same_lens() -> None:
    model = variety_of("gpt2")
    one, same, other = (
        [
            step.divergences.tolist()
            for step in train_tuned_lens(model, texts(model, 1), texts(model, 2), steps=3, seed=s)
        ]
        for s in (1, 1, 2)
    )
    assert one == same
    assert one != other


def test_its_optimizer_is_adam() -> None:
    generator = torch.Generator().manual_seed(1)
    start = torch.randn(5, 3, generator=generator)
    mine, theirs = start.clone(), start.clone().requires_grad_(True)
    ours, peer = Adam([mine]), torch.optim.Adam([theirs], lr=0.1, betas=(0.9, 0.99), eps=1e-8)
    for step in range(5):
        gradient = torch.randn(5, 3, generator=generator)
        theirs.grad = gradient.clone()
        peer.param_groups[0]["lr"] = 0.1 / (step + 1)
        peer.step()
        ours.step([gradient], 0.1 / (step + 1))
        torch.testing.assert_close(mine, theirs.detach())


def test_what_cannot_have_one_says_why() -> None:
    model = model_of()
    with pytest.raises(UserError, match="whole text"):
        next(train_tuned_lens(task_model_of("classify"), texts(model, 1), texts(model, 2)))
    with pytest.raises(UserError, match="needs texts"):
        next(train_tuned_lens(model, texts(model, 1), []))
    with pytest.raises(ValueError, match="eval mode"):
        next(train_tuned_lens(model.train(), texts(model, 1), texts(model, 2)))
