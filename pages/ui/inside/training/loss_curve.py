"""The loss of a run over its steps, for a picture that something else is laid under."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from llm_core.runs import history
from llm_core.runs.live import live
from llm_core.runs.run import Run
from pages.ui.state import store

Points = tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class LossCurve:
    """Steps and losses in nats: on what is trained on, and on what is held out. Both empty of a model that was brought in."""

    training: Points
    held_out: Points


def loss_curve(run: Run) -> LossCurve:
    """As far as the run has come, thinned as the live curve is."""
    return _read(run.id, _stamp(run.folder / history.FILE))


@lru_cache(maxsize=16)
def _read(run: str, stamp: tuple[int, int]) -> LossCurve:
    rows = live(store(), run)["rows"]

    def points(kind: str) -> Points:
        return tuple(
            (row["step"], float(row["loss"]))
            for row in rows
            if row.get("kind") == kind and isinstance(row.get("loss"), (int, float))
        )

    return LossCurve(points("step"), points("evaluation"))


def _stamp(file: Path) -> tuple[int, int]:
    """Changes when the file does."""
    try:
        about = file.stat()
    except OSError:
        return 0, 0
    return about.st_mtime_ns, about.st_size
