"""Whether this server serves a class, and how that class stands."""

import os
from functools import cache
from pathlib import Path

from llm_core.errors import UserError
from llm_core.runs import classroom as kept
from llm_core.runs.classroom import Classroom
from pages.ui.state import store

VARIABLE = "TERRARIUM_CLASSROOM"
_known: dict[Path, tuple[tuple[int, int, int], Classroom]] = {}


def in_class() -> bool:
    """Whether this server lets nobody in without a code."""
    return os.environ.get(VARIABLE) == "1"


def open_class() -> Classroom:
    """The class of this server, made with its key where there is none. Raises UserError where that cannot be."""
    opened = kept.open_classroom(store().root)
    key()
    return opened


def classroom() -> Classroom:
    """The class of this server. Raises UserError where its file is damaged or gone: then nobody is let in."""
    root = store().root
    try:
        about = (root / kept.FILE).stat()
    except OSError:
        raise UserError("There is no class in {folder}.", folder=str(root)) from None
    stamp = about.st_mtime_ns, about.st_size, about.st_ino
    known = _known.get(root)
    if known is None or known[0] != stamp:
        found = kept.read(root)
        if found is None:
            raise UserError("There is no class in {folder}.", folder=str(root))
        known = _known[root] = stamp, found
    return known[1]


def key() -> bytes:
    """The key that signs who is who here, read once. Raises UserError where there is none to be had."""
    return _key(store().root)


@cache
def _key(root: Path) -> bytes:
    return kept.key(root)
