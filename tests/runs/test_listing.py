"""A list of runs says what their folders say, whatever is kept beside them, and whatever is broken."""

import json
import os
import time
from pathlib import Path

import pytest

from llm_core.config import RunConfig
from llm_core.errors import UserError
from llm_core.runs import listing as listings
from llm_core.runs.files import replace_json, replace_text
from llm_core.runs.listing import INDEX, Listing
from llm_core.runs.names import CHILDREN
from llm_core.runs.status import Status, as_json
from llm_core.runs.store import Store

LONG_AGO = 1_700_000_000


def put(
    root: Path, number: int, *, name: str = "a run", state: str = "finished", kind: str = "train", **said: float
) -> Path:
    """A run folder as a worker leaves it, written long ago."""
    folder = root / f"{number:016x}"
    folder.mkdir(parents=True)
    run = {"format": 1, "kind": kind, "config": RunConfig().model_dump(mode="json"), "owner": "local", "created": LONG_AGO + number, "recipe": "gpt"}  # fmt: skip
    replace_json(folder / "run.json", run)
    replace_text(folder / "name.txt", name)
    replace_json(folder / "wanted.json", {"state": "running", "until_step": None, "at": 0.0, "owner": "local"})
    replace_json(folder / "status.json", as_json(Status(state=state, heartbeat=float(LONG_AGO), **said)))  # type: ignore[arg-type]
    settle(folder)
    return folder


def settle(folder: Path) -> None:
    """As if all that was written long ago."""
    for path in (*folder.iterdir(), folder):
        os.utime(path, (LONG_AGO, LONG_AGO))


def test_a_row_says_what_the_folder_says(tmp_path: Path) -> None:
    put(tmp_path, 1, name="first", step=20, steps=40, loss=3.5, validation_loss=3.25)
    put(tmp_path, 2, name="second")
    newest, oldest = Listing(tmp_path).summaries()
    assert (newest.name, oldest.name) == ("second", "first")
    assert (oldest.status.step, oldest.status.steps, oldest.loss, oldest.status.state) == (20, 40, 3.25, "finished")
    assert (oldest.fixed.kind, oldest.fixed.recipe, oldest.fixed.corpus) == ("train", "gpt", "python-reference")


def test_every_change_is_seen_at_the_next_look_even_within_one_tick_of_the_clock(tmp_path: Path) -> None:
    folder = put(tmp_path, 1, name="before")
    listing = Listing(tmp_path)
    for number in range(20):
        replace_text(folder / "name.txt", f"name {number}")
        assert listing.summaries(fresh=True)[0].name == f"name {number}"
    put(tmp_path, 2)
    assert len(listing.summaries(fresh=True)) == 2
    folder.rename(tmp_path / "elsewhere")
    assert [one.id for one in listing.summaries(fresh=True)] == [f"{2:016x}"]


def test_what_has_not_changed_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        put(tmp_path, number)
    listing = Listing(tmp_path)
    before = listing.summaries()
    monkeypatch.setattr(listings, "read_fixed", None)
    monkeypatch.setattr(listings, "read_moving", None)
    assert listing.summaries(fresh=True) == before


def test_a_server_that_has_just_begun_finds_all_in_the_index_and_believes_it_only_where_nothing_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        put(tmp_path, number, name=f"run {number}", loss=2.5)
    listing = Listing(tmp_path)
    seen = listing.summaries()
    listing.keep_sizes({one.id: (one.stamp, 1234) for one in seen})
    listing.write_index()
    read: list[str] = []
    moving = listings.read_moving
    monkeypatch.setattr(listings, "read_moving", lambda folder: read.append(folder.name) or moving(folder))
    replace_text(tmp_path / f"{3:016x}" / "name.txt", "another name")
    again = Listing(tmp_path)
    names = [one.name for one in again.summaries()]
    assert names == ["run 4", "another name", "run 2", "run 1", "run 0"]
    assert read == [f"{3:016x}"]
    assert [again.size(one) for one in again.summaries()] == [1234, None, 1234, 1234, 1234]


