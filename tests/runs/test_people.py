"""Names of people in a class: everybody their own, a teacher everybody's."""

from pathlib import Path

import pytest

from llm_core.errors import UserError
from llm_core.runs import locks, people

TEACHER, ADA, EVE = "teacher-00000000000000aa", "student-00000000000000bb", "student-00000000000000cc"


def test_people_name_themselves_and_a_teacher_names_anybody(tmp_path: Path) -> None:
    people.call(tmp_path, ADA, ADA, "  Ada ")
    people.call(tmp_path, TEACHER, EVE, "月")
    assert people.names(tmp_path) == {ADA: "Ada", EVE: "月"}
    with pytest.raises(UserError, match="Only they themselves"):
        people.call(tmp_path, EVE, ADA, "Eve")
    people.call(tmp_path, ADA, ADA, "")
    assert people.names(tmp_path) == {EVE: "月"}


def test_a_name_is_one_short_line_that_can_be_shown(tmp_path: Path) -> None:
    people.call(tmp_path, ADA, ADA, "a\nb\0c\ud800" + "x" * 100)
    assert people.names(tmp_path)[ADA] == "a\ufffdb\ufffdc\ufffd" + "x" * (people.LONGEST - 6)


def test_nobody_but_owners_is_named_and_places_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="nobody"):
        people.call(tmp_path, TEACHER, "../x", "x")
    monkeypatch.setattr(people, "MOST", 1)
    people.call(tmp_path, ADA, ADA, "Ada")
    people.call(tmp_path, ADA, ADA, "Ada Lovelace")
    with pytest.raises(UserError, match="already 1 names"):
        people.call(tmp_path, EVE, EVE, "Eve")


def test_another_server_that_names_somebody_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "PATIENCE", 0.0)
    with locks.alone(tmp_path / people.LOCK), pytest.raises(UserError, match="cannot be kept"):
        people.call(tmp_path, ADA, ADA, "Ada")
    people.call(tmp_path, ADA, ADA, "Ada")


@pytest.mark.parametrize("text", ["", "[]", '{"king": "x", "student-00000000000000bb": 3}'])
def test_a_damaged_file_names_nobody(tmp_path: Path, text: str) -> None:
    (tmp_path / people.FILE).write_text(text)
    assert people.names(tmp_path) == {}
