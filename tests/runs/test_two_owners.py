"""Two owners and every function that changes something: nobody changes what is another's, and a teacher may.

Which functions those are is read from the source: one that is added later, and that a page calls, fails here until it
takes who asks and is tried below.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from llm_core.config import RunConfig, TableConfig, TransformerConfig
from llm_core.errors import UserError
from llm_core.runs import (
    archive,
    classified_file,
    classroom,
    data_sizes,
    disk,
    head_scores,
    importing,
    inquiry,
    people,
    pretraining,
    tags,
    trash,
    unpacked_run,
)
from llm_core.runs import store as stores
from llm_core.runs.imported import ImportConfig
from llm_core.runs.inquired import AblationQuestion, InquiryConfig
from llm_core.runs.launch import Launcher
from llm_core.runs.race import ClassifyConfig, RaceConfig
from llm_core.runs.raced import Race, open_race
from llm_core.runs.run import Run
from llm_core.runs.store import Store
from llm_core.runs.worker import work
from tests.runs.changing import changing, functions, page_calls, parameters
from tests.runs.fake_families import fakes, job, write_table

OWNER = "student-00000000000000aa"
STRANGER = "student-00000000000000bb"
TEACHER = "teacher-00000000000000cc"
TEXT = "The cat sat on the mat."


@dataclass
class Things:
    """A store with a run of its owner's, a second one in the trash, and a finished race."""

    store: Store
    run: Run
    deleted: str
    race: Race
    table: Path

    def state(self) -> dict[str, bytes]:
        """All files that belong to its owner or to the class, by name."""
        root, own = self.store.root, (self.run.id, f"trash/{self.deleted}", self.race.run.id, ".classroom")
        files = {path.relative_to(root).as_posix(): path for path in root.rglob("*") if path.is_file()}
        return {name: path.read_bytes() for name, path in files.items() if name.startswith(own)}


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_table(tmp_path_factory.mktemp("table"))


@pytest.fixture
def things(store: Store, table: Path, monkeypatch: pytest.MonkeyPatch) -> Things:
    monkeypatch.setattr(Launcher, "start", lambda self, run: None)
    classroom.open_classroom(store.root)
    classroom.change(store.root, TEACHER, limits=classroom.Limits(waiting=100))
    people.call(store.root, OWNER, OWNER, "Ada")
    race = store.create(RaceConfig(table=TableConfig(file=str(table)), families=("majority",)), name="race", owner=OWNER, threads=1)  # fmt: skip
    work(race, make_job=job(fakes()))
    run = store.create(RunConfig(), name="mine", owner=OWNER)
    store.want(run, "stopped", owner=OWNER)
    deleted = store.create(RunConfig(), name="deleted", owner=OWNER)
    store.want(deleted, "stopped", owner=OWNER)
    trash.delete(store, deleted.id, OWNER)
    return Things(store, run, deleted.id, open_race(store.find(race.id)), table)


Deed = Callable[[Things, str], Any]

CHANGES: dict[str, Deed] = {
    "store.Store.want": lambda it, who: it.store.want(it.run, "running", owner=who),
    "store.Store.rename": lambda it, who: it.store.rename(it.run, "other", who),
    "tags.change_tags": lambda it, who: tags.change_tags(it.run, add=("x",), owner=who),
    "trash.delete": lambda it, who: trash.delete(it.store, it.run.id, who),
    "trash.restore": lambda it, who: trash.restore(it.store, it.deleted, who),
    "classroom.change": lambda it, who: classroom.change(it.store.root, who, frozen=True),
    "people.call": lambda it, who: people.call(it.store.root, who, OWNER, "Eve"),
}
"""What changes something that is another's: refused to a stranger, and granted to a teacher."""

SILENT: dict[str, Deed] = {
    "store.Store.start": lambda it, who: it.store.start(it.run, who),
    "trash.empty": lambda it, who: trash.empty(it.store, who),
    "disk.remove_unneeded_texts": lambda it, who: disk.remove_unneeded_texts(it.store, who),
}
"""What need not show in a file of the owner's, or does not refuse but pass over what is another's: tried for itself."""


def archived(it: Things) -> io.BytesIO:
    return io.BytesIO(b"".join(archive.export(it.run)))


def branched(it: Things, who: str) -> Run:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stores, "branching", lambda *_: SimpleNamespace(origin={}, fill=lambda folder: None))
        patch.setattr(stores, "_kept_step", lambda run, step: 1)
        return it.store.branch(it.run, 1, RunConfig(), name="branch", owner=who)


def imported(it: Things, who: str) -> Run:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("llm_core.runs.unpacking.unpack", lambda *_: None)
        patch.setattr(importing, "_import", lambda store, folder, source, name, owner, limit: kept(it, owner))
        return importing.import_zip(it.store, io.BytesIO(), "a zip", owner=who)


def kept(it: Things, who: str) -> Run:
    config = ImportConfig(model=TransformerConfig(), model_type="gpt2", source="x")
    return it.store.keep(config, lambda folder: None, name="kept", owner=who)


def asked(it: Things, who: str) -> Run:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stores, "_kept_step", lambda run, step: 1)
        return inquiry.begin(it.store, InquiryConfig(run=it.run.id, step=1, question=AblationQuestion(text=TEXT)), name="asked", owner=who)  # fmt: skip


def scored(it: Things, who: str) -> Run:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stores, "refuse_headless", lambda run: None)
        return head_scores.start(it.store, it.run, who)


