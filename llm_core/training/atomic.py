"""Writing folders and files so that a crash at any moment leaves either the old or the new, never a half.

A folder is written beside its place under a temporary name: its files first, each flushed to the disk, then a manifest
with their sizes and SHA-256, then the folder itself is flushed, renamed into place, and its parent flushed. Only after
that is it said to exist. Knows bytes and paths, no model and no torch, so that a test can kill it in a small process.
"""

import errno
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from llm_core.errors import RunFailed

MANIFEST = "manifest.json"
_TEMPORARY, _ASIDE = ".writing-", ".replaced-"
_CHUNK = 1 << 20
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class DiskFull(RunFailed):
    """There is no room for what is to be written; nothing that stood before was touched."""


class Damaged(RunFailed):
    """A folder whose manifest is missing, unreadable, or at odds with its files."""


def write_folder(parent: Path, name: str, files: Mapping[str, bytes]) -> Path:
    """Write `files` as the folder `parent/name` and return its path once it is safe on the disk.

    A folder of that name is replaced: set aside, and removed when the new one stands (`sweep` puts it back if the
    process died between the two). Only one process may write in a parent at a time; the run's lock sees to that.

    Raises DiskFull when there is less than three times the room (or the disk fills up meanwhile), RunFailed when the
    system refuses; in both cases nothing is left behind and what stood before still stands.
    """
    target = parent / name
    temporary = parent / f"{_TEMPORARY}{name}-{secrets.token_hex(4)}"
    size = sum(map(len, files.values()))
    try:
        parent.mkdir(parents=True, exist_ok=True)
        _require_room(parent, 3 * size)
        temporary.mkdir()
        for file, content in files.items():
            _write(temporary / file, content)
        _write(temporary / MANIFEST, _manifest(files))
        _flush_folder(temporary)
        _put(temporary, target)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        with suppress(OSError):
            _put_back(parent)
        raise _explain(error, parent, size) from error
    return target


def verify(folder: Path) -> frozenset[str]:
    """The names of the files of a whole folder. Raises Damaged when a byte is missing, changed or too many."""
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        names = frozenset(manifest["files"])
        for name, expected in manifest["files"].items():
            path = folder / name
            if path.parent != folder or path.stat().st_size != expected["bytes"] or _digest(path) != expected["sha256"]:
                raise Damaged("{folder} is damaged: {file} is not as it was written.", folder=str(folder), file=name)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Damaged("{folder} is damaged: {reason}.", folder=str(folder), reason=str(error)) from error
    return names


def sweep(parent: Path) -> None:
    """Clear what a killed writer left in `parent`, and put back a folder it had set aside.

    Only for the process that holds the run's lock: another writer's unfinished folder looks the same.
    """
    if not parent.is_dir():
        return
    _put_back(parent)
    for leftover in parent.glob(f"{_TEMPORARY}*"):
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)


def _put(temporary: Path, target: Path) -> None:
    aside = target.with_name(f"{_ASIDE}{target.name}")
    if target.exists():  # a folder cannot be renamed onto one that has files
        if aside.exists():
            shutil.rmtree(aside)
        target.rename(aside)
    temporary.rename(target)
    _flush_folder(target.parent)
    shutil.rmtree(aside, ignore_errors=True)


def _put_back(parent: Path) -> None:
    for aside in parent.glob(f"{_ASIDE}*"):
        target = aside.with_name(aside.name.removeprefix(_ASIDE))
        if target.exists():
            shutil.rmtree(aside, ignore_errors=True)
        else:
            aside.rename(target)


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o644)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(descriptor, view[:_CHUNK]) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _flush_folder(folder: Path) -> None:
    if os.name == "nt":  # Windows cannot open a folder to flush it; its file system journals names by itself
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _manifest(files: Mapping[str, bytes]) -> bytes:
    entries = {
        name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()} for name, content in files.items()
    }
    return json.dumps({"files": entries}, indent=1).encode()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _require_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise DiskFull(
            "The disk is full: {needed} MB are needed and {free} MB are free in {folder}. Free some space and resume.",
            needed=-(-needed // 1_000_000), free=free // 1_000_000, folder=str(folder),
        )  # fmt: skip


def _explain(error: OSError, folder: Path, size: int) -> RunFailed:
    if error.errno in _NO_SPACE:
        return DiskFull(
            "The disk became full while {size} MB were written in {folder}. Free some space and resume.",
            size=-(-size // 1_000_000), folder=str(folder),
        )  # fmt: skip
    return RunFailed("Could not write in {folder}: {reason}.", folder=str(folder), reason=error.strerror or str(error))
