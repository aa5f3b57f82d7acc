"""A run that leaves as a zip comes in again whole; whatever else is brought is one sentence, and leaves nothing."""

import dataclasses
import hashlib
import io
import json
import shutil
import stat
import warnings
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llm_core.config import DataConfig, RunConfig, TrainingConfig, TransformerConfig
from llm_core.data.prepare import import_text
from llm_core.errors import UserError
from llm_core.runs import archive, classroom, tags, unpacking
from llm_core.runs.archive import export
from llm_core.runs.classroom import Limits
from llm_core.runs.history import records
from llm_core.runs.run import Run, children_of
from llm_core.runs.status import Status, as_json
from llm_core.runs.store import BUNDLED_RACES, Store
from llm_core.runs.unpacked_run import import_run
from llm_core.runs.worker import work
from llm_core.training import atomic, checkpoints

OWNER = f"student-{7:016x}"
TEXT = b"the cat sat on the mat and the dog sat on the cat. " * 60


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of four steps on a text that somebody brought."""
    store = Store(tmp_path_factory.mktemp("here") / "runs")
    path = import_text("cats.txt", TEXT, store.corpora)
    config = RunConfig(
        model=TransformerConfig(context=16, width=16, layers=1, heads=2),
        data=DataConfig(corpus=str(path), vocabulary_size=280),
        training=TrainingConfig(steps=4, batch_size=2, threads=1, sample_tokens=2, evaluation_tokens=32, device="cpu"),
    )
    run = store.create(config, name="cats <b>", owner="local")
    assert work(run).state == "finished"
    tags.change_tags(run, add=["first"], owner="local")
    return run


@pytest.fixture(scope="module")
def sound(trained: Run) -> bytes:
    return b"".join(export(trained))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "runs")


def bring(store: Store, content: bytes) -> Run:
    return import_run(store, io.BytesIO(content), owner=OWNER)


def files_in(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(files: dict[str, bytes], mode: int = stat.S_IFREG | 0o644) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = mode << 16
            archive.writestr(entry, content)
    return packed.getvalue()


def refused(store: Store, content: bytes, words: str | None = None) -> None:
    store.root.mkdir(exist_ok=True)
    before = sorted(map(str, store.root.rglob("*")))
    with pytest.raises(UserError, match=words) as caught:
        bring(store, content)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600
    assert sorted(map(str, store.root.rglob("*"))) == before


def test_a_run_comes_in_whole_as_another_ones(trained: Run, sound: bytes, store: Store) -> None:
    run = bring(store, sound)
    assert run.id != trained.id
    assert (run.owner, run.name, run.steps(), run.problem) == (OWNER, "cats <b>", trained.steps(), None)
    assert tags.tags_of(run.folder) == ("first",)
    assert records(run.folder) == records(trained.folder)
    status = run.status()
    assert (status.state, status.step, status.pid, status.started) == ("finished", 4, None, None)
    model, tokenizer = store.model(run)
    theirs, their_tokenizer = Store(trained.folder.parent).model(trained)
    assert all((model.state_dict()[name] == tensor).all() for name, tensor in theirs.state_dict().items())
    assert tokenizer.to_json() == their_tokenizer.to_json()
    assert bring(store, sound).id != run.id
    assert not [path for path in store.root.iterdir() if path.name.startswith(".new")]


def test_it_can_go_on_where_it_came_to(trained: Run, store: Store) -> None:
    files = files_in(b"".join(export(trained)))
    place = f"{trained.id}/run.json"
    values = json.loads(files[place])
    values["config"]["training"]["steps"] = 6
    files[place] = json.dumps(values).encode()
    files[f"{trained.id}/status.json"] = json.dumps(as_json(Status(state="paused", step=4))).encode()
    run = bring(store, zipped(files))
    assert run.status().state == "stopped"
    store.want(run, "running", owner=OWNER)
    assert work(run).step == 6


def test_a_text_comes_along_and_its_path_is_one_of_this_place(sound: bytes, store: Store) -> None:
    path = Path(bring(store, sound).config.data.corpus)
    assert path.read_bytes() == TEXT
    assert path.is_relative_to(store.corpora)


@pytest.mark.parametrize("path", ["/etc/passwd", "../../secret.txt", "C:\\secret.txt", "\\\\host\\share\\x", "nowhere"])
def test_no_path_of_another_place_stays_in_the_settings(trained: Run, store: Store, path: str) -> None:
    files = files_in(b"".join(export(trained, texts=False)))
    values = json.loads(files[f"{trained.id}/run.json"])
    values["config"]["data"]["corpus"] = path
    files[f"{trained.id}/run.json"] = json.dumps(values).encode()
    kept = Path(bring(store, zipped(files)).config.data.corpus)
    assert kept.is_relative_to(store.corpora)
    assert not kept.exists()


def test_a_race_comes_with_its_families_and_new_ids(store: Store) -> None:
    race = next(run for run in store.bundled_races())
    run = bring(store, b"".join(export(race)))
    assert run.settings == race.settings
    children = children_of(run)
    assert len(children) == len(children_of(race)) > 3
    assert {child.settings.race for child in children} == {run.id}  # type: ignore[union-attr]
    assert not {child.id for child in children} & {path.name for path in BUNDLED_RACES.glob("*/children/*")}


def test_a_run_that_is_nothing_without_another_does_not_leave(trained: Run, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(trained.folder, tmp_path / trained.id))
    values = json.loads((copy / "run.json").read_text()) | {"kind": "head_scores", "config": {"run": trained.id}}
    (copy / "run.json").write_text(json.dumps(values))
    from llm_core.runs.run import open_run

    with pytest.raises(UserError, match="nothing without it"):
        export(open_run(copy, tmp_path))


def steps_in(content: bytes, folder: Path) -> dict[str, frozenset[str]]:
    """The names of the files of each checkpoint in a zip; raises where one is not as it was written."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        archive.extractall(folder)
    return {path.name: atomic.verify(path) for path in folder.glob("*/steps/*")}


