"""How near the estimate before the start comes to what a training then takes, in time and in memory.

    python -m benchmarks.estimates [--recipes gpt lstm cloze translate] [--steps-share 1.0] [--speed FILE]

The machine is measured first, as the Train page has it done (`--speed` takes a `.speed.json` from before instead). Then
each recipe is trained whole, in a worker process of its own on a text that is not prepared yet: seconds from taking up
the run to its end, and the process's highest resident memory. Both must be within 0.7 and 1.3 of the estimate.
`--steps-share` shortens the runs for a trial.
"""

import argparse
import json
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from llm_core.config import load_recipe
from llm_core.devices import physical_cores
from llm_core.runs.calibration import FOLDER, calibrate
from llm_core.runs.estimate import estimate
from llm_core.runs.launch import environment
from llm_core.runs.speed import FILE, read_speed
from llm_core.runs.store import Store
from llm_core.runs.text_size import text_size

LOW, HIGH = 0.7, 1.3
PROGRAM = """
import os, pathlib, sys, time
from llm_core.runs import families, race_job, train_job
from llm_core.runs.names import root_of
from llm_core.runs.run import open_run
from llm_core.runs.worker import work
import sklearn.linear_model, sklearn.tree
if hasattr(os, "nice"):
    os.nice(5)
folder = pathlib.Path(sys.argv[1])
began, computed = time.perf_counter(), time.process_time()
status = work(open_run(folder, root_of(folder) / "corpora"))
seconds, computed = time.perf_counter() - began, time.process_time() - computed
own = pathlib.Path("/proc/self/status")
if own.exists():
    peak = next(int(line.split()[1]) * 1024 for line in own.read_text().splitlines() if line.startswith("VmHWM"))
else:
    import resource
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS
print(status.state, seconds, computed, peak)
"""


def measure(name: str, root: Path, share: float) -> dict[str, object]:
    """One recipe: estimated, then trained."""
    config = load_recipe(FOLDER / f"{name}.toml")
    steps = max(20, round(config.training.steps * share))
    config = config.model_copy(update={"training": config.training.model_copy(update={"steps": steps})})
    store = Store(root)
    began = time.perf_counter()
    told = estimate(config, text_size(config.data, store.corpora), read_speed(root))
    asking = time.perf_counter() - began
    began = time.perf_counter()
    for more in range(1, 101):  # as when a knob is turned
        turned = config.model_copy(update={"training": config.training.model_copy(update={"steps": steps + more})})
        estimate(turned, text_size(turned.data, store.corpora), read_speed(root))
    turning = (time.perf_counter() - began) / 100
    run = store.create(config, name=name, recipe=name)
    output = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(run.folder)], env=environment(), check=True, capture_output=True, text=True
    )
    state, seconds, computed, peak = output.stdout.split()[-4:]
    if state != "finished":
        raise RuntimeError(f"{name} ended as {state}: {output.stderr[-500:]}")
    return {
        "case": f"{name}, {steps} steps", "ours": round(told.seconds, 1), "peer": round(float(seconds), 1),
        "ratio": round(told.seconds / float(seconds), 3), "cpu_seconds": round(float(computed), 1), "low": round(told.low, 1), "high": round(told.high, 1),
        "memory_mb": round(told.memory / 1e6), "memory_taken_mb": round(int(peak) / 1e6),
        "memory_ratio": round(told.memory / int(peak), 3), "asking_ms": round(asking * 1000, 2),
        "knob_ms": round(turning * 1000, 2),
    }  # fmt: skip


def main() -> None:
    """Print a line a case and the JSON object last."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipes", nargs="+", default=["gpt", "lstm", "cloze", "translate"])
    parser.add_argument("--steps-share", type=float, default=1.0)
    parser.add_argument("--speed", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "runs")
        began = time.perf_counter()
        if arguments.speed:
            root.mkdir()
            shutil.copy(arguments.speed, root / FILE)
        else:  # in a process of its own, as the page has it done
            subprocess.run([sys.executable, "-m", calibrate.__module__, str(root)], env=environment(), check=True)
        calibrating = time.perf_counter() - began
        print(f"calibration: {calibrating:.1f} s", file=sys.stderr)
        cases = []
        for name in arguments.recipes:
            cases.append(measure(name, root, arguments.steps_share))
            print(cases[-1], file=sys.stderr)
    worst = max(cases, key=lambda case: max(abs(float(str(case["ratio"])) - 1), abs(float(str(case["memory_ratio"])) - 1)))  # fmt: skip
    within = all(LOW <= float(str(case[key])) <= HIGH for case in cases for key in ("ratio", "memory_ratio"))
    print(
        json.dumps(
            {
                "name": "estimates", "ours": worst["ours"], "peer": worst["peer"], "peer_name": "what the training took",
                "ratio": worst["ratio"], "unit": "seconds", "goal": [LOW, HIGH], "reached": within,
                "calibration_seconds": round(calibrating, 1),
                "machine": f"{platform.processor() or platform.machine()}, {physical_cores()} cores", "cases": cases,
            }
        )
    )  # fmt: skip


if __name__ == "__main__":
    main()