MAKES: dict[str, Deed] = {
    "store.Store.create": lambda it, who: it.store.create(RunConfig(), name="new", owner=who),
    "store.Store.branch": branched,
    "store.Store.keep": kept,
    "importing.import_zip": imported,
    "unpacked_run.import_run": lambda it, who: unpacked_run.import_run(it.store, archived(it), owner=who),
    "inquiry.begin": asked,
    "head_scores.start": scored,
    "pretraining.begin": lambda it, who: pretraining.begin(it.store, who, "worth"),
    "data_sizes.start": lambda it, who: data_sizes.start(it.store, it.race, who, ("majority",)),
    "classified_file.start": lambda it, who: classified_file.start(it.store, it.race, who, "majority", it.table, None, "text"),
}  # fmt: skip
"""What makes a run: always one of the asker's own, with nothing of another's changed."""

NOBODYS = {
    "store.Store.serve": "the server gives turns to whoever waits",
    "store.Store.warm": "the server keeps a process ready",
    "classroom.open_classroom": "the server does, before anybody asks",
    "classroom.key": "the server does, before anybody asks",
    "files.replace_json": "writes what comes with bundled models, when they are built",
}
"""What nobody asks for."""
BUILT = {"pages/ui/fill_mask/painted.py", "pages/ui/truth.py", "pages/ui/writing.py"}
"""Where pages write what is shown first beside a bundled model, for `make models`."""


WHERE = frozenset({"self", "store", "run", "race", "root", "folder", "path"})
"""What a function takes that changes what is kept; others write in temporary folders of their own."""


def test_every_function_that_changes_something_is_tried_here() -> None:
    tried = {*CHANGES, *SILENT, *MAKES, *NOBODYS}
    found = {call.function for call in page_calls()} | {name for name in functions() if name.startswith("store.Store.")}
    known = functions()
    public = {
        name for name in found & changing()
        if not name.rpartition(".")[2].startswith("_") and WHERE & set(parameters(known[name]))
    }  # fmt: skip
    assert public - tried == set(), "takes no owner, or is tried with two owners nowhere"
    assert {"store.Store.want", "store.Store.start", "trash.delete", "tags.change_tags"} <= public


def test_every_function_that_changes_something_takes_who_asks() -> None:
    known = functions()
    for name in {*CHANGES, *SILENT, *MAKES}:
        assert "owner" in parameters(known[name]), name


def test_no_page_forgets_to_say_who_asks() -> None:
    owned = {*CHANGES, *SILENT, *MAKES}
    calls = [call for call in page_calls() if call.function in owned]
    assert len(calls) > 15
    assert [call for call in calls if not call.names_owner] == []
    assert {call.where.split(":")[0] for call in page_calls() if call.function == "files.replace_json"} == BUILT


@pytest.mark.parametrize("name", CHANGES)
def test_a_stranger_is_refused_and_a_teacher_and_the_owner_are_not(things: Things, name: str) -> None:
    before = things.state()
    with pytest.raises(UserError):
        CHANGES[name](things, STRANGER)
    assert things.state() == before
    CHANGES[name](things, TEACHER)
    assert things.state() != before


@pytest.mark.parametrize("name", sorted(CHANGES.keys() - {"classroom.change"}))
def test_the_owner_may(things: Things, name: str) -> None:
    before = things.state()
    CHANGES[name](things, OWNER)
    assert things.state() != before


@pytest.mark.parametrize("owner", ["", "local ", "student-00000000000000AA", "teacher", "teacher-", "teacher-00000000000000c", OWNER + "\n"])  # fmt: skip
def test_what_only_looks_like_an_owner_changes_nothing(things: Things, owner: str) -> None:
    before = things.state()
    for deed in CHANGES.values():
        with pytest.raises(UserError):
            deed(things, owner)
    assert things.state() == before


def test_a_stranger_has_no_run_taken_up(things: Things, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[str] = []
    monkeypatch.setattr(Launcher, "start", lambda self, run: begun.append(run.id))
    with pytest.raises(UserError):
        things.store.start(things.run, STRANGER)
    assert begun == []
    for who in (OWNER, TEACHER):
        things.store.start(things.run, who)
    assert begun == [things.run.id] * 2


def test_a_stranger_empties_nothing_but_their_own_out_of_the_trash(things: Things) -> None:
    before = things.state()
    assert trash.empty(things.store, STRANGER) == 0
    assert trash.empty(things.store, STRANGER, [things.deleted]) == 0
    assert things.state() == before
    assert trash.empty(things.store, TEACHER) == 1


def test_only_a_teacher_removes_texts(things: Things) -> None:
    for who in (STRANGER, OWNER):
        with pytest.raises(UserError, match="only the teacher"):
            disk.remove_unneeded_texts(things.store, who)


@pytest.mark.parametrize("name", MAKES)
def test_whatever_is_made_is_the_askers_own_and_leaves_the_others(things: Things, name: str) -> None:
    before = things.state()
    theirs = MAKES[name](things, OWNER)
    first = {path: path.read_bytes() for path in theirs.folder.rglob("*") if path.is_file()}
    things.store.want(theirs, "stopped", owner=OWNER)
    stopped = (theirs.folder / "wanted.json").read_bytes()
    made = MAKES[name](things, STRANGER)
    assert made.id != theirs.id
    assert things.store.find(made.id).owner == STRANGER
    assert {path: path.read_bytes() for path in first if path.name != "wanted.json"} == {
        path: data for path, data in first.items() if path.name != "wanted.json"
    }
    assert (theirs.folder / "wanted.json").read_bytes() == stopped
    assert things.state() == before


def test_a_stranger_adds_no_child_to_a_race(things: Things) -> None:
    settings = ClassifyConfig(race=things.race.run.id, family="majority")
    before = things.state()
    with pytest.raises(UserError):
        things.store.create(settings, name="x", owner=STRANGER)
    assert things.state() == before
