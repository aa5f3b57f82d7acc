"""The diagnosis of a run, worked out anew only when its curve has grown by a hundredth: many may watch it."""

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path

from llm_core.config import RunConfig
from llm_core.evaluate.diagnosis import Diagnosis, curve_of, diagnose
from llm_core.runs import history
from llm_core.runs.files import read_object
from llm_core.runs.run import Run
from llm_core.runs.status import Status, trained_share

_KEPT = 200


@dataclass
class _Place:
    """What is known of one run, and who works at it."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    last: tuple[tuple[object, ...], Diagnosis | None] | None = None


_known: OrderedDict[Path, _Place] = OrderedDict()
_lock = threading.Lock()


def diagnosed(run: Run, status: Status) -> Diagnosis | None:
    """What the curve of a training says; None for a run that trains nothing, or has not begun. While it is worked out anew,
    others who ask get what was said before, unless the run stands otherwise now."""
    if not isinstance(run.settings, RunConfig) or status.step == 0 or status.state in ("waiting", "preparing"):
        return None
    progress = trained_share(status, run.settings.training)
    seen = (status.state, int(100 * progress), status.step if not status.under_way else 0)
    with _lock:
        place = _known.setdefault(run.folder, _Place())
        _known.move_to_end(run.folder)
        while len(_known) > _KEPT:
            _known.popitem(last=False)
    last = place.last
    if last is not None and last[0] == seen:
        return last[1]
    must_wait = last is None or last[0][0] != status.state
    if not place.lock.acquire(blocking=must_wait) and last is not None:
        return last[1]
    try:
        if place.last is None or place.last[0] != seen:
            place.last = seen, _diagnosed(run, run.settings, status, progress)
        return place.last[1]
    finally:
        place.lock.release()


def _diagnosed(run: Run, config: RunConfig, status: Status, progress: float) -> Diagnosis | None:
    diverged = status.state == "diverged"
    step = status.values.get("step", status.step)
    # Every step counts: thinned, with the lowest and the highest loss of each stretch, a curve looks noisier than it is.
    curve = curve_of(
        history.unsettled(run.folder), progress=progress, over=status.state == "finished",
        diverged_at=int(step) if diverged and isinstance(step, int | float) else None, training_tokens=_training_tokens(run),
    )  # fmt: skip
    return diagnose(config, curve)


def _training_tokens(run: Run) -> int | None:
    about = (read_object(run.corpora / run.digest / "corpus.json") or {}) if run.digest is not None else {}
    tokens = about.get("tokens")
    return tokens[0] if isinstance(tokens, list) and tokens and isinstance(tokens[0], int) else None
