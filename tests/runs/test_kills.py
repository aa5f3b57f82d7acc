"""The full worker, killed: what is left ends as the uninterrupted run, bit for bit."""

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.skipif(sys.platform == "win32", reason="forks and SIGKILL are POSIX's")
def test_five_kills_change_no_bit_of_a_run() -> None:
    program = [sys.executable, "-m", "benchmarks.kills", "--kills", "5", "--steps", "60"]
    result = subprocess.run(program, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    figures = json.loads(result.stdout.splitlines()[-1])
    assert figures["kills"] >= 5
    assert figures["ratio"] == 1.0
