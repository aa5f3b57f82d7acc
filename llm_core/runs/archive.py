"""A run leaves as a zip: its files, those of its children, and the texts that people brought, so that it can go on.

Everything that leaves can come in again (`llm_core.runs.unpacked_run`): where all steps are more than is taken in, the
oldest stay behind.
"""

import contextlib
import json
import os
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from llm_core.data.corpora import CORPORA
from llm_core.data.table_examples import EXAMPLES
from llm_core.errors import UserError
from llm_core.runs.files import read_object
from llm_core.runs.history import FILE as HISTORY
from llm_core.runs.names import CHILDREN
from llm_core.runs.run import Run
from llm_core.runs.unpacking import MOST_BYTES, MOST_ENTRIES
from llm_core.training.atomic import MANIFEST

TEXTS = "texts"
"""The folder in the zip where texts stand that people brought, each in one named by its digest."""
_CHUNK = 1 << 18
_MARGIN = 0.97
_STEP = r"steps/[0-9]{8}/(?:model\.safetensors|model\.json|optimizer\.safetensors|state\.json|manifest\.json)"
_OWN = (
    r"run\.json|name\.txt|tags\.json|status\.json|history\.jsonl|tokenizer\.json|corpus\.json|labels\.json|card\.json"
    r"|writing\.json|heads\.jsonl|split\.json|result\.json|predictions\.safetensors"
    r"|classifier/(?:manifest\.json|classifier\.json|arrays\.safetensors)"
    rf"|opened/[0-9]{{8}}\.json|{_STEP}"
)
OF_A_RUN = re.compile(rf"(?:{CHILDREN}/[0-9a-f]{{16}}/)?(?:{_OWN})")
"""Where the files of a run stand in its folder: no others leave it, and no others come in."""
OF_A_TEXT = re.compile(rf"{TEXTS}/[0-9a-f]{{32}}/[A-Za-z0-9._-]{{1,100}}")
FILE_KEYS = ("corpus", "file", "test_file")
"""Settings that name a text or a table: one that comes with the program, or a file."""


def refuse_part(run: Run) -> None:
    """Raises UserError for a broken run, and for one that is nothing without another."""
    if run.problem is not None:
        raise run.problem
    about = getattr(run.settings, "run", None) or getattr(run.settings, "race", None)
    if isinstance(about, str):
        raise UserError("Run {run} is about run {other} and nothing without it; take that one along.", run=run.id, other=about)  # fmt: skip


def export(run: Run, *, texts: bool = True) -> Iterator[bytes]:
    """The zip of a run in pieces, as its files are read. `texts`: with the texts that were brought for it.

    Raises UserError at once for a run that cannot leave.
    """
    refuse_part(run)
    return _zipped({f"{run.id}/{place}": path for place, path in _chosen(run, texts).items()})


def texts_of(run: Run) -> dict[str, Path]:
    """The texts that people have brought for a run, by their places in the zip."""
    imported = (run.corpora / "imported").resolve()
    found = {}
    for folder in (run.folder, *_children(run)):
        for value in named_files((read_object(folder / "run.json") or {}).get("config")):
            path = Path(value)
            if path.is_file() and path.resolve().is_relative_to(imported):
                place = f"{TEXTS}/{path.parent.name}/{path.name}"
                if OF_A_TEXT.fullmatch(place):
                    found[place] = path
    return found


def named_files(config: Any) -> Iterator[str]:
    """The texts and tables that settings name, but for those that come with the program."""
    if isinstance(config, Mapping):
        for name, value in config.items():
            if name in FILE_KEYS and isinstance(value, str):
                if value not in CORPORA and value not in EXAMPLES:
                    yield value
            else:
                yield from named_files(value)


