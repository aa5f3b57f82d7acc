"""The store: names and ids from outside, owners, broken and read-only folders, double clicks."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import pytest

from llm_core.config import DataConfig, RunConfig, TransformerConfig, load_recipe
from llm_core.data.corpora import with_corpus
from llm_core.data.grammar.grammar import load_grammar
from llm_core.errors import UserError
from llm_core.runs.files import replace_json, replace_text, sweep
from llm_core.runs.run import Run
from llm_core.runs.store import Store

Make = Callable[..., Run]
TRANSLATE = load_recipe(Path(__file__).parents[2] / "assets" / "recipes" / "translate.toml")

PARTS = ("..", ".", "%2e%2e", "..;", "....", "~", "..\x00", "․․", "‥")
TAILS = ("", "/", "/etc/passwd", "\\windows", "/../..", "//x", "/.", "\x00.json", "/run.json", "?x=1", "/corpora")
TRAVERSALS = sorted(
    {part + tail for part in PARTS for tail in TAILS}
    | {
        "", " ", "/", "\\", "/etc/x", "C:\\x", "CON", "NUL", "a\0b", "file:///etc/passwd", "runs-evil", "corpora",
        "0123456789abcde", "0123456789abcdef0", "0123456789ABCDEF", "0123456789abcdeg", "../0123456789abcdef",
        "0123456789abcdef/..", "0123456789abcdef\n", "0123456789abcdef\0", "０123456789abcdef", ".trash", ".slots",
    }
)  # fmt: skip


def everything(folder: Path) -> dict[str, bytes | None]:
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in folder.rglob("*")}


def test_a_new_run_holds_its_settings_and_waits(make: Make, store: Store) -> None:
    run = make("我的 run", recipe="gpt")
    again = store.find(run.id)
    assert again == run
    assert again.config.model == RunConfig().model
    assert (again.name, again.recipe, again.kind, again.owner) == ("我的 run", "gpt", "train", "local")
    assert again.config.training.threads is not None, "the thread count is fixed, so that resuming repeats exactly"
    assert (again.status().state, again.steps(), again.alive()) == ("waiting", [], False)
    assert json.loads((run.folder / "run.json").read_text())["versions"]["torch"]
    assert [path.name for path in store.root.iterdir()] == [run.id]


def test_a_run_names_the_grammar_that_wrote_its_text(store: Store) -> None:
    run = store.create(with_corpus(RunConfig(), "stories-zh"), name="a story")
    assert run.grammar == load_grammar("stories").digest
    assert json.loads((run.folder / "run.json").read_text())["grammar"] == run.grammar


def test_a_run_from_before_there_were_grammars_is_still_read(make: Make, store: Store) -> None:
    run = make()
    assert run.grammar is None
    values = json.loads((run.folder / "run.json").read_text())
    del values["grammar"], values["config"]["data"]["rows"], values["config"]["data"]["documents"]
    replace_json(run.folder / "run.json", values)
    again = store.find(run.id)
    assert again.problem is None
    assert again.config == run.config


def test_runs_are_listed_newest_first(make: Make, store: Store) -> None:
    assert store.runs() == []
    made = [make(str(number)) for number in range(3)]
    assert [run.name for run in store.runs()] == [run.name for run in reversed(made)]


@pytest.mark.parametrize("reference", TRAVERSALS)
def test_no_name_reaches_outside_the_store(make: Make, store: Store, tmp_path: Path, reference: str) -> None:
    make()
    for place in (tmp_path, tmp_path / "runs-evil", store.root / "corpora", tmp_path / "models"):
        place.mkdir(exist_ok=True)
        (place / "run.json").write_text("{}")
    with pytest.raises(UserError):
        store.find(reference)


def test_there_are_a_hundred_of_those_names() -> None:
    assert len(TRAVERSALS) >= 100


@pytest.mark.parametrize("name", [*TRAVERSALS, "雪" * 86, "x" * 10_000, "<script>alert(1)</script>", "🙂\udc80\x1b[2J"])
def test_any_text_may_be_a_name_and_none_is_a_path(store: Store, tmp_path: Path, name: str) -> None:
    run = store.create(RunConfig(), name=name)
    store.rename(run, name, "local")
    assert run.name
    assert not any(ord(character) < 32 for character in run.name)
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]
    assert [path.name for path in store.root.iterdir()] == [run.id]


def test_links_are_not_followed(make: Make, store: Store, tmp_path: Path) -> None:
    run = make()
    outside = tmp_path / "outside"
    run.folder.rename(outside)
    run.folder.symlink_to(outside)
    with pytest.raises(UserError):
        store.find(run.id)
    assert store.runs() == []


def test_the_command_line_may_name_a_folder(make: Make, store: Store, tmp_path: Path) -> None:
    run = make()
    elsewhere = Store(tmp_path / "other")
    with pytest.raises(UserError):
        elsewhere.find(str(run.folder))
    assert elsewhere.find(str(run.folder), paths=True) == run
    for reference in ("a\0b", "x" * 5000, str(tmp_path), "~nobody"):
        with pytest.raises(UserError):
            elsewhere.find(reference, paths=True)


def test_the_command_line_may_name_a_run_as_people_do_where_that_is_clear(make: Make, store: Store) -> None:
    one, two, three = make("mine"), make("twice"), make("twice")
    assert store.find("mine", paths=True) == one
    with pytest.raises(UserError):
        store.find("mine")
    with pytest.raises(UserError, match=f"{three.id}, {two.id}"):
        store.find("twice", paths=True)


def test_a_bundled_model_is_found_by_name_and_never_written(make: Make, store: Store, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    make().folder.rename(tmp_path / "models" / "tiny-english")
    before = everything(tmp_path / "models")
    run = store.find("tiny-english")
    assert run.read_only
    assert store.bundled() == [run]
    for change in (
        lambda: store.want(run, "stopped", owner="local"),
        lambda: store.rename(run, "x", "local"),
        lambda: store.start(run),
    ):
        with pytest.raises(UserError, match="read-only"):
            change()
    assert everything(tmp_path / "models") == before


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\x00", b"[]", b'{"format": 1, "kind": "train", "config": {"model": 3}}', b'{"format": 99}', b'{"format": 1, "kind": "rm -rf"}', b'{"format": 1, "kind": ["train"], "config": {}}'])  # fmt: skip
def test_a_broken_run_is_flagged_and_the_list_still_stands(make: Make, store: Store, content: bytes) -> None:
    good, bad = make("good"), make("bad")
    (bad.folder / "run.json").write_bytes(content)
    assert {run.id for run in store.runs()} == {good.id, bad.id}
    broken = store.find(bad.id)
    assert broken.problem is not None
    assert broken.status().state == "failed"
    assert bad.id in broken.status().message
    with pytest.raises(UserError):
        _ = broken.config
    with pytest.raises(UserError):
        store.start(broken)


def test_a_folder_that_cannot_be_written_is_read_only(
    make: Make, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make()
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    again = store.find(run.id)
    assert again.read_only
    assert again.config == run.config
    with pytest.raises(UserError, match="read-only"):
        store.want(again, "stopped", owner="local")


def test_only_the_owner_may_stop_or_rename(make: Make, store: Store) -> None:
    run = make(owner="ada")
    before = everything(run.folder)
    with pytest.raises(UserError, match="ada"):
        store.want(run, "stopped", owner="eve")
    with pytest.raises(UserError, match="ada"):
        store.rename(run, "mine", "eve")
    assert everything(run.folder) == before
    store.want(run, "stopped", owner="ada")
    assert run.status().state == "stopped"


def test_a_double_click_makes_one_run_and_two_forms_make_two(store: Store) -> None:
    made: list[Run] = []

    def click(token: str) -> None:
        made.append(store.create(RunConfig(), name="same", form_token=token))

    threads = [Thread(target=click, args=(token,)) for token in ("first", "first", "second", "first")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({run.id for run in made}) == 2
    assert len(store.runs()) == 2


@pytest.mark.parametrize(
    "config",
    [
        RunConfig(model=TransformerConfig(width=4096, heads=64, layers=64)),
        RunConfig(data=DataConfig(corpus="/no/such/file.txt")),
        RunConfig(
            data=DataConfig(corpus="stories-en", tokenizer="word", rows="documents"),
            model=TransformerConfig(context=32),
        ),
        TRANSLATE.model_copy(update={"data": DataConfig(corpus="python-reference", rows="pairs")}),
        TRANSLATE.model_copy(update={"model": TransformerConfig(architecture="encoder_decoder", context=8)}),
    ],
    ids=[
        "too large",
        "no such file",
        "stories longer than the context",
        "no pairs",
        "sentences longer than the context",
    ],
)
def test_a_refused_input_leaves_nothing(store: Store, tmp_path: Path, config: RunConfig) -> None:
    with pytest.raises(UserError):
        store.create(config, name="x")
    assert everything(tmp_path) == {}


def test_a_root_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = Store(tmp_path / "file" / "runs")
    assert store.runs() == []
    with pytest.raises(UserError, match="No run can be made"):
        store.create(RunConfig(), name="x")


def test_stopping_twice_is_stopping_once(make: Make, store: Store) -> None:
    run = make()
    for _ in range(2):
        store.want(run, "stopped", owner="local")
        assert run.status().state == "stopped"
    store.want(run, "running", owner="local")
    assert run.status().state == "waiting"


def test_a_finished_run_cannot_be_asked_to_run(make: Make, store: Store) -> None:
    run = make()
    replace_json(run.folder / "status.json", {"state": "finished", "heartbeat": time.time()})
    before = everything(run.folder)
    store.want(run, "running", owner="local")
    assert everything(run.folder) == before


def test_a_replaced_file_is_old_or_new_and_a_failure_leaves_the_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    path = tmp_path / "a.json"
    replace_text(path, "old")
    monkeypatch.setattr(Path, "replace", lambda self, target: (_ for _ in ()).throw(OSError(28, "No space left")))
    with pytest.raises(OSError, match="No space"):
        replace_text(path, "new")
    assert everything(tmp_path) == {"a.json": b"old"}
    with pytest.raises(ValueError):
        replace_json(path, {"a": float("nan")})


def test_temporary_files_of_the_dead_are_swept_and_of_the_living_kept(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    (tmp_path / f".status.json.{dead.pid}-3.temp").write_text("")
    kept = {f".name.txt.{os.getpid()}-1.temp", "temp", ".other.temp"}
    for name in kept:
        (tmp_path / name).write_text("")
    sweep(tmp_path)
    assert set(everything(tmp_path)) == kept


def test_the_store_needs_no_torch(tmp_path: Path) -> None:
    program = (
        "import sys; from llm_core.runs.store import Store; from llm_core.runs.live import live;"
        "Store().runs(); Store().bundled(); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_what_a_killed_creator_left_is_swept_and_a_living_ones_is_not(tmp_path: Path) -> None:
    dead, living = tmp_path / f".new-{2**22 + 1}-{'a' * 16}", tmp_path / f".new-{os.getpid()}-{'b' * 16}"
    dead.mkdir()
    living.mkdir()
    Store(tmp_path).create(RunConfig(), name="x")
    assert not dead.exists()
    assert living.exists()
