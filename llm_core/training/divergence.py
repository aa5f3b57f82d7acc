"""Telling a run that has diverged from one that stumbles."""

import math
from dataclasses import dataclass

_FAR = 10.0
_PATIENCE = 3
_WORSE = 3.0
_MEMORY = 0.98


@dataclass
class Watch:
    """Sees every loss of a run. Diverged: a loss that is no number, or three in a row above ten times the initial one.

    A model whose logits are capped can never lose that much, so a loss that stays, smoothed over about fifty steps,
    above three times the initial one counts too. Clipping makes this needed: with it a learning rate of 10^9 gives a
    finite loss of 10^17, never NaN.
    """

    initial: float | None = None
    smoothed: float | None = None
    in_a_row: int = 0

    def diverged(self, loss: float) -> bool:
        """Take in the loss of one step; the first one sets the initial loss unless it is known."""
        if not math.isfinite(loss):
            return True
        if self.initial is None:
            self.initial = loss
        self.smoothed = loss if self.smoothed is None else _MEMORY * self.smoothed + (1 - _MEMORY) * loss
        self.in_a_row = self.in_a_row + 1 if loss > _FAR * self.initial else 0
        return self.in_a_row >= _PATIENCE or self.smoothed > _WORSE * self.initial

    def usable(self, loss: float) -> bool:
        """Whether a model with this held-out loss is worth keeping; looking changes nothing."""
        return math.isfinite(loss) and (self.initial is None or loss <= _FAR * self.initial)
