"""Has this machine's speed measured, in a process of its own, where it is not known. Knows no torch."""

import subprocess
import sys
from pathlib import Path

from llm_core.runs.launch import environment
from llm_core.runs.locks import held
from llm_core.runs.speed import LOCK, read_speed


def measure_once(root: Path) -> None:
    """Wait until the speed is known, at most some minutes: for a thread that has nothing else to do."""
    if read_speed(root).measured or held(root / LOCK):
        return
    subprocess.run(
        [sys.executable, "-m", "llm_core.runs.calibration", str(root)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env=environment(), check=False,
    )  # fmt: skip
