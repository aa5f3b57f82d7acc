"""Adam for what is trained beside a model that stays as it is."""

from collections.abc import Sequence

import torch
from torch import Tensor

_SHORTEST_STEP = 1e-8


class Adam:
    """Kingma & Ba 2015, on gradients that are handed in: nothing is ever written into a shared model's `.grad`."""

    def __init__(self, parameters: Sequence[Tensor], betas: tuple[float, float] = (0.9, 0.99)) -> None:
        self.parameters = parameters
        self.betas = betas
        self.means = [torch.zeros_like(parameter) for parameter in parameters]
        self.squares = [torch.zeros_like(parameter) for parameter in parameters]
        self.steps = 0

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor], rate: float) -> None:
        """Change every parameter in place by its gradient."""
        self.steps += 1
        first, second = self.betas
        for parameter, gradient, mean, square in zip(self.parameters, gradients, self.means, self.squares, strict=True):
            mean.lerp_(gradient, 1 - first)
            square.mul_(second).addcmul_(gradient, gradient, value=1 - second)
            scale = (square / (1 - second**self.steps)).sqrt_().add_(_SHORTEST_STEP)
            parameter.addcdiv_(mean, scale, value=-rate / (1 - first**self.steps))
