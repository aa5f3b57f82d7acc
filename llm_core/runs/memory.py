"""How much memory a worker may take."""

import contextlib
from pathlib import Path

import psutil

SHARE = 0.8
"""How much of a computer's memory one worker may take."""


def limit_memory() -> None:
    """Let a model that is too large fail with an error of its own, before the system ends some process or other.

    For the whole process, and for good. A narrower limit that somebody has set stays.
    """
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    if Path("/dev/nvidiactl").exists():  # CUDA maps far more memory than it uses
        return
    limit = int(psutil.virtual_memory().total * SHARE)
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if soft == resource.RLIM_INFINITY or soft > limit:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
