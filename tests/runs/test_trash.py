"""Deleted runs lie in the trash and come back; nobody deletes what is at work, or another's."""

import os
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from llm_core.errors import UserError
from llm_core.runs import disk, tags, trash
from llm_core.runs.disk import YOUNG
from llm_core.runs.files import replace_json
from llm_core.runs.live import live
from llm_core.runs.locks import Lock
from llm_core.runs.run import Run
from llm_core.runs.status import LOCK, Status, as_json
from llm_core.runs.store import Store

Make = Callable[..., Run]
STUDENT, OTHER, TEACHER = (f"student-{1:016x}", f"student-{2:016x}", f"teacher-{3:016x}")


def rested(run: Run, state: str = "finished") -> Run:
    """The run as its worker leaves it."""
    replace_json(run.folder / "status.json", as_json(Status(state=state, heartbeat=time.time() + 5)))  # type: ignore[arg-type]
    return run


def test_a_deleted_run_comes_back_byte_for_byte(store: Store, make: Make) -> None:
    run = rested(make("mine"))
    (run.folder / "steps").mkdir()
    (run.folder / "steps" / "x").write_bytes(b"weights")
    before = {path.name: path.read_bytes() for path in run.folder.rglob("*") if path.is_file()}
    trash.delete(store, run.id, "local")
    assert store.runs() == []
    assert [one.run.id for one in trash.in_trash(store)] == [run.id]
    back = trash.restore(store, run.id, "local")
    assert back.name == "mine"
    after = {path.name: path.read_bytes() for path in run.folder.rglob("*") if path.is_file()}
    assert after == before | {LOCK: b""}
    assert trash.in_trash(store) == []


def test_two_tabs_delete_and_restore_the_same_run(store: Store, make: Make) -> None:
    run = rested(make())
    for _ in range(2):
        trash.delete(store, run.id, "local")
    for _ in range(2):
        assert trash.restore(store, run.id, "local").id == run.id


@pytest.mark.parametrize("state", ["waiting", "preparing", "running", "stalled", "paused"])
def test_a_run_at_work_is_not_deleted(store: Store, make: Make, state: str) -> None:
    run = rested(make(), state)
    with Lock(run.folder / LOCK) as lock:
        assert lock.acquire()
        with pytest.raises(UserError, match="at work; stop it first"):
            trash.delete(store, run.id, "local")
    assert run.folder.is_dir()


def test_one_that_was_just_started_is_not_deleted_either(store: Store, make: Make) -> None:
    run = make()
    with pytest.raises(UserError, match="stop it first"):
        trash.delete(store, run.id, "local")
    store.want(run, "stopped", owner="local")
    trash.delete(store, run.id, "local")


def test_who_watches_a_deleted_run_is_told_so(store: Store, make: Make) -> None:
    run = rested(make())
    trash.delete(store, run.id, "local")
    with pytest.raises(UserError, match="was deleted"):
        live(store, run.id)


def test_restoring_overwrites_nothing(store: Store, make: Make) -> None:
    run = rested(make("older"))
    trash.delete(store, run.id, "local")
    shutil.copytree(store.trash / run.id, run.folder)
    (run.folder / "name.txt").write_text("newer")
    with pytest.raises(UserError, match="nothing is overwritten"):
        trash.restore(store, run.id, "local")
    assert store.find(run.id).name == "newer"
    assert [one.run.name for one in trash.in_trash(store)] == ["older"]


def test_a_run_that_came_again_under_its_id_can_be_deleted_again(store: Store, make: Make) -> None:
    run = rested(make("older"))
    trash.delete(store, run.id, "local")
    shutil.copytree(store.trash / run.id, run.folder)
    (run.folder / "name.txt").write_text("newer")
    trash.delete(store, run.id, "local")
    assert [one.run.name for one in trash.in_trash(store)] == ["newer"]
    assert not run.folder.exists()


