"""A text of one's own is not kept for who has no room left."""

from pathlib import Path

import pytest

from llm_core.errors import UserError
from llm_core.runs import classroom
from llm_core.runs.classroom import Limits
from llm_core.runs.store import Store
from pages.ui import text_source
from tests.runs.test_limits import STUDENT, TEACHER, settings


def test_a_text_is_refused_before_it_takes_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path / "runs", bundled=tmp_path / "models")
    classroom.open_classroom(store.root)
    classroom.change(store.root, TEACHER, limits=Limits(megabytes=1))
    monkeypatch.setattr(text_source, "store", lambda: store)
    monkeypatch.setattr(text_source, "owner", lambda: STUDENT)
    source = text_source.Source("cats", name="cats.txt", raw=b"the cat sat on the mat. " * 100)
    assert Path(str(source.settings()["corpus"])).is_file()
    run = store.create(settings(), name="large", owner=STUDENT)
    (run.folder / "log.txt").write_bytes(bytes(1_000_000))
    store.listing.forget()
    other = text_source.Source("dogs", name="dogs.txt", raw=b"the dog sat on the mat. " * 100)
    with pytest.raises(UserError, match="Your runs take 1 MB"):
        other.settings()
    assert len(list((store.corpora / "imported").iterdir())) == 1
