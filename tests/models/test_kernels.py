"""Our own gradients are torch's."""

import pytest
import torch
import torch.nn.functional as F

from llm_core.models.kernels import relu_squared, rms_norm
from llm_core.models.layers import rotary_table, rotate


def test_rms_norm_and_its_gradient_are_those_of_torch() -> None:
    torch.manual_seed(0)
    x = torch.randn(3, 4, 8, requires_grad=True)
    direction = torch.randn(3, 4, 8)
    ours, theirs = rms_norm(x, 1e-5), F.rms_norm(x, (8,), None, 1e-5)
    torch.testing.assert_close(ours, theirs)
    (one,) = torch.autograd.grad(ours, x, direction)
    (other,) = torch.autograd.grad(theirs, x, direction)
    torch.testing.assert_close(one, other)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_gradients_hold_at_every_scale(scale: float) -> None:
    torch.manual_seed(1)
    x = (torch.randn(5, 6, dtype=torch.float64) * scale).requires_grad_()
    theirs = torch.autograd.grad(F.rms_norm(x, (6,), None, 1e-5).square().sum(0).prod(), x)
    ours = torch.autograd.grad(rms_norm(x, 1e-5).square().sum(0).prod(), x)
    torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=0)


def test_squared_relu_and_rotation_have_right_gradients() -> None:
    torch.manual_seed(2)
    x = torch.randn(2, 5, 3, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(relu_squared, (x,))
    assert torch.autograd.gradcheck(lambda x: rms_norm(x, 1e-5), (x,))
    table = rotary_table(5, 4, 100.0).double()
    assert torch.autograd.gradcheck(lambda x: rotate(x, table), (x,))


def test_bf16_comes_back_as_bf16_gradient() -> None:
    x = torch.randn(4, 8, dtype=torch.bfloat16, requires_grad=True)
    y = rms_norm(x, 1e-5)
    assert y.dtype == torch.float32
    y.sum().backward()
    assert x.grad is not None
    assert x.grad.dtype == torch.bfloat16
