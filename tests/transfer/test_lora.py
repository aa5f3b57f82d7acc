"""Low-rank adaptation: nothing at the start, the paper's equation after it, and the same once merged."""

import pytest
import torch

from llm_core.models.base import Batch
from llm_core.transfer.encoder import classifier_on
from llm_core.transfer.lora import LowRank, Target, add_low_rank, merge_low_rank
from tests.transfer.small_encoder import small_encoder

ALL: tuple[Target, ...] = ("query", "key", "value", "output", "up", "down")


def batch() -> Batch:
    tokens = torch.randint(1, 20, (3, 9), generator=torch.Generator().manual_seed(1))
    return Batch(tokens, torch.tensor([9, 4, 7]))


@pytest.mark.parametrize("targets", [("query", "value"), ("key",), ALL])
def test_the_model_is_the_same_at_the_start_and_another_after(targets: tuple[Target, ...]) -> None:
    model = classifier_on(small_encoder(), 2, 0).eval()
    before = model(batch())
    added = add_low_rank(model, 2, 4.0, targets, torch.Generator().manual_seed(0))
    assert torch.equal(model(batch()), before)
    with torch.no_grad():
        for parameter in added:
            parameter.normal_(0, 0.3, generator=torch.Generator().manual_seed(5))
    assert (model(batch()) - before).abs().max() > 1e-3


@pytest.mark.parametrize("targets", [("query", "value"), ("key",), ALL])
def test_merged_it_says_the_same_and_has_the_shape_it_had(targets: tuple[Target, ...]) -> None:
    model = classifier_on(small_encoder(), 2, 0).eval()
    names = set(model.state_dict())
    added = add_low_rank(model, 3, 6.0, targets, torch.Generator().manual_seed(0))
    assert set(model.state_dict()) != names
    with torch.no_grad():
        for parameter in added:
            parameter.normal_(0, 0.3, generator=torch.Generator().manual_seed(5))
        apart = model(batch())
        merge_low_rank(model)
        together = model(batch())
    assert set(model.state_dict()) == names
    torch.testing.assert_close(together, apart, rtol=1e-4, atol=1e-5)


def test_each_target_has_thin_matrices_of_its_own_and_nothing_else_learns() -> None:
    model = classifier_on(small_encoder(width=32), 2, 0).requires_grad_(False)
    added = add_low_rank(model, 2, 4.0, ("query", "value"), torch.Generator().manual_seed(0))
    # Two layers, two targets, A (2, 32) and B (32, 2).
    assert sum(parameter.numel() for parameter in added) == 2 * 2 * (2 * 32 + 32 * 2)
    assert {id(p) for p in model.parameters() if p.requires_grad} == {id(p) for p in added}


def test_it_computes_the_equation_of_the_paper_on_the_rows_it_is_for() -> None:
    linear = torch.nn.Linear(4, 6, bias=True)
    low_rank = LowRank(linear, 2, 5.0, [(1, 3), (4, 6)], torch.Generator().manual_seed(2))
    with torch.no_grad():
        for up in low_rank.up:
            up.normal_(generator=torch.Generator().manual_seed(3))
    x = torch.randn(7, 4, generator=torch.Generator().manual_seed(4))
    expected = x @ linear.weight.T + linear.bias
    for (start, stop), down, up in zip(low_rank.slices, low_rank.down, low_rank.up, strict=True):
        expected[:, start:stop] = expected[:, start:stop] + 2.5 * (x @ down.T @ up.T)
    torch.testing.assert_close(low_rank(x), expected)


def test_only_the_thin_matrices_get_a_gradient() -> None:
    model = classifier_on(small_encoder(), 2, 0).requires_grad_(False)
    added = add_low_rank(model, 2, 4.0, ALL, torch.Generator().manual_seed(0))
    gradients = torch.autograd.grad(model(batch()).square().sum(), added, allow_unused=True)
    ups = [gradient for parameter, gradient in zip(added, gradients, strict=True) if not parameter.detach().any()]
    assert ups
    assert all(gradient is not None and gradient.abs().max() > 0 for gradient in ups)
