"""A class for tests: a store that is one, and the passes of its people."""

import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from llm_core.runs import classroom
from llm_core.runs.classroom import Classroom
from pages.ui import who
from pages.ui.classroom import passes, standing

TEACHER = "teacher-00000000000000aa"
STUDENT = "student-00000000000000bb"
OTHER = "student-00000000000000cc"


def open_class(root: Path, patch: pytest.MonkeyPatch) -> Classroom:
    """Make the store that pages and routes see a class."""
    patch.setenv(standing.VARIABLE, "1")
    return classroom.open_classroom(root)


def cookies(root: Path, owner: str, seconds: float = 60) -> dict[str, str]:
    """What the browser of this owner sends."""
    opened = classroom.read(root)
    assert opened is not None
    key = classroom.key(root)
    return {passes.cookie_name(key): passes.sign(owner, int(time.time() + seconds), key, opened)}


def sit_at(patch: pytest.MonkeyPatch, sent: Mapping[str, str]) -> None:
    """Pages run for a browser that sends these cookies."""
    patch.setattr(who, "_cookies", lambda: sent)