@pytest.mark.parametrize("content", [b"", b"{", b"[[1]]\n", b"\xff\xfe", b"null\n" * 3, b"[" * 100_000])
def test_a_broken_index_is_made_anew(tmp_path: Path, content: bytes) -> None:
    put(tmp_path, 1, name="here")
    (tmp_path / INDEX).write_bytes(content)
    listing = Listing(tmp_path)
    assert [one.name for one in listing.summaries()] == ["here"]
    listing.write_index()
    assert len((tmp_path / INDEX).read_text().splitlines()) == 1


def test_few_runs_leave_no_file_beside_them(tmp_path: Path) -> None:
    put(tmp_path, 1)
    Listing(tmp_path).summaries()
    assert [path.name for path in tmp_path.iterdir()] == [f"{1:016x}"]


def test_a_broken_run_is_a_row_and_all_others_stay(tmp_path: Path) -> None:
    for number in range(4):
        put(tmp_path, number)
    (tmp_path / f"{0:016x}" / "run.json").write_text("{")
    (tmp_path / f"{1:016x}" / "run.json").unlink()
    (tmp_path / f"{2:016x}" / "status.json").write_text('{"state": 3}')
    (tmp_path / "no run").mkdir()
    (tmp_path / f"{9:016x}").symlink_to(tmp_path / f"{3:016x}")
    found = {one.id: one.fixed.broken for one in Listing(tmp_path).summaries()}
    assert found == {f"{0:016x}": True, f"{1:016x}": True, f"{2:016x}": False, f"{3:016x}": False}


def test_a_killed_worker_and_one_that_is_wanted_are_told_as_the_run_tells_them(tmp_path: Path) -> None:
    store = Store(tmp_path)
    put(tmp_path, 1, state="running", step=5)
    wanted = put(tmp_path, 2, state="finished")
    replace_json(wanted / "wanted.json", {"state": "running", "until_step": None, "at": time.time(), "owner": "local"})
    for one in store.listing.summaries(fresh=True):
        assert one.status.state == store.find(one.id).status().state


def test_runs_of_a_kind_about_another_are_found_without_opening_the_others(tmp_path: Path) -> None:
    store = Store(tmp_path)
    put(tmp_path, 1)
    folder = put(tmp_path, 2)
    about = {
        "format": 1,
        "kind": "head_scores",
        "config": {"run": f"{1:016x}"},
        "owner": "local",
        "created": LONG_AGO + 2,
    }
    replace_json(folder / "run.json", about)
    assert [run.id for run in store.runs(kind="head_scores", about=f"{1:016x}")] == [folder.name]
    assert store.runs(kind="head_scores", about=f"{3:016x}") == []
    assert [run.kind for run in store.runs()] == ["head_scores", "train"]


def test_where_a_text_lies_is_not_told(tmp_path: Path) -> None:
    folder = put(tmp_path, 1)
    values = json.loads((folder / "run.json").read_text())
    values["config"]["data"]["corpus"] = "/home/ada/secret/corpora/imported/0123/poems.txt"
    replace_json(folder / "run.json", values)
    assert Listing(tmp_path).fixed()[0].corpus == "poems.txt"


def test_a_child_is_found_and_is_no_row_of_its_own(tmp_path: Path) -> None:
    store = Store(tmp_path)
    parent = put(tmp_path, 1, kind="sweep")
    child = put(parent / CHILDREN, 7)
    assert store.find(child.name).folder == child
    assert [one.id for one in store.listing.summaries(fresh=True)] == [parent.name]
    (parent / "run.json").write_text("{")
    assert store.find(child.name).folder == child


def test_a_child_is_looked_for_only_where_children_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path)
    for number in range(20):
        put(tmp_path, number)
    child = put(put(tmp_path, 30, kind="race") / CHILDREN, 7 << 8)
    looked: list[Path] = []
    is_dir = Path.is_dir
    monkeypatch.setattr(Path, "is_dir", lambda path: looked.append(path) or is_dir(path))
    assert store.find(child.name).folder == child
    with pytest.raises(UserError, match="There is no run"):
        store.find("f" * 16)
    assert len(looked) < 8
