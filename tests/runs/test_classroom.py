"""What a class is, in its file: made once, kept, and changed by a teacher only."""

import json
import stat
from pathlib import Path

import pytest

from llm_core.errors import UserError
from llm_core.runs import classroom, locks
from llm_core.runs.classroom import KEY_FILE, LETTERS, Limits
from llm_core.runs.owners import LOCAL

TEACHER = "teacher-0123456789abcdef"
STUDENT = "student-0123456789abcdef"


def test_without_its_file_there_is_no_class(tmp_path: Path) -> None:
    assert classroom.read(tmp_path) is None
    assert not list(tmp_path.iterdir())


def test_a_class_keeps_its_codes_and_its_key_when_it_opens_again(tmp_path: Path) -> None:
    first, key = classroom.open_classroom(tmp_path), classroom.key(tmp_path)
    assert (classroom.open_classroom(tmp_path), classroom.key(tmp_path)) == (first, key)
    assert classroom.read(tmp_path) == first
    assert len(key) == 32


def test_codes_differ_between_classes_and_hold_nothing_that_is_taken_for_another(tmp_path: Path) -> None:
    made = [classroom.open_classroom(tmp_path / str(number)) for number in range(30)]
    codes = [code for each in made for code in (each.student_code, each.teacher_code)]
    assert len(set(codes)) == 60
    assert set("".join(codes)) <= set(LETTERS)
    assert not set("il1o0") & set(LETTERS)
    assert len(LETTERS) ** min(map(len, codes)) > 500_000_000


def test_no_other_account_of_the_computer_reads_codes_or_key(tmp_path: Path) -> None:
    classroom.open_classroom(tmp_path)
    classroom.key(tmp_path)
    classroom.change(tmp_path, TEACHER, frozen=True)
    for name in (classroom.FILE, KEY_FILE):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_another_server_that_changes_the_class_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "PATIENCE", 0.0)
    deeds = (classroom.open_classroom, lambda root: classroom.change(root, TEACHER, frozen=True), classroom.key)
    for deed in deeds:
        with locks.alone(tmp_path / classroom.LOCK), pytest.raises(UserError, match="cannot be kept"):
            deed(tmp_path)
        deed(tmp_path)


def test_whoever_is_killed_while_a_key_is_made_leaves_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(count: int) -> bytes:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("secrets.token_bytes", killed)
        with pytest.raises(KeyboardInterrupt):
            classroom.key(tmp_path)
    assert len(classroom.key(tmp_path)) == 32


def test_a_class_that_is_made_anew_has_another_key(tmp_path: Path) -> None:
    classroom.open_classroom(tmp_path)
    key = classroom.key(tmp_path)
    (tmp_path / classroom.FILE).unlink()
    classroom.open_classroom(tmp_path)
    assert classroom.key(tmp_path) != key


def test_a_teacher_changes_the_class_and_a_student_does_not(tmp_path: Path) -> None:
    opened = classroom.open_classroom(tmp_path)
    for stranger in (STUDENT, "", "teacher", "teacher-x", "TEACHER-0123456789abcdef"):
        with pytest.raises(UserError, match="Only the teacher"):
            classroom.change(tmp_path, stranger, frozen=True)
    assert classroom.read(tmp_path) == opened
    for teacher in (TEACHER, LOCAL):
        changed = classroom.change(tmp_path, teacher, frozen=True, limits=Limits(steps=77))
        assert changed == classroom.read(tmp_path)
        assert (changed.frozen, changed.limits.steps, changed.student_code) == (True, 77, opened.student_code)


@pytest.mark.parametrize(
    "change",
    [{"limits": {"steps": 0}}, {"limits": {"running": 1, "gold": 2}}, {"frozen": "yes"}, {"student_code": "abc"}, {"king": 1}],
)  # fmt: skip
def test_a_value_out_of_range_changes_nothing(tmp_path: Path, change: dict[str, object]) -> None:
    opened = classroom.open_classroom(tmp_path)
    with pytest.raises(UserError):
        classroom.change(tmp_path, TEACHER, **change)
    assert classroom.read(tmp_path) == opened


def test_limits_and_the_freeze_hold_for_students_only(tmp_path: Path) -> None:
    classroom.open_classroom(tmp_path)
    frozen = classroom.change(tmp_path, TEACHER, frozen=True)
    assert frozen.limits_of(STUDENT) == Limits()
    assert frozen.frozen_for(STUDENT)
    for free in (TEACHER, LOCAL):
        assert frozen.limits_of(free) is None
        assert not frozen.frozen_for(free)


def test_a_code_lets_in_as_it_was_read_aloud_and_nothing_like_it_does(tmp_path: Path) -> None:
    opened = classroom.open_classroom(tmp_path)
    student, teacher = opened.student_code, opened.teacher_code
    assert opened.role_of(f" {student[:3].upper()} {student[3:]}\n") == "student"
    assert opened.role_of(teacher.upper()) == "teacher"
    for wrong in ("", student[:-1], student + "a", teacher[:6], student + teacher, "ä" * 6, "\0", "x" * 100_000):
        assert opened.role_of(wrong) is None


@pytest.mark.parametrize("text", ["", "{", "[]", "null", json.dumps({"student_code": "abcdef"}), "\xff"])
def test_a_damaged_file_opens_no_class(tmp_path: Path, text: str) -> None:
    (tmp_path / classroom.FILE).write_text(text, encoding="latin-1")
    for ask in (classroom.read, classroom.open_classroom):
        with pytest.raises(UserError):
            ask(tmp_path)


def test_a_key_of_the_wrong_length_signs_nothing(tmp_path: Path) -> None:
    (tmp_path / KEY_FILE).write_bytes(b"")
    with pytest.raises(UserError, match="no key"):
        classroom.key(tmp_path)
