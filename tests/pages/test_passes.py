"""Who holds a pass of a class, and that nobody makes or alters one without its key."""

import hashlib
from pathlib import Path

import pytest

from llm_core.errors import UserError
from llm_core.runs import classroom
from llm_core.runs.owners import LOCAL, is_owner, is_teacher
from llm_core.runs.store import Store
from pages.ui import who
from pages.ui.classroom import passes
from tests.pages.classes import STUDENT, TEACHER, cookies, open_class, sit_at

KEY = bytes(range(32))
CLASS = classroom.Classroom(student_code="abcdef", teacher_code="ghjkmnpqrs")


def hmac_sha256(key: bytes, message: bytes) -> str:
    """RFC 2104, written out."""
    key = key.ljust(64, b"\0")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in key) + message).digest()
    return hashlib.sha256(bytes(byte ^ 0x5C for byte in key) + inner).hexdigest()


def test_a_pass_is_signed_as_the_rfc_says() -> None:
    text = passes.sign(TEACHER, 1000, KEY, CLASS)
    assert text == f"{TEACHER}.1000." + hmac_sha256(KEY, f"terrarium pass\n{TEACHER}\n1000\nghjkmnpqrs".encode())


@pytest.mark.parametrize("owner", [STUDENT, TEACHER])
def test_a_pass_is_good_until_it_expires(owner: str) -> None:
    text = passes.sign(owner, 1000, KEY, CLASS)
    assert passes.read(text, KEY, CLASS, 999.9) == owner
    assert passes.read(text, KEY, CLASS, 1000) is None


def test_a_pass_with_any_character_altered_is_none() -> None:
    text = passes.sign(STUDENT, 1000, KEY, CLASS)
    for place in range(len(text)):
        for other in "0a.x":
            if text[place] != other:
                assert passes.read(text[:place] + other + text[place + 1 :], KEY, CLASS, 10) is None
    for other in (text[:-1], text + "0", "", text + "\n", "." * 3):
        assert passes.read(other, KEY, CLASS, 10) is None


def test_no_student_becomes_a_teacher_and_no_pass_lasts_longer_than_it_says() -> None:
    owner, expires, signature = passes.sign(STUDENT, 1000, KEY, CLASS).split(".")
    risen = owner.replace("student", "teacher")
    for forged in (f"{risen}.{expires}.{signature}", f"{owner}.9999.{signature}", f"{LOCAL}.{expires}.{signature}"):
        assert passes.read(forged, KEY, CLASS, 10) is None


def test_another_key_and_a_new_teacher_code_void_a_pass() -> None:
    student, teacher = (passes.sign(owner, 1000, KEY, CLASS) for owner in (STUDENT, TEACHER))
    assert passes.read(student, bytes(32), CLASS, 10) is None
    renewed = CLASS.model_copy(update={"teacher_code": "zzzzzzzzzz"})
    assert passes.read(teacher, KEY, renewed, 10) is None
    assert passes.read(student, KEY, renewed, 10) == STUDENT


def test_what_was_signed_but_is_no_owner_is_none() -> None:
    for stranger in ("king-00000000000000bb", "local-00000000000000bb"):
        assert passes.read(passes.sign(stranger, 1000, KEY, CLASS), KEY, CLASS, 10) is None


def test_every_browser_gets_an_owner_of_its_own_with_its_role() -> None:
    made = [passes.new_owner(role) for role in ("student", "teacher") for _ in range(50)]
    assert len(set(made)) == 100
    assert all(map(is_owner, made))
    assert [is_teacher(owner) for owner in made] == [False] * 50 + [True] * 50


def test_without_a_class_everybody_sits_at_this_computer(store: Store) -> None:
    assert who.owner() == LOCAL


def test_in_a_class_a_page_knows_its_reader_by_the_pass(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    open_class(store.root, monkeypatch)
    for owner in (STUDENT, TEACHER):
        sit_at(monkeypatch, cookies(store.root, owner))
        assert who.owner() == owner


def test_in_a_class_a_page_refuses_whoever_has_no_good_pass(
    store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    open_class(store.root, monkeypatch)
    elsewhere = tmp_path / "elsewhere"
    classroom.open_classroom(elsewhere)
    ((name, good),) = cookies(store.root, STUDENT).items()
    ((_, foreign),) = cookies(elsewhere, STUDENT).items()
    for sent in ({}, {"other": good}, {name: foreign}, {name: ""}, cookies(store.root, STUDENT, -1), cookies(elsewhere, TEACHER)):  # fmt: skip
        sit_at(monkeypatch, sent)
        with pytest.raises(UserError, match="not in this class"):
            who.owner()


def test_a_class_whose_file_is_gone_knows_nobody(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    open_class(store.root, monkeypatch)
    sit_at(monkeypatch, cookies(store.root, TEACHER))
    (store.root / classroom.FILE).unlink()
    with pytest.raises(UserError):
        who.owner()
