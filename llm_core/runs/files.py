"""Small files that several processes share: replaced whole or not at all, read without trusting them."""

import contextlib
import errno
import itertools
import json
import math
import os
import re
from pathlib import Path
from typing import Any

import psutil

_TEMPORARY = re.compile(r"\..+\.(\d+)-\d+\.temp")
_serial = itertools.count()


def replace_text(path: Path, text: str, *, durable: bool = False, private: bool = False) -> None:
    """Put `text` in place of what `path` holds, so that a reader sees the old or the new, never a part.

    `durable` waits until it is on the disk; `private` lets no other account of this computer read it. Raises OSError,
    with the old file untouched and no temporary left.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{next(_serial)}.temp")
    try:
        if private:
            temporary.touch(mode=0o600)
        with temporary.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def replace_json(path: Path, value: object, *, durable: bool = False, private: bool = False) -> None:
    """`replace_text` with strict JSON; raises ValueError for NaN and infinity, which JSON does not have."""
    replace_text(path, json.dumps(value, ensure_ascii=False, allow_nan=False), durable=durable, private=private)


def read_object(path: Path) -> dict[str, Any] | None:
    """The JSON object in a file; None where it is missing, unreadable, broken or something else."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def sweep(folder: Path) -> None:
    """Remove temporary files that processes now dead have left in a folder; those of living ones stay."""
    for path in folder.iterdir():
        match = _TEMPORARY.fullmatch(path.name)
        if match and path.is_file() and not psutil.pid_exists(int(match[1])):
            with contextlib.suppress(OSError):
                path.unlink()


def size_of(folder: Path) -> int:
    """Bytes of all files in a folder and below it; links are not followed. What vanishes meanwhile counts nothing."""
    total = 0
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                inside = entry.is_dir(follow_symlinks=False)
                total += size_of(Path(entry.path)) if inside else entry.stat(follow_symlinks=False).st_size
    return total


def is_disk_full(error: BaseException | None) -> bool:
    """Whether an error, or one it came from, says that no room is left on the disk or in the quota."""
    full = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
    while error is not None:
        if isinstance(error, OSError) and error.errno in full:
            return True
        error = error.__cause__ or error.__context__
    return False


def moment(value: object) -> float:
    """A time in seconds as a file tells it; 0 where it tells none, or no finite one."""
    try:
        seconds = float(value) if isinstance(value, (int, float)) else 0.0
    except OverflowError:
        return 0.0
    return seconds if math.isfinite(seconds) else 0.0