def _chosen(run: Run, texts: bool) -> dict[str, Path]:
    """Which files go, by their places in the zip; of the steps the newest that fit."""
    whole = {
        place: path
        for path in run.folder.rglob("*")
        if OF_A_RUN.fullmatch(place := path.relative_to(run.folder).as_posix())
        and path.is_file() and not path.is_symlink()
    }  # fmt: skip
    whole |= texts_of(run) if texts else {}
    steps: dict[PurePosixPath, dict[str, Path]] = {}
    chosen, size = {}, 0
    for place, path in sorted(whole.items()):
        inside = PurePosixPath(place)
        if inside.parent.parent.name == "steps":
            steps.setdefault(inside.parent, {})[place] = path
        else:
            chosen[place] = path
            size += _size(path)
    for folder in sorted(steps, key=lambda one: (one.name, str(one)), reverse=True):
        files = steps[folder]
        more = sum(map(_size, files.values()))
        if size + more > _MARGIN * MOST_BYTES or len(chosen) + len(files) > _MARGIN * MOST_ENTRIES:
            continue
        chosen |= files
        size += more
    if len(chosen) > MOST_ENTRIES:
        raise UserError("Run {run} has {count:,} files even without its checkpoints; at most {limit:,} can be brought in again.", run=run.id, count=len(chosen), limit=MOST_ENTRIES)  # fmt: skip
    if size > _MARGIN * MOST_BYTES:
        raise UserError("Run {run} is larger than what can be brought in again: {limit:,} bytes.", run=run.id, limit=MOST_BYTES)  # fmt: skip
    return chosen


def _size(path: Path) -> int:
    """Bytes of a file, 0 where its worker has just removed it."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _children(run: Run) -> list[Path]:
    place = run.folder / CHILDREN
    return [folder for folder in place.iterdir() if folder.is_dir()] if place.is_dir() else []


class _Sink:
    """Where the zip is written: it keeps what has not been handed on yet, and cannot go back."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        pass

    def take(self) -> bytes:
        found, self._pieces = b"".join(self._pieces), []
        return found


def _zipped(files: Mapping[str, Path]) -> Iterator[bytes]:
    sink = _Sink()
    with zipfile.ZipFile(sink, "w") as archive:  # type: ignore[call-overload]
        for group in _together(files):
            with contextlib.ExitStack() as opened:
                for place, source in _opened(group, opened).items():
                    entry = zipfile.ZipInfo(place, (1980, 1, 1, 0, 0, 0))
                    # Weights hardly shrink, and would keep the processor busy.
                    entry.compress_type = zipfile.ZIP_STORED if place.endswith(".safetensors") else zipfile.ZIP_DEFLATED
                    left = os.fstat(source.fileno()).st_size
                    if place.endswith(HISTORY):
                        left = _whole_lines(source, left)
                    with archive.open(entry, "w") as target:
                        while left > 0 and (chunk := source.read(min(_CHUNK, left))):
                            left -= len(chunk)
                            target.write(chunk)
                            yield sink.take()
    yield sink.take()


def _together(files: Mapping[str, Path]) -> Iterator[dict[str, Path]]:
    """The files one by one, but those of a checkpoint at once."""
    checkpoints: dict[PurePosixPath, dict[str, Path]] = {}
    for place, path in files.items():
        folder = PurePosixPath(place).parent
        if folder.parent.name == "steps":
            checkpoints.setdefault(folder, {})[place] = path
        else:
            yield {place: path}
    yield from checkpoints.values()


def _opened(group: Mapping[str, Path], stack: contextlib.ExitStack) -> dict[str, BinaryIO]:
    """The files, open. Nothing where one has gone meanwhile, or where they are not of one and the same checkpoint: its
    worker may just be replacing it by a smaller one. What is open stays readable after that."""
    folder = next(iter(group.values())).parent
    try:
        if folder.parent.name != "steps":
            return {place: stack.enter_context(path.open("rb")) for place, path in group.items()}
        written = (folder / MANIFEST).read_bytes()
        sizes = {name: entry["bytes"] for name, entry in json.loads(written)["files"].items()} | {
            MANIFEST: len(written)
        }
        files: dict[str, BinaryIO] = {
            place: stack.enter_context(path.open("rb")) for place, path in group.items() if path.name in sizes
        }
        found = {PurePosixPath(place).name: os.fstat(file.fileno()).st_size for place, file in files.items()}
        same = found == sizes and (folder / MANIFEST).read_bytes() == written
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
    return files if same else {}


def _whole_lines(file: BinaryIO, size: int) -> int:
    """Up to where a history that may be growing consists of whole lines."""
    start = max(0, size - 1_000_000)
    file.seek(start)
    end = start + file.read(size - start).rfind(b"\n") + 1
    file.seek(0)
    return end