def test_the_same_question_of_two_people_lies_twice_in_the_trash(store: Store, make: Make) -> None:
    run = rested(make("hers", owner=STUDENT))
    identity = run.id
    trash.delete(store, identity, STUDENT)
    again = rested(make("his", owner=OTHER))
    again.folder.rename(store.root / identity)  # as inquiries: their ids say what was asked
    store.listing.forget()
    trash.delete(store, identity, OTHER)
    lying = {one.run.name: one.run for one in trash.in_trash(store)}
    assert {name: run.owner for name, run in lying.items()} == {"hers": STUDENT, "his": OTHER}
    assert trash.empty(store, OTHER) == 1
    assert trash.restore(store, lying["hers"].id, STUDENT).name == "hers"


def test_what_somebody_killed_was_removing_goes_with_the_next_look(store: Store, make: Make) -> None:
    run = rested(make())
    trash.delete(store, run.id, "local")
    left = store.trash / f".old-{'0' * 16}"
    left.mkdir()
    (left / "x").write_bytes(b"weights")
    trash.restore(store, run.id, "local")
    assert not left.exists()


def test_a_run_that_took_the_id_meanwhile_is_not_taken_for_the_restored_one(
    store: Store, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = rested(make("older"))
    trash.delete(store, run.id, "local")

    def another_was_quicker(path: Path, target: Path) -> None:
        shutil.copytree(path, target)
        (target / "name.txt").write_text("newer")
        raise OSError(39, "Directory not empty")

    monkeypatch.setattr(Path, "rename", another_was_quicker)
    with pytest.raises(UserError, match="cannot be brought back"):
        trash.restore(store, run.id, "local")
    assert [one.run.name for one in trash.in_trash(store)] == ["older"]


@pytest.mark.parametrize("reference", ["../x", "trash", "a" * 16 + "/..", "", "0123456789ABCDEF", "a\0b", "f" * 16])
def test_what_is_no_run_is_refused(store: Store, make: Make, reference: str) -> None:
    rested(make())
    for deed in (trash.delete, trash.restore):
        with pytest.raises(UserError):
            deed(store, reference, "local")
    assert len(store.runs()) == 1


def test_only_the_owner_and_the_teacher_change_a_run(store: Store, make: Make) -> None:
    run = rested(make("hers", owner=STUDENT))
    deeds: list[Callable[[str], object]] = [
        lambda owner: trash.delete(store, run.id, owner),
        lambda owner: tags.change_tags(store.find(run.id), add=["x"], owner=owner),
    ]
    for deed in deeds:
        with pytest.raises(UserError, match="belongs to"):
            deed(OTHER)
    assert tags.change_tags(run, add=["x"], owner=STUDENT) == ("x",)
    assert tags.change_tags(run, remove=["X"], owner=TEACHER) == ()
    trash.delete(store, run.id, STUDENT)
    with pytest.raises(UserError, match="belongs to"):
        trash.restore(store, run.id, OTHER)
    assert trash.empty(store, OTHER) == 0
    assert len(trash.in_trash(store)) == 1
    trash.restore(store, run.id, TEACHER)
    trash.delete(store, run.id, TEACHER)
    assert trash.empty(store, STUDENT) == 1


def test_a_broken_run_can_be_thrown_away_by_the_teacher_only(store: Store, make: Make) -> None:
    run = rested(make(owner=STUDENT))
    (run.folder / "run.json").write_text("{")
    with pytest.raises(UserError, match="belongs to"):
        trash.delete(store, run.id, STUDENT)
    trash.delete(store, run.id, "local")
    assert trash.empty(store, TEACHER) == 1


def test_a_bundled_run_stays(tmp_path: Path, make: Make) -> None:
    shutil.copytree(rested(make()).folder, tmp_path / "models" / "with-us")
    store = Store(tmp_path / "other", bundled=tmp_path / "models")
    with pytest.raises(UserError, match="read-only"):
        trash.delete(store, "with-us", "local")
    with pytest.raises(UserError, match="read-only"):
        tags.change_tags(store.find("with-us"), add=["x"], owner="local")
    (tmp_path / "models" / "with-us" / "run.json").write_text("{")
    with pytest.raises(UserError, match="read-only"):
        trash.delete(store, "with-us", "local")
    assert (tmp_path / "models" / "with-us").is_dir()


def test_tags_are_few_and_short_and_plain() -> None:
    assert tags.cleaned([" Good ", "good", "", "a,b", "x" * 100, "\x00<b>"]) == ("Good", "a b", "x" * 24, "\ufffd<b>")
    assert len(tags.cleaned(map(str, range(20)))) == tags.MOST


def test_a_ninth_tag_is_refused_and_nothing_is_lost(make: Make) -> None:
    run = make()
    tags.change_tags(run, add=map(str, range(8)), owner="local")
    with pytest.raises(UserError, match="at most 8"):
        tags.change_tags(run, add=["one more"], owner="local")
    assert len(tags.tags_of(run.folder)) == 8


def test_tags_of_several_windows_at_once_are_all_kept(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    run, read = make(), tags.tags_of

    def slowly(folder: Path) -> tuple[str, ...]:
        found = read(folder)
        time.sleep(0.02)
        return found

    monkeypatch.setattr(tags, "tags_of", slowly)
    with ThreadPoolExecutor(4) as windows:
        list(windows.map(lambda tag: tags.change_tags(run, add=[tag], owner="local"), "abcd"))
    assert set(read(run.folder)) == set("abcd")


@pytest.mark.parametrize(
    "content", ["", "[]", '{"tags": 3}', '{"tags": [1, null, {}]}', "\ud800".encode("utf-8", "surrogatepass")]
)
def test_broken_tags_are_none(make: Make, content: str | bytes) -> None:
    run = make()
    (run.folder / tags.FILE).write_bytes(content if isinstance(content, bytes) else content.encode())
    assert tags.tags_of(run.folder) == ()


def test_only_texts_that_no_run_names_go(store: Store, make: Make) -> None:
    used, deleted = rested(make()), rested(make())
    for number, run in enumerate((used, deleted)):
        replace_json(run.folder / "corpus.json", {"digest": str(number) * 32})
    for name in ("0" * 32, "1" * 32, "2" * 32, "imported/" + "3" * 32, "4" * 32, "not a text"):
        place = store.corpora / name
        place.mkdir(parents=True)
        (place / "training.bin").write_bytes(b"12345")
        os.utime(place, (time.time() - 2 * YOUNG,) * 2)
    os.utime(store.corpora / ("4" * 32))  # it has just come
    trash.delete(store, deleted.id, "local")
    with pytest.raises(UserError, match="only the teacher"):
        disk.remove_unneeded_texts(store, STUDENT)
    assert disk.use(store).unneeded == 10
    assert disk.remove_unneeded_texts(store, "local") == 10
    left = {path.name for path in store.corpora.iterdir()} | {
        path.name for path in (store.corpora / "imported").iterdir()
    }
    assert left == {"0" * 32, "1" * 32, "4" * 32, "not a text", "imported"}


def test_unneeded_texts_are_worked_out_once_for_all_who_watch(
    store: Store, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []
    look = disk.unneeded_texts
    monkeypatch.setattr(disk, "unneeded_texts", lambda store: looks.append(1) or look(store))
    run = rested(make())
    text = store.corpora / ("5" * 32)
    text.mkdir(parents=True)
    (text / "training.bin").write_bytes(b"12345")
    os.utime(text, (time.time() - 2 * YOUNG,) * 2)
    for _ in range(5):
        assert disk.use(store).unneeded == 5
    assert len(looks) == 1
    trash.delete(store, run.id, "local")
    assert (disk.use(store).unneeded, len(looks)) == (5, 2)
    trash.empty(store, "local")
    assert (disk.use(store).unneeded, len(looks)) == (5, 3)
    disk.remove_unneeded_texts(store, "local")
    assert (disk.use(store).unneeded, len(looks)) == (0, 5)
    monkeypatch.setattr(disk, "_KEPT", 0.0)
    assert (disk.use(store).unneeded, len(looks)) == (0, 6)


def test_sizes_are_measured_and_counted(store: Store, make: Make) -> None:
    run = rested(make())
    (run.folder / "log.txt").write_bytes(bytes(5000))
    (one,) = store.listing.summaries(fresh=True)
    disk.measure(store, [one])
    counted = sum(path.stat().st_size for path in run.folder.rglob("*") if path.is_file())
    assert disk.size_of(run.folder) == counted
    (again,) = store.listing.summaries(fresh=True)
    assert store.listing.size(again) == counted
    assert disk.use(store).runs == counted
