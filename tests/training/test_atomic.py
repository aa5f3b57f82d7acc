"""A save is all or nothing: killed anywhere, out of disk anywhere, what stood before still stands."""

import errno
import os
import random
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from llm_core.errors import RunFailed
from llm_core.training import atomic
from llm_core.training.atomic import Damaged, DiskFull, sweep, verify, write_folder
from tests.training.atomic_child import CALLS, step_of

REPOSITORY = Path(__file__).resolve().parents[2]
FILES = {"model.safetensors": bytes(range(256)) * 40, "state.json": b"{}"}


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def child(folder: Path, kill_at: int, steps: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.training.atomic_child", str(folder), str(kill_at), str(steps)]
    return subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)


def survey(folder: Path, acknowledged: int) -> None:
    """Nothing acknowledged is lost and nothing that shows is torn."""
    sweep(folder)
    steps = [step_of(path) for path in sorted(folder.iterdir())]
    assert None not in steps
    assert max([step for step in steps if step is not None], default=0) >= acknowledged
    assert not list(folder.glob(".*"))


def test_a_folder_holds_its_files_and_verifies(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "steps", "00000001", FILES)
    assert verify(folder) == set(FILES)
    assert {name: (folder / name).read_bytes() for name in FILES} == FILES
    assert [path.name for path in (tmp_path / "steps").iterdir()] == ["00000001"]


def test_a_folder_is_replaced(tmp_path: Path) -> None:
    write_folder(tmp_path, "00000001", FILES)
    folder = write_folder(tmp_path, "00000001", {"other": b"new"})
    assert verify(folder) == {"other"}
    assert [path.name for path in tmp_path.iterdir()] == ["00000001"]


@pytest.mark.parametrize("harm", ["truncate", "flip", "remove", "no manifest", "manifest is a list", "path outside"])
def test_damage_is_noticed(tmp_path: Path, harm: str) -> None:
    folder = write_folder(tmp_path, "00000001", FILES)
    model = folder / "model.safetensors"
    if harm == "truncate":
        model.write_bytes(model.read_bytes()[:-1])
    elif harm == "flip":
        model.write_bytes(b"\xff" + model.read_bytes()[1:])
    elif harm == "remove":
        model.unlink()
    elif harm == "no manifest":
        (folder / "manifest.json").unlink()
    elif harm == "manifest is a list":
        (folder / "manifest.json").write_text("[1]")
    else:
        (folder / "manifest.json").write_text('{"files": {"../x": {"bytes": 0, "sha256": ""}}}')
    with pytest.raises(Damaged):
        verify(folder)


def test_the_manifest_is_written_last_and_all_is_flushed_before_the_rename(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    names: dict[int, str] = {}
    real_open, real_write, real_fsync, real_rename = os.open, os.write, os.fsync, os.rename

    def opened(path: Any, *arguments: Any) -> int:
        descriptor = real_open(path, *arguments)
        names[descriptor] = Path(path).name
        return descriptor

    def written(descriptor: int, content: Any) -> int:
        order.append(f"write {names[descriptor]}")
        return real_write(descriptor, content)

    def flushed(descriptor: int) -> None:
        order.append(f"fsync {names[descriptor]}")
        real_fsync(descriptor)

    def renamed(source: Any, target: Any) -> None:
        order.append("rename")
        real_rename(source, target)

    for name, function in (("open", opened), ("write", written), ("fsync", flushed), ("rename", renamed)):
        monkeypatch.setattr(os, name, function)
    write_folder(tmp_path, "00000001", FILES)
    temporary = next(line.split()[1] for line in order if ".writing-" in line)
    expected = [f"{call} {file}" for file in (*FILES, "manifest.json") for call in ("write", "fsync")]
    assert order == [*expected, f"fsync {temporary}", "rename", f"fsync {tmp_path.name}"]


def failing_calls(folder: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: int) -> bool:
    """Replace step 2 while the given call fails; says whether so many calls were made at all."""
    seen = 0

    def wrap(original: Any) -> Any:
        def call(*arguments: Any, **keywords: Any) -> Any:
            nonlocal seen
            seen += 1
            if seen == number:
                raise OSError(code, os.strerror(code))
            return original(*arguments, **keywords)

        return call

    with monkeypatch.context() as patch:
        for name in ("write", "fsync", "rename", "mkdir"):
            patch.setattr(os, name, wrap(getattr(os, name)))
        try:
            write_folder(folder, "00000002", {"model.safetensors": b"newer" * 500_000})
        except DiskFull:
            assert code == errno.ENOSPC
        except RunFailed:
            assert code != errno.ENOSPC
    return seen >= number


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_full_disk_at_any_call_leaves_the_older_checkpoints_byte_for_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    number, wanted = 1, None
    while True:
        folder = tmp_path / str(number)
        write_folder(folder, "00000001", FILES)
        write_folder(folder, "00000002", FILES)
        before = tree(folder)
        if not failing_calls(folder, monkeypatch, number, code):
            break
        sweep(folder)
        after = tree(folder)
        wanted = wanted or {name: content for name, content in before.items() if name.startswith("00000001")}
        assert {name: content for name, content in after.items() if name.startswith("00000001")} == wanted
        # Once the new folder is in place, only flushing its parent can still fail: then the new one stands, whole.
        assert after == before or verify(folder / "00000002") == {"model.safetensors"}
        assert not list(folder.glob(".*"))
        number += 1
    assert number > 10


def test_too_little_room_is_refused_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_folder(tmp_path, "00000001", FILES)
    before = tree(tmp_path)
    usage = type("Usage", (), {"free": 3 * sum(map(len, FILES.values())) - 1})
    monkeypatch.setattr(atomic.shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(DiskFull, match="disk is full"):
        write_folder(tmp_path, "00000002", FILES)
    assert tree(tmp_path) == before


def test_a_kill_at_every_call_loses_nothing_acknowledged(tmp_path: Path) -> None:
    # Two steps, each written and replaced, make every kind of call; the runs are independent, so four go at a time.
    whole = child(tmp_path / "whole", 0, 1)
    assert whole.communicate()[0].split() == ["1", "1", "done"]
    number, finished = 1, False
    while not finished:
        batch = [(tmp_path / str(n), child(tmp_path / str(n), n, 1)) for n in range(number, number + 4)]
        for folder, process in batch:
            said = process.communicate()[0].split()
            finished = finished or "done" in said
            folder.mkdir(exist_ok=True)
            survey(folder, max((int(word) for word in said if word != "done"), default=0))
        number += 4
    assert number > 2 * len(CALLS)


def random_kills(folder: Path, kills: int, seed: int) -> None:
    dice = random.Random(seed)
    acknowledged = 0
    for _ in range(kills):
        process = child(folder, 0, 1_000_000)
        assert process.stdout is not None
        first = process.stdout.readline()
        time.sleep(dice.uniform(0, 0.02))
        process.kill()
        words = [first.strip(), *process.communicate()[0].split()]
        acknowledged = max([acknowledged, *(int(word) for word in words if word.isdigit())])
        survey(folder, acknowledged)
        for old in sorted(folder.iterdir())[:-2]:
            shutil.rmtree(old)


def test_two_hundred_random_kills_lose_nothing_acknowledged(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(random_kills, tmp_path / str(seed), 50, seed) for seed in range(4)]:
            done.result()
