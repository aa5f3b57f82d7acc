"""Who asks: every run has an owner, and only they or a teacher may change it.

An owner is a short text. Nobody types one: `LOCAL` is whoever sits at this computer, and in a class the server makes one
for each browser and signs it.
"""

import re

from llm_core.errors import UserError
from llm_core.runs.run import Run

LOCAL = "local"
"""Who sits at this computer, on a server without a class and on the command line: may change every run here."""
TEACHER = "teacher-"
STUDENT = "student-"
"""What the owner of a browser in a class begins with; 16 hex characters follow."""

_OWNER = re.compile(r"(?:teacher|student)-[0-9a-f]{16}")


def is_owner(text: str) -> bool:
    """Whether this can be an owner at all."""
    return text == LOCAL or _OWNER.fullmatch(text) is not None


def is_teacher(owner: str) -> bool:
    """Whether this owner may change what is another's."""
    return owner == LOCAL or (owner.startswith(TEACHER) and is_owner(owner))


def may_change(run: Run, owner: str) -> bool:
    """Whether this owner may stop, rename or delete the run."""
    return run.problem is None and not run.read_only and (run.owner == owner or is_teacher(owner))


def refuse_stranger(run: Run, owner: str) -> None:
    """Raises UserError where the run is broken or read-only, or where this owner may not change it."""
    if run.problem is not None:
        raise run.problem
    if run.read_only:
        raise UserError("Run {run} is read-only.", run=run.id)
    if not may_change(run, owner):
        raise UserError("Run {run} belongs to {owner}; only they may change it.", run=run.id, owner=run.owner)
