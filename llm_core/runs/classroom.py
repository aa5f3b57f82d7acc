"""A class on one server: the codes that let somebody in, what each may use, and whether new runs may start.

One small file in the runs folder says it, `.classroom.json`; without it there is no class. The key that signs who is
who stands beside it in `.classroom.key`. Only the account of the server may read them. Both are made when a class opens
for the first time and stay, so that whoever has joined is still the same after a restart.
"""

import hmac
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from llm_core.config import MAXIMUM_PARAMETERS, MAXIMUM_SECONDS, MAXIMUM_STEPS, Config, parse, setting
from llm_core.errors import N_, UserError
from llm_core.runs.files import read_object, replace_json
from llm_core.runs.locks import alone
from llm_core.runs.owners import is_teacher

FILE = ".classroom.json"
KEY_FILE = ".classroom.key"
KEY_BYTES = 32
LOCK = ".classroom.lock"
LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""What codes are made of: no letter or digit that is taken for another when it is read from a board (i, l, o, 0, 1)."""
STUDENT_LETTERS, TEACHER_LETTERS = 6, 10
LONGEST_LINK = 2000

Role = Literal["student", "teacher"]
_CODE = rf"^[{LETTERS}]{{6,32}}$"


class Limits(Config):
    """What one student may use at a time. A teacher has no limits."""

    running: int = setting(1, N_("Running runs"), N_("How many runs of one person work at the same time."), ge=1, le=16)
    waiting: int = setting(3, N_("Waiting runs"), N_("How many more runs of one person may wait for their turn."), ge=0, le=100)  # fmt: skip
    parameters: int = setting(5_000_000, N_("Parameters of a model"), N_("How large the model of one run may be."), ge=1_000, le=MAXIMUM_PARAMETERS, logarithmic=True)  # fmt: skip
    steps: int = setting(5_000, N_("Steps of a run"), N_("How long one run may train."), ge=1, le=MAXIMUM_STEPS, unit=N_("steps"), logarithmic=True)  # fmt: skip
    seconds: int = setting(3_600, N_("Time of a run"), N_("How long one run may learn whose end is a time, as that of a race is."), ge=1, le=MAXIMUM_SECONDS, unit=N_("seconds"), logarithmic=True)  # fmt: skip
    megabytes: int = setting(1_000, N_("Disk"), N_("How much room all runs of one person may take together."), ge=1, le=1_000_000, unit=N_("MB"), logarithmic=True)  # fmt: skip


class Classroom(Config):
    """What a class is, as it stands in its file."""

    student_code: str = Field(pattern=_CODE)
    teacher_code: str = Field(pattern=_CODE)
    frozen: bool = False
    """Whether students may start no new run for now."""
    limits: Limits = Limits()
    shown: str | None = Field(default=None, max_length=LONGEST_LINK)
    """The page that the teacher shows to all: a link inside this program, such as `train?run=…`."""
    shown_times: int = Field(default=0, ge=0)
    """Counts what was shown, so that a browser knows a new one from the one that its reader has put away."""

    def limits_of(self, owner: str) -> Limits | None:
        """The limits that hold for this owner; None for one without limits: a teacher, or who sits at this computer."""
        return None if is_teacher(owner) else self.limits

    def frozen_for(self, owner: str) -> bool:
        """Whether this owner may start nothing new for now."""
        return self.frozen and not is_teacher(owner)

    def role_of(self, code: str) -> Role | None:
        """Whom a code lets in, None for a wrong one. Takes as long for a wrong code as for a right one.

        Capitals and spaces do not matter, so that a code can be typed as it was read aloud.
        """
        typed = re.sub(r"\s", "", code[:100]).lower().encode()
        teacher = hmac.compare_digest(typed, self.teacher_code.encode())
        student = hmac.compare_digest(typed, self.student_code.encode())
        return "teacher" if teacher else "student" if student else None


def read(root: Path) -> Classroom | None:
    """The class of a runs folder, None where there is none. Raises UserError where its file is damaged."""
    path = root / FILE
    values = read_object(path)
    if values is None:
        if path.exists():
            raise UserError("{file} says nothing of a class; take it away and start the class again.", file=str(path))
        return None
    return parse(Classroom, values)


def open_classroom(root: Path) -> Classroom:
    """The class of a runs folder, made with new codes and a new key where there is none.

    Raises UserError where its file is damaged, or where it cannot be written.
    """
    with _alone(root):
        found = read(root)
        if found is not None:
            return found
        made = Classroom(student_code=_code(STUDENT_LETTERS), teacher_code=_code(TEACHER_LETTERS))
        (root / KEY_FILE).unlink(missing_ok=True)
        _write(root, made)
        return made


def key(root: Path) -> bytes:
    """The key that signs who is who in a class, 32 bytes; made when it is asked for first, with mode 0600.

    Raises UserError where it cannot be read or made, or where it is no key.
    """
    path = root / KEY_FILE
    if not path.exists():
        with _alone(root):
            if not path.exists():
                _make_key(path)
    try:
        found = path.read_bytes()
    except OSError as error:
        raise _unwritable(root, error) from None
    if len(found) != KEY_BYTES:
        raise UserError("{file} is no key; take it away and start the class again.", file=str(path))
    return found


def change(root: Path, owner: str, **changes: Any) -> Classroom:
    """Change the class: `frozen`, `limits`, `shown`, the codes. Only a teacher may.

    Raises UserError where `owner` may not, where there is no class, where a value is out of its range, or where the
    file cannot be written.
    """
    if not is_teacher(owner):
        raise UserError("Only the teacher may change the class.")
    with _alone(root):
        found = read(root)
        if found is None:
            raise UserError("There is no class in {folder}.", folder=str(root))
        if "shown" in changes:
            changes = changes | {"shown_times": found.shown_times + 1}
        values = found.model_dump(mode="json") | {
            name: value.model_dump(mode="json") if isinstance(value, Config) else value
            for name, value in changes.items()
        }
        changed = parse(Classroom, values)
        _write(root, changed)
        return changed


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """While the files of the class are made or changed; two servers may stand on one folder. Raises UserError where they
    cannot be."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        with alone(root / LOCK):
            yield
    except OSError as error:
        raise _unwritable(root, error) from None


def _write(root: Path, classroom: Classroom) -> None:
    replace_json(root / FILE, classroom.model_dump(mode="json"), durable=True, private=True)


def _make_key(path: Path) -> None:
    """Written beside its place, so that whoever is killed leaves no empty key. Raises OSError."""
    beside = path.with_name(f"{path.name}.new")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o600)
    try:
        os.write(handle, secrets.token_bytes(KEY_BYTES))
        os.fsync(handle)
    finally:
        os.close(handle)
    beside.replace(path)


def _code(letters: int) -> str:
    return "".join(secrets.choice(LETTERS) for _ in range(letters))


def _unwritable(root: Path, error: OSError) -> UserError:
    reason = error.strerror or str(error)
    return UserError("The class in {folder} cannot be kept: {reason}.", folder=str(root), reason=reason)
