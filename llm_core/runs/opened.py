"""Steps that were taken apart while they happened: one file each in a run's folder, `opened/00000012.json`.

The worker writes them before the history names them; readers find them by the step.
"""

import contextlib
import dataclasses
import re
from pathlib import Path
from typing import Any

from llm_core.runs.files import read_object, replace_json
from llm_core.training.records import Opened

FOLDER = "opened"
MOST = 48
"""So many are kept, the latest steps: a few megabytes a run."""
_FILE = re.compile(r"([0-9]{8})\.json")


def keep(folder: Path, record: Opened) -> None:
    """Write an opened step into the run's folder, and remove the earliest where there are too many.

    Raises OSError, ENOSPC above all, with nothing torn.
    """
    place = folder / FOLDER
    place.mkdir(exist_ok=True)
    replace_json(_path(folder, record.step), dataclasses.asdict(record))
    for step in steps(folder)[:-MOST]:
        _remove(folder, step)


def steps(folder: Path) -> list[int]:
    """The steps of a run that were opened, ascending."""
    try:
        names = [_FILE.fullmatch(path.name) for path in (folder / FOLDER).iterdir()]
    except OSError:
        return []
    return sorted(int(match[1]) for match in names if match)


def read(folder: Path, step: int) -> dict[str, Any] | None:
    """An opened step as it was written (the fields of `Opened`); None where it was not opened or is not kept."""
    return read_object(_path(folder, step)) if 0 <= step < 10**8 else None


def take_back(folder: Path, step: int | None) -> None:
    """Remove what was opened after the step that a run goes on from; None: all of it."""
    for later in steps(folder):
        if step is None or later > step:
            _remove(folder, later)


def _path(folder: Path, step: int) -> Path:
    return folder / FOLDER / f"{step:08d}.json"


def _remove(folder: Path, step: int) -> None:
    with contextlib.suppress(OSError):  # another tab may be reading it
        _path(folder, step).unlink()
