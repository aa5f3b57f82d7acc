"""Locks: held as long as their process lives, and asking takes nothing away."""

import subprocess
import sys
from pathlib import Path

from llm_core.runs.locks import Lock, held

HOLD = """
import sys, time
from pathlib import Path
from llm_core.runs.locks import Lock
lock = Lock(Path(sys.argv[1]))
print(lock.acquire(), flush=True)
time.sleep(60)
"""


def test_a_lock_dies_with_a_killed_process(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    assert not held(path)
    child = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True)
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == "True\n"
        assert held(path)
        assert not Lock(path).acquire()
        child.kill()
    assert not held(path)
    assert path.exists()


def test_a_second_lock_is_refused_until_the_first_is_released(tmp_path: Path) -> None:
    first, second = Lock(tmp_path / ".lock"), Lock(tmp_path / ".lock")
    assert first.acquire()
    assert not second.acquire(timeout=0.05)
    first.release()
    first.release()
    assert second.acquire()
    second.release()


def test_asking_many_times_at_once_never_takes_the_lock_away(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    with Lock(path) as lock:
        assert lock.acquire()
        assert all(held(path) for _ in range(50))
    assert not any(held(path) for _ in range(50))
