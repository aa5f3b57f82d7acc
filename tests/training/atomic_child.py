"""A small process that keeps saving folders and dies where it is told to; it never imports torch.

    python -m tests.training.atomic_child FOLDER KILL_AT STEPS

It writes steps one after another, saves the last one a second time (so that a folder is replaced too), and prints each
number once it is acknowledged. Unless KILL_AT is 0 it kills itself at that call among write, fsync, rename, replace,
mkdir, unlink and rmdir: half of a write has then happened, and none of another call.
"""

import hashlib
import os
import signal
import sys
from pathlib import Path
from typing import Any

from llm_core.training.atomic import sweep, verify, write_folder

CALLS = ("write", "fsync", "rename", "replace", "mkdir", "unlink", "rmdir")


def content(step: int, version: int) -> dict[str, bytes]:
    """Files whose bytes follow from step and version."""
    seed = hashlib.sha256(f"{step}.{version}".encode()).digest()
    return {"model.safetensors": seed * 4000, "state.json": seed.hex().encode()}


def step_of(folder: Path) -> int | None:
    """Which step a folder holds; None when it holds nothing whole."""
    step = int(folder.name)
    verify(folder)
    files = {name: (folder / name).read_bytes() for name in ("model.safetensors", "state.json")}
    return step if files in (content(step, 0), content(step, 1)) else None


def kill_at(number: int) -> None:
    """Let the process die by SIGKILL in the given call among CALLS."""
    seen = 0

    def wrap(name: str) -> None:
        original = getattr(os, name)

        def call(*arguments: Any, **keywords: Any) -> Any:
            nonlocal seen
            seen += 1
            if seen == number:
                if name == "write":
                    original(arguments[0], arguments[1][: len(arguments[1]) // 2])
                os.kill(os.getpid(), signal.SIGKILL)
            return original(*arguments, **keywords)

        setattr(os, name, call)

    for name in CALLS:
        wrap(name)


def main(folder: Path, number: int | None, steps: int) -> None:
    sweep(folder)
    last = max((int(path.name) for path in folder.glob("[0-9]*")), default=0)
    if number is not None:
        kill_at(number)
    for step in range(last + 1, last + 1 + steps):
        for version in (0, 1):
            write_folder(folder, f"{step:08d}", content(step, version))
            print(step, flush=True)  # the acknowledgement
    assert "torch" not in sys.modules
    print("done", flush=True)


if __name__ == "__main__":
    arguments = sys.argv[1:]
    main(Path(arguments[0]), int(arguments[1]) or None, int(arguments[2]))
