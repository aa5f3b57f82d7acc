"""The loss of many runs as small curves: read once, then only what has been added, and kept as a few points each."""

import threading
from collections import OrderedDict
from pathlib import Path

from llm_core.runs import history

MOST_POINTS = 60
_FINEST = 8 * MOST_POINTS
_KEPT = 200

Points = list[tuple[int, float]]
_Stretches = list[tuple[int, float, int]]  # the last step of each, the sum of its losses, and how many those are


class SmallCurves:
    """The last curves that were asked for. Safe to share among threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Path, tuple[_Stretches, int]] = OrderedDict()
        self._lock = threading.Lock()

    def points(self, folder: Path) -> Points:
        """Steps and training losses, in nats per token, at most 60 of each: means over stretches of steps."""
        with self._lock:
            stretches, offset = self._kept.pop(folder, ([], 0))
            rows, following = history.read(folder, offset)
            if following < offset:  # another file than the one read before
                stretches = []
                rows, following = history.read(folder)
            stretches = _continued(stretches, rows)
            self._kept[folder] = stretches, following
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        wide = _joined(stretches, -(-len(stretches) // MOST_POINTS))
        return [(step, total / count) for step, total, count in wide]


def _continued(stretches: _Stretches, rows: list[history.Row]) -> _Stretches:
    stretches = list(stretches)
    for row in rows:
        back = row.get("resumed_at")
        if isinstance(back, int):  # what came after that step did not last
            stretches = [stretch for stretch in stretches if stretch[0] <= back]
        step, loss = row.get("step"), row.get("loss")
        if row.get("kind") == "step" and isinstance(step, int) and isinstance(loss, (int, float)):
            stretches.append((step, float(loss), 1))
            if len(stretches) >= 2 * _FINEST:
                stretches = _joined(stretches, 2)
    return stretches


def _joined(stretches: _Stretches, length: int) -> _Stretches:
    """So many stretches in a row as one."""
    if length <= 1:
        return stretches
    parts = [stretches[start : start + length] for start in range(0, len(stretches), length)]
    return [(part[-1][0], sum(one[1] for one in part), sum(one[2] for one in part)) for part in parts]
