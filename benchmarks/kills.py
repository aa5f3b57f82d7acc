"""Whether a run that is killed again and again ends as one that never was: 200 SIGKILLs of the full worker.

    python -m benchmarks.kills [--kills 200] [--steps 400] [--seed 1]

Each life of a worker is a forked process (torch is imported once) that trains a small model with dropout and gradient
accumulation in a run folder and is killed at a random moment. When a run has finished, its losses and the hash of its
last checkpoint are compared with those of an uninterrupted run, and the next run is begun until enough were killed.
Checked after each kill: a checkpoint that the history names is there and whole, and the lock is free. POSIX only.
"""

import argparse
import hashlib
import json
import os
import platform
import random
import signal
import tempfile
import time
from pathlib import Path

import torch._dynamo  # noqa: F401 - what the first optimizer imports; here once for all lives

from llm_core.config import DataConfig, RunConfig, TrainingConfig, TransformerConfig
from llm_core.runs import history, train_job
from llm_core.runs.run import Run
from llm_core.runs.store import Store
from llm_core.runs.worker import work
from llm_core.training import atomic

TEXT = "\n\n".join(f"Sentence {i} says that {i * 7 % 13} and {i * 5 % 11} make {i * 7 % 13 + i * 5 % 11}." for i in range(400))  # fmt: skip


def config(steps: int, text: Path) -> RunConfig:
    return RunConfig(
        model=TransformerConfig(width=32, layers=2, heads=2, context=32, dropout=0.1),
        data=DataConfig(corpus=str(text), tokenizer="character"),
        training=TrainingConfig(
            steps=steps, batch_size=4, accumulation=2, evaluation_every=25, evaluation_tokens=512, sample_every=100,
            sample_tokens=8, checkpoint_every=20, threads=1,
        ),
    )  # fmt: skip


def live(run: Run) -> int:
    """A life of a worker, in a process of its own; its number."""
    child = os.fork()
    if child:
        return child
    try:
        status = work(run)
        os._exit(0 if status.state == "finished" else 3)
    except BaseException:
        os._exit(4)


def figures(run: Run) -> tuple[list[tuple[str, int, float]], str]:
    """What must be equal: every loss of the settled history, and the hash of the last full checkpoint's tensors."""
    rows = history.records(run.folder)
    losses = [(row["kind"], row["step"], row["loss"]) for row in rows if row["kind"] in ("step", "evaluation")]
    folder = run.folder / "steps" / f"{run.steps()[-1]:08d}"
    digest = hashlib.sha256()
    for name in ("model.safetensors", "optimizer.safetensors"):
        digest.update((folder / name).read_bytes())
    return losses, digest.hexdigest()


def check(run: Run) -> None:
    """What must hold after every kill."""
    assert not run.alive(), "the lock of a dead worker is held"
    kept = [row["step"] for row in history.records(run.folder) if row["kind"] == "snapshot" and row["full"]]
    if kept:
        newest = train_job.checkpoints.newest_full(run.folder / "steps")
        assert newest is not None, "no usable checkpoint"
        assert int(newest.name) >= max(kept), "an acknowledged checkpoint was lost"
        atomic.verify(newest)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    dice = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as place:
        text = Path(place) / "text.txt"
        text.write_text(TEXT, encoding="utf-8")
        store = Store(Path(place) / "runs")
        settings = config(arguments.steps, text)
        whole = store.create(settings, name="uninterrupted")
        began = time.monotonic()
        assert os.waitpid(live(whole), 0)[1] == 0
        length = time.monotonic() - began
        expected = figures(whole)
        kills = runs = equal = 0
        while kills < arguments.kills:
            run, lives = store.create(settings, name="killed"), 0
            while True:
                worker = live(run)
                if kills < arguments.kills and lives < 12:
                    time.sleep(dice.uniform(0, 0.5 * length))
                    os.kill(worker, signal.SIGKILL)
                ended = os.waitpid(worker, 0)[1]
                check(run)
                if ended == 0:
                    break
                assert os.WIFSIGNALED(ended), f"the worker ended by itself: {run.status().message}"
                kills, lives = kills + 1, lives + 1
            runs += 1
            equal += figures(run) == expected
            print(f"{kills} kills, {runs} runs, {equal} equal to the uninterrupted one", flush=True)
    print(json.dumps({
        "name": "kills", "ours": equal, "peer": runs, "peer_name": "runs killed and resumed", "ratio": equal / runs,
        "unit": "runs equal bit for bit to an uninterrupted one", "kills": kills,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
    }))  # fmt: skip


if __name__ == "__main__":
    main()
