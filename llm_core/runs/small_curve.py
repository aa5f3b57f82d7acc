"""The loss of many runs as small curves: read once, then only what has been added, and kept as a few points each."""

import threading
from collections import OrderedDict
from pathlib import Path

from llm_core.runs import history

MOST_POINTS = 60
_FINEST = 8 * MOST_POINTS
_KEPT = 200

Points = list[tuple[int, float]]


class SmallCurves:
    """The last curves that were asked for. Safe to share among threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Path, tuple[Points, int]] = OrderedDict()
        self._lock = threading.Lock()

    def points(self, folder: Path) -> Points:
        """Steps and training losses, in nats per token, at most 60 of each: means over stretches of the same length."""
        with self._lock:
            points, offset = self._kept.pop(folder, ([], 0))
            rows, following = history.read(folder, offset)
            if following < offset:  # another file than the one read before
                points = []
                rows, following = history.read(folder)
            points = _continued(points, rows)
            self._kept[folder] = points, following
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return _means(points, -(-len(points) // MOST_POINTS))


def _continued(points: Points, rows: list[history.Row]) -> Points:
    points = list(points)
    for row in rows:
        back = row.get("resumed_at")
        if isinstance(back, int):  # what came after that step did not last
            points = [point for point in points if point[0] <= back]
        step, loss = row.get("step"), row.get("loss")
        if row.get("kind") == "step" and isinstance(step, int) and isinstance(loss, (int, float)):
            points.append((step, float(loss)))
            if len(points) >= 2 * _FINEST:
                points = _means(points, 2)
    return points


def _means(points: Points, length: int) -> Points:
    """Each stretch of so many points as one: its last step, and the mean of its losses."""
    if length <= 1:
        return points
    parts = [points[start : start + length] for start in range(0, len(points), length)]
    return [(part[-1][0], sum(loss for _step, loss in part) / len(part)) for part in parts]
