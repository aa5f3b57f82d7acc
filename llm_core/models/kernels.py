"""Operations whose gradients torch takes the long way round on a CPU: the same numbers in half the time.

Used while training only. They can be differentiated once; anything that looks into a model uses torch's own.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable


class _RMSNorm(Function):
    @staticmethod
    def forward(context: Any, x: Tensor, epsilon: float) -> Tensor:
        length = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=torch.promote_types(x.dtype, torch.float32))
        inverse = length.square_().div_(x.shape[-1]).add_(epsilon).rsqrt_()
        y: Tensor = x * inverse
        context.save_for_backward(y, inverse)
        return y

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None]:
        y, inverse = context.saved_tensors
        along = (gradient * y).sum(-1, keepdim=True).div_(-y.shape[-1])
        return torch.addcmul(gradient, y, along).mul_(inverse), None


class _ReluSquared(Function):
    @staticmethod
    def forward(context: Any, x: Tensor) -> Tensor:
        positive = x.relu()
        context.save_for_backward(positive)
        return positive.square()

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> Tensor:
        (positive,) = context.saved_tensors
        doubled: Tensor = (gradient * positive).mul_(2)
        return doubled


def rms_norm(x: Tensor, epsilon: float) -> Tensor:
    """x divided by the root mean square of its last dimension, at least in fp32."""
    y: Tensor = _RMSNorm.apply(x, epsilon)  # type: ignore[no-untyped-call]
    return y


def relu_squared(x: Tensor) -> Tensor:
    """The square of what is positive in x."""
    y: Tensor = _ReluSquared.apply(x)  # type: ignore[no-untyped-call]
    return y
