"""The records of a run as lines of JSON: written once, never changed, readable while they grow.

A line that a crash tore is skipped. A resumed run appends `{"resumed_at": N}`: what was recorded after step N happened
in a life that did not last, and `settle` drops it. Offsets are bytes at line ends, so that a reader can go on later.
"""

import dataclasses
import json
import math
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

Row = dict[str, Any]

FILE = "history.jsonl"
HEAVY = ("layers", "text", "sample")
"""The kinds of rows that hold many numbers or much text, each about as large as ten steps."""
MOST_HEAVY = 120
_CAPITALS = re.compile(r"(?<=.)([A-Z])")


class History:
    """The writing end. One process at a time: the worker that holds the run's lock."""

    def __init__(self, folder: Path) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
        self._handle = os.open(folder / FILE, flags, 0o644)
        if os.lseek(self._handle, 0, os.SEEK_END):
            os.lseek(self._handle, -1, os.SEEK_END)
            if os.read(self._handle, 1) != b"\n":
                self._write(b"\n")  # ends a line that a crash tore, so that the next one stands alone

    def append(self, row: Row) -> None:
        """Add one line. Raises OSError, ENOSPC above all, when it cannot be written whole."""
        line = json.dumps(_finite(row), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        self._write(line.encode("utf-8", "replace") + b"\n")

    def _write(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._handle, data) :]

    def sync(self) -> None:
        """Wait until all lines are on the disk."""
        os.fsync(self._handle)

    def close(self) -> None:
        os.close(self._handle)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def row_of(record: Any) -> Row:
    """A record (a dataclass) as a row: `kind` is the name of its class, as in fixed_text, and then its fields."""
    return {"kind": _CAPITALS.sub(r"_\1", type(record).__name__).lower(), **dataclasses.asdict(record)}


def _finite(value: Any) -> Any:
    """JSON has no NaN or infinity; what is not a finite number is written as null."""
    if isinstance(value, dict):
        return {name: _finite(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def read(folder: Path, offset: int = 0, most: int = 64_000_000) -> tuple[list[Row], int]:
    """Whole lines from a byte offset on, at most `most` bytes, and the offset to go on from. Not yet settled.

    A last line without its end is left for the next time; a broken one is skipped. A missing file has no rows, and an
    offset beyond the end reads nothing and answers with the end.
    """
    try:
        with (folder / FILE).open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            if not 0 <= offset <= size:
                return [], size
            file.seek(offset)
            data = file.read(most)
    except OSError:
        return [], 0
    whole = data.rfind(b"\n") + 1
    return rows_of(data[:whole]), offset + whole


def rows_of(data: bytes) -> list[Row]:
    """The rows in whole lines; a broken line is skipped."""
    lines = data.splitlines()
    try:  # all at once takes less than half of the time
        rows = json.loads(b"[" + b",".join(lines) + b"]")
    except (ValueError, RecursionError):
        rows = []
    if len(rows) != len(lines):
        rows = [_row(line) for line in lines]
    return [row for row in rows if isinstance(row, dict)]


def _row(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def settle(rows: Iterable[Row]) -> list[Row]:
    """Drop what a resumed run has taken back. The marks of resuming stay, for readers that hold older rows."""
    settled: list[Row] = []
    for row in rows:
        mark = row.get("resumed_at")
        if isinstance(mark, int):
            settled = [old for old in settled if not _after(old, mark)]
        settled.append(row)
    return settled


def _after(row: Row, step: int) -> bool:
    value = row.get("step")
    return isinstance(value, int) and value > step


def records(folder: Path) -> list[Row]:
    """All settled rows of a run."""
    return settle(unsettled(folder))


def unsettled(folder: Path, at_once: int = 8_000_000) -> Iterator[Row]:
    """All rows of a run as they stand in its file, for who need not hold them all. at_once: bytes that are, more than any
    line has."""
    offset = 0
    while True:
        rows, following = read(folder, offset, at_once)
        yield from rows
        if following <= offset:
            return
        offset = following


def decimate(rows: list[Row], most: int = 2000) -> list[Row]:
    """At most about `most` rows that draw the same curve: first, last, and each stretch's lowest and highest loss.

    Steps give way first; evaluations are thinned evenly only when they alone are more than half of `most`, and what
    there is only once stays. Of each heavy kind at most about 120 rows stay in any case (`thin_heavy`).
    """
    rows = thin_heavy(rows)
    if len(rows) <= most:
        return rows
    steps = [i for i, row in enumerate(rows) if row.get("kind") == "step"]
    others = [i for i, row in enumerate(rows) if row.get("kind") != "step"]
    single = {i for i in others if rows[i].get("kind") not in ("evaluation", *HEAVY)}
    if len(others) > most // 2:
        others = [others[round(i * (len(others) - 1) / (most // 2 - 1))] for i in range(most // 2)]
    kept = single | set(others) if len(single) < most // 4 else set(others)
    stretches = max(1, (most - len(others) - 2) // 2)
    if len(steps) <= 2 * stretches + 2:
        kept.update(steps)
    else:
        kept.update((steps[0], steps[-1]))
        for number in range(stretches):
            part = steps[number * len(steps) // stretches : (number + 1) * len(steps) // stretches]
            kept.add(min(part, key=lambda i: _loss(rows[i], math.inf)))
            kept.add(max(part, key=lambda i: _loss(rows[i], -math.inf)))
    return [rows[i] for i in sorted(kept)]


def thin_heavy(rows: list[Row], most: int = MOST_HEAVY) -> list[Row]:
    """The same rows with about `most` of each heavy kind at most: those of steps spread evenly on a scale of square
    roots, for early steps differ more than late ones. The first and the last step stay, and a step stays or goes with
    all of its rows of a kind. Thinned again after more rows have come, old and new ones are spread alike.
    """
    gone: set[tuple[Any, Any]] = set()
    for kind in HEAVY:
        of_kind = [row["step"] for row in rows if row.get("kind") == kind and isinstance(row.get("step"), int)]
        steps = sorted(set(of_kind))
        if len(of_kind) > most:
            room = max(2, most * len(steps) // len(of_kind))
            gone.update((kind, step) for step in set(steps).difference(_spread(steps, room)))
    return [row for row in rows if (row.get("kind"), row.get("step")) not in gone] if gone else rows


def _spread(steps: list[int], most: int) -> list[int]:
    """About so many of these ascending steps, no two of them close: each stands alone in its stretch of the scale."""
    first, last = math.sqrt(max(0, steps[0])), math.sqrt(max(0, steps[-1]))
    width = max(1e-9, (last - first) / (most - 1))
    kept = {round((math.sqrt(max(0, step)) - first) / width): step for step in reversed(steps)}
    return sorted({*kept.values(), steps[-1]})


def _loss(row: Row, missing: float) -> float:
    value = row.get("loss")
    return float(value) if isinstance(value, (int, float)) else missing
