"""Adam (Kingma & Ba 2015) for a large table of which a batch touches few rows: only these are moved.

The others keep their moments as they are, as `torch.optim.SparseAdam` does; here without sparse tensors, which cost more
than a small network's whole step.
"""

import torch
from torch import Tensor


class RowAdam:
    """Moves rows of `table` (rows, width) in place.

    decay: share of a row, times the rate, that is taken off each time it is moved (Loshchilov & Hutter 2019); one number,
    or one for each column · padding: the first row is never moved.
    """

    def __init__(
        self,
        table: Tensor,
        decay: Tensor | float = 0.0,
        betas: tuple[float, float] = (0.9, 0.99),
        padding: bool = False,
    ) -> None:
        self._table, self._padding = table, padding
        self._mean, self._square = torch.zeros_like(table), torch.zeros_like(table)
        self._betas, self._decay, self._steps = betas, decay, 0

    @torch.no_grad()
    def step(self, rows: Tensor, gradient: Tensor, rate: Tensor | float) -> None:
        """rows (R,) without repeats · gradient (R, width) · rate: one number, or one for each column."""
        self._steps += 1
        first, second = self._betas
        mean = self._mean.index_select(0, rows).lerp_(gradient, 1 - first)
        square = self._square.index_select(0, rows).mul_(second).addcmul_(gradient, gradient, value=1 - second)
        self._mean.index_copy_(0, rows, mean)
        self._square.index_copy_(0, rows, square)
        size = (square / (1 - second**self._steps)).sqrt_().add_(1e-8)
        change = (mean / (1 - first**self._steps)).div_(size)
        old = self._table.index_select(0, rows)
        new = old - rate * (change + self._decay * old)
        if self._padding:
            new = torch.where(rows[:, None] == 0, old, new)
        self._table.index_copy_(0, rows, new)
