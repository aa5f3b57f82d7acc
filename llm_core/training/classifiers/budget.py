"""How much of the stated time is gone, by the clock given."""

from collections.abc import Callable


class Budget:
    """Seconds from now on. `share` of them is gone, at most 1."""

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self.seconds = seconds
        self._clock = clock
        self._start = clock()

    @property
    def elapsed(self) -> float:
        return self._clock() - self._start

    @property
    def left(self) -> float:
        """Seconds that remain; negative when they are used up."""
        return self.seconds - self.elapsed

    @property
    def share(self) -> float:
        return min(1.0, self.elapsed / self.seconds) if self.seconds > 0 else 1.0
