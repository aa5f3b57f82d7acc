"""The pictures of sweeps as they were drawn last, shared by all who watch, so that a crowd costs no more than one."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

Drawn = dict[str, Any]

_KEPT = 48
_REST = 10.0
"""Drawing anew waits this many times as long as it took: so it takes a tenth of one core at most, for each picture."""


@dataclass(frozen=True)
class _Last:
    drawn: Drawn
    state: str
    seen: Hashable
    again: float
    """When it may be drawn anew, though its run goes on in the same state."""


@dataclass
class _Place:
    lock: threading.Lock = field(default_factory=threading.Lock)
    last: _Last | None = None


class Drawings:
    """The last drawing of each name.

    One thread draws while others get what was drawn before; only where nothing was, or the run has come into another
    state, do they wait for it, since a run that is over has no later moment to draw.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._kept: OrderedDict[Hashable, _Place] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, name: Hashable, state: str, seen: Hashable, draw: Callable[[], Drawn]) -> Drawn:
        """The drawing of that name. `state`: how its run stands · `seen`: what it is drawn of; the same needs no drawing."""
        with self._lock:
            place = self._kept.setdefault(name, _Place())
            self._kept.move_to_end(name)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        last = place.last
        if last is not None and self._serves(last, state, seen):
            return last.drawn
        must_wait = last is None or last.state != state
        if not place.lock.acquire(blocking=must_wait) and last is not None:
            return last.drawn
        try:
            if place.last is None or not self._serves(place.last, state, seen):
                begin = self._now()
                drawn = draw()
                end = self._now()
                place.last = _Last(drawn, state, seen, end + _REST * (end - begin))
            return place.last.drawn
        finally:
            place.lock.release()

    def _serves(self, last: _Last, state: str, seen: Hashable) -> bool:
        return last.state == state and (last.seen == seen or self._now() < last.again)
