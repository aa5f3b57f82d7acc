"""What a person is told of work that failed: one sentence, with the rest in the run's log."""

import traceback
from pathlib import Path
from typing import Any

from llm_core.errors import N_, RunFailed, UserError
from llm_core.runs.files import is_disk_full
from llm_core.training import atomic

_NO_MEMORY = ("can't allocate memory", "out of memory", "not enough memory")


def is_full(error: Exception) -> bool:
    """Whether the disk is full: nothing is wrong with the work, and it can go on when there is room."""
    return isinstance(error, atomic.DiskFull) or is_disk_full(error)


def sentence_of(error: Exception, log: Path) -> UserError:
    """What to say of an error; one that nobody expected leaves its trace in the file `log`."""
    if isinstance(error, atomic.DiskFull):
        return error
    if is_disk_full(error):
        return RunFailed(N_("The disk is full. Free some space and resume; the last checkpoint is safe."))
    if isinstance(error, UserError):
        return error
    if isinstance(error, MemoryError) or any(words in str(error) for words in _NO_MEMORY):
        return RunFailed(N_("Memory ran out. Make the model, the batch or the context smaller."))
    _write(error, log)
    return RunFailed(N_("The worker failed: {error}. The details are in log.txt."), error=f"{type(error).__name__}: {error}"[:300])  # fmt: skip


def plain(values: dict[str, Any]) -> dict[str, int | float | str]:
    """The values of a sentence as a file can hold them."""
    return {key: value if isinstance(value, int | float | str) else str(value) for key, value in values.items()}


def _write(error: Exception, log: Path) -> None:
    try:
        with log.open("a", encoding="utf-8", errors="replace") as file:
            file.writelines(traceback.format_exception(error))
    except OSError:
        traceback.print_exception(error)
