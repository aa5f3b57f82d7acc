"""The diagnosis of a run, worked out anew only when its curve has grown by a hundredth: many may watch it."""

import threading
from collections import OrderedDict
from pathlib import Path

from llm_core.config import RunConfig
from llm_core.evaluate.diagnosis import Diagnosis, curve_of, diagnose
from llm_core.runs import history
from llm_core.runs.files import read_object
from llm_core.runs.run import Run
from llm_core.runs.status import Status

_KEPT = 200
_known: OrderedDict[Path, tuple[tuple[object, ...], Diagnosis | None]] = OrderedDict()
_lock = threading.Lock()


def diagnosed(run: Run, status: Status) -> Diagnosis | None:
    """What the curve of a training says; None for a run that trains nothing, or has not begun."""
    if not isinstance(run.settings, RunConfig) or status.step == 0 or status.state in ("waiting", "preparing"):
        return None
    progress = _progress(run.settings, status)
    seen = (status.state, int(100 * progress), status.step if not status.under_way else 0)
    with _lock:
        before = _known.get(run.folder)
        if before is not None and before[0] == seen:
            _known.move_to_end(run.folder)
            return before[1]
        found = _diagnosed(run, run.settings, status, progress)
        _known[run.folder] = seen, found
        while len(_known) > _KEPT:
            _known.popitem(last=False)
        return found


def _diagnosed(run: Run, config: RunConfig, status: Status, progress: float) -> Diagnosis | None:
    diverged = status.state == "diverged"
    step = status.values.get("step", status.step)
    curve = curve_of(
        history.decimate(history.records(run.folder)), progress=progress, over=status.state == "finished",
        diverged_at=int(step) if diverged and isinstance(step, int | float) else None, training_tokens=_training_tokens(run),
    )  # fmt: skip
    return diagnose(config, curve)


def _progress(config: RunConfig, status: Status) -> float:
    if status.state == "finished":
        return 1.0
    seconds = config.training.seconds
    return min(1.0, status.step / config.training.steps if seconds is None else status.seconds / seconds)


def _training_tokens(run: Run) -> int | None:
    about = (read_object(run.corpora / run.digest / "corpus.json") or {}) if run.digest is not None else {}
    tokens = about.get("tokens")
    return tokens[0] if isinstance(tokens, list) and tokens and isinstance(tokens[0], int) else None
