"""Telling a run that has diverged from one that stumbles."""

import math
from dataclasses import dataclass

_FAR = 10.0
_PATIENCE = 3
_WORSE = 3.0
_LEARNED = 0.5
_MEMORY = 0.98
_LEARNT = 0.5


@dataclass
class Watch:
    """Sees every step of a run. Diverged is

    - a loss or a gradient that is no finite number,
    - three losses in a row above ten times the initial one (clipping makes this needed: with it a learning rate of
      10^9 gives a finite loss of 10^17, never NaN),
    - a loss that stays, smoothed over about fifty steps, above three times the initial one, for a model with capped
      logits can never lose much more,
    - three gradients in a row of exactly zero while nothing is learned: weights so large that norms give zeros.
    """

    initial: float | None = None
    smoothed: float | None = None
    in_a_row: int = 0

    def diverged(self, loss: float, gradient_norm: float | None = None) -> bool:
        """Take in one step; the first one sets the initial loss unless it is known. No norm: it says nothing."""
        if not math.isfinite(loss) or (gradient_norm is not None and not math.isfinite(gradient_norm)):
            return True
        if self.initial is None:
            self.initial = loss
        self.smoothed = loss if self.smoothed is None else _MEMORY * self.smoothed + (1 - _MEMORY) * loss
        dead = gradient_norm == 0 and loss > _LEARNED * self.initial
        self.in_a_row = self.in_a_row + 1 if dead or loss > _FAR * self.initial else 0
        return self.in_a_row >= _PATIENCE or self.smoothed > _WORSE * self.initial

    def usable(self, loss: float) -> bool:
        """Whether a model with this held-out loss is worth keeping; looking changes nothing."""
        return math.isfinite(loss) and (self.initial is None or loss <= _FAR * self.initial)