def test_a_checkpoint_that_is_replaced_meanwhile_leaves_whole(trained: Run, tmp_path: Path) -> None:
    pieces = sum(1 for _ in export(trained))
    seen = set()
    for at in range(pieces):
        copy = Path(shutil.copytree(trained.folder, tmp_path / str(at) / trained.id))
        taken = []
        for number, piece in enumerate(export(dataclasses.replace(trained, folder=copy))):
            taken.append(piece)
            if number == at:
                checkpoints._demote(copy / "steps", 4)
        found = steps_in(b"".join(taken), tmp_path / str(at) / "zip")
        assert set(found) == {path.name for path in (trained.folder / "steps").iterdir()}
        seen.add(checkpoints.STATE in found["00000004"])
    assert seen == {True, False}


def test_a_checkpoint_at_odds_with_its_manifest_stays_behind(trained: Run, tmp_path: Path, store: Store) -> None:
    copy = Path(shutil.copytree(trained.folder, tmp_path / trained.id))
    (copy / "steps" / "00000004" / "model.safetensors").write_bytes(b"the half of it")
    run = bring(store, b"".join(export(dataclasses.replace(trained, folder=copy))))
    assert run.steps() == trained.steps()[:-1] != []


def test_a_checkpoint_that_goes_while_it_is_measured_stays_behind(
    trained: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = Path(shutil.copytree(trained.folder, tmp_path / trained.id))
    is_symlink = Path.is_symlink

    def thinned(path: Path) -> bool:
        if path.parent.name == "00000004" and path.exists():
            path.unlink()
        return is_symlink(path)

    monkeypatch.setattr(Path, "is_symlink", thinned)
    content = b"".join(export(dataclasses.replace(trained, folder=copy)))
    assert "00000004" not in steps_in(content, tmp_path / "zip")


def test_too_many_files_are_another_sentence_than_too_many_bytes(trained: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MOST_ENTRIES", 3)
    with pytest.raises(UserError, match="files even without its checkpoints; at most 3"):
        export(trained)


NAMES = {
    "../out.json": "outside|no file of a run", "/etc/out.json": "outside", "C:/out.json": "outside|no file of a run",
    "{id}/../../out.json": "outside", "{id}\\..\\..\\out.json": "outside", "{id}/CON": "no file of a run",
    "{id}/run.json ": "no file of a run", "{id}/steps/00000000/more.zip": "archive inside", "{id}/steps/model.pt": "no file of a run",
    "{id}/wanted.json": "no file of a run", "{id}/.lock": "no file of a run", "{id}/exit.json": "no file of a run",
    "{id}/children/0123456789abcdef/name.txt": "without its file run.json", "other/name.txt": "no file of a run",
    "{id}/texts/" + "0" * 32 + "/x.txt": "not the one that its folder names",
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_no_run_has_is_refused(trained: Run, sound: bytes, store: Store, name: str) -> None:
    refused(store, zipped(files_in(sound) | {name.replace("{id}", trained.id): b"{}"}), NAMES[name])


def test_links_bombs_doubles_and_what_is_no_zip_are_refused(
    trained: Run, sound: bytes, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = files_in(sound)
    refused(store, zipped(files, stat.S_IFLNK | 0o777), "not a regular file")
    monkeypatch.setattr(unpacking, "MOST_BYTES", 1_000_000)
    refused(store, zipped(files | {f"{trained.id}/history.jsonl": bytes(1_000_000)}), "unpacks to more than")
    monkeypatch.undo()
    refused(
        store, zipped({f"{trained.id}/opened/{number:08d}.json": b"" for number in range(1001)}), "at most 1,000 files"
    )
    packed = io.BytesIO(sound)
    with warnings.catch_warnings(), zipfile.ZipFile(packed, "a") as archive:
        warnings.simplefilter("ignore")
        archive.writestr(f"{trained.id}/name.txt", "again")
    refused(store, packed.getvalue(), "twice")
    refused(store, b"PK", "not a zip")
    refused(store, sound[:-100])
    refused(store, zipped({"name.txt": b"x"}), "run.json is missing")


def test_sizes_that_lie_are_counted_while_they_come(
    sound: bytes, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpacking, "check_entries", lambda entries: None)
    monkeypatch.setattr(unpacking, "MOST_BYTES", 10_000)
    refused(store, sound, "unpacks to more than")


SPOILED: dict[str, tuple[str, bytes, str]] = {
    "another version": ("run.json", b'{"format": 99, "kind": "train", "config": {}}', "another version"),
    "unknown kind": ("run.json", b'{"format": 1, "kind": "__import__", "config": {}}', "another version"),
    "settings out of range": ("run.json", b'{"format": 1, "kind": "train", "config": {"training": {"steps": -1}}}', "training.steps"),
    "unknown setting": ("run.json", b'{"format": 1, "kind": "train", "config": {"shell": "rm"}}', "shell"),
    "not JSON": ("run.json", b"\x80\x04.", "broken"),
    "NaN": ("corpus.json", b'{"digest": NaN}', "broken"),
    "too deep": ("corpus.json", b'{"a":' * 100_000, "broken"),
    "a line that is no record": ("history.jsonl", b'{"kind":"step","step":1,"loss":1.0}\n[1]\n', "line 2"),
    "a line with a wrong step": ("history.jsonl", b'{"kind":"step","step":"<img>","loss":1.0}\n', "line 1"),
    "a line with an endless loss": ("history.jsonl", b'{"kind":"evaluation","step":1,"loss":1e999}\n', "line 1"),
    "a sentence that is too wide": ("history.jsonl", b'{"kind":"no_floor","template":"{x:>2000000000}","values":{"x":1}}\n', "line 1"),
    "a sentence with a stray brace": ("history.jsonl", b'{"kind":"family","template":"{","values":{}}\n', "line 1"),
    "a learning rate that is none": ("history.jsonl", b'{"kind":"rate","learning_rate":null,"loss":1.0,"smoothed":1.0}\n', "line 1"),
    "a picture of heads that is none": ("history.jsonl", b'{"kind":"heads","step":1,"part":"decoder","score":"x"}\n', "line 1"),
    "half a character": ("history.jsonl", b'{"kind":"sample","step":1,"text":"\\uD800"}\n', "line 1"),
    "another tokenizer": ("tokenizer.json", b'{"kind": "characters"}', "okenizer"),
    "weights that changed": ("steps/00000004/model.safetensors", b"x" * 100, "damaged"),
    "a manifest that lies": ("steps/00000004/manifest.json", b'{"files": {"../../../x": {"bytes": 0, "sha256": ""}}}', "damaged"),
}  # fmt: skip


@pytest.mark.parametrize("case", SPOILED)
def test_every_file_is_read_as_what_it_says_it_is(trained: Run, sound: bytes, store: Store, case: str) -> None:
    name, content, words = SPOILED[case]
    files = files_in(sound)
    assert f"{trained.id}/{name}" in files
    refused(store, zipped(files | {f"{trained.id}/{name}": content}), words)


@pytest.mark.parametrize(
    "changes", [{"threads": 100_000}, {"threads": "2"}, {"precision": "int2"}, {"config": 5}], ids=str
)
def test_how_a_checkpoint_computes_is_looked_at_too(
    trained: Run, sound: bytes, store: Store, changes: dict[str, object]
) -> None:
    files, place = files_in(sound), f"{trained.id}/steps/00000004"
    state = json.dumps(json.loads(files[f"{place}/state.json"]) | changes).encode()
    manifest = json.loads(files[f"{place}/manifest.json"])
    manifest["files"]["state.json"] = {"bytes": len(state), "sha256": hashlib.sha256(state).hexdigest()}
    files |= {f"{place}/state.json": state, f"{place}/manifest.json": json.dumps(manifest).encode()}
    refused(store, zipped(files), "is damaged")


def test_an_opened_step_is_looked_at_too(trained: Run, sound: bytes, store: Store) -> None:
    refused(store, zipped(files_in(sound) | {f"{trained.id}/opened/00000003.json": b'{"step": 3}'}), "broken")


def test_nobody_takes_over_a_process_a_wish_or_an_owner(trained: Run, sound: bytes, store: Store) -> None:
    files = files_in(sound)
    status = as_json(Status(state="running", step=3, pid=1, started=1.0, template="{x:>2000000000}", values={"x": 1}, heartbeat=9e9))  # fmt: skip
    run = json.loads(files[f"{trained.id}/run.json"]) | {"owner": "teacher-0000000000000000", "created": 9e9}
    spoiled = {"status.json": status, "run.json": run}
    files |= {f"{trained.id}/{name}": json.dumps(value).encode() for name, value in spoiled.items()}
    found = bring(store, zipped(files))
    assert (found.owner, found.status().state, found.status().pid, found.status().template) == (OWNER, "stopped", None, None)  # fmt: skip
    assert found.created < 8e9


def test_what_a_student_may_not_start_cannot_come_in_either(sound: bytes, store: Store) -> None:
    teacher = f"teacher-{1:016x}"
    classroom.open_classroom(store.root)
    classroom.change(store.root, teacher, limits=Limits(steps=3))
    refused(store, sound, "at most 3 are allowed")
    assert import_run(store, io.BytesIO(sound), owner=teacher).owner == teacher
    classroom.change(store.root, teacher, limits=Limits(steps=4, megabytes=1))
    run = bring(store, sound)
    (run.folder / "log.txt").write_bytes(bytes(1_000_000))
    refused(store, sound, "Your runs take")


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_zip_that_was_tampered_with_gives_nothing_but_a_sentence(
    trained: Run, sound: bytes, store: Store, data: st.DataObject
) -> None:
    files = files_in(sound)
    if data.draw(st.booleans()):
        place = data.draw(st.sampled_from(sorted(files)))
        cut = data.draw(st.integers(0, len(files[place])))
        more = data.draw(st.binary(max_size=40))
        content = zipped(files | {place: files[place][:cut] + more + files[place][cut + len(more) :]})
    else:
        at = data.draw(st.integers(0, len(sound) - 1))
        content = sound[:at] + data.draw(st.binary(min_size=1, max_size=8)) + sound[at + 1 :]
    before = len(store.runs())
    try:
        bring(store, content)
    except UserError:
        assert len(store.runs()) == before
    assert not list(store.root.glob(".new*"))
