"""Whether a server may be killed: 20 times while two runs are under way and a third waits.

    python -m benchmarks.server_kills [--kills 20] [--seed 1] [--down 2]

The server alone gets SIGKILL at a random moment, stays away for `--down` seconds and is started again on the same runs.
Checked each time: both runs took steps meanwhile and the same processes still work on them; the third still waits. Then
how long it takes from the restart until the page is right: it is drawn by a new tab, shows the run, and its route tells
the state and a step as new as the run's own. `ours` is the longest, `peer` the goal of 10 seconds. At the end one run is
stopped, and the one that waited must begin. POSIX only.
"""

import argparse
import asyncio
import json
import os
import platform
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.visitors import Http, Server, Tab
from llm_core.config import DataConfig, RunConfig, TrainingConfig, TransformerConfig
from llm_core.runs import status as statuses
from llm_core.runs.run import Run
from llm_core.runs.status import Status
from llm_core.runs.store import Store

GOAL = 10.0


def settings() -> RunConfig:
    """A small model that trains for longer than anybody kills."""
    return RunConfig(
        data=DataConfig(tokenizer="character"),
        model=TransformerConfig(width=64, layers=2, heads=2, context=64),
        training=TrainingConfig(
            steps=5_000_000, batch_size=8, evaluation_every=1000, evaluation_tokens=1024, sample_every=1000,
            sample_tokens=16, checkpoint_every=1000, threads=1,
        ),
    )  # fmt: skip


def wait_for(condition: Callable[[], bool], seconds: float, what: str) -> float:
    begun = time.monotonic()
    while not condition():
        if time.monotonic() - begun > seconds:
            raise SystemExit(f"{what} did not come about in {seconds:.0f} s")
        time.sleep(0.02)
    return time.monotonic() - begun


def said(run: Run) -> Status:
    """What the worker of a run last said itself."""
    last = statuses.recorded(run.folder)
    assert last is not None
    return last


async def is_right(server: Server, runs: list[Run]) -> bool:
    """Whether a new tab shows the first run, and the routes how all of them stand."""
    tab, http = Tab(server.port), Http(server.port)
    try:
        await tab.open("train", f"run={runs[0].id}")
        if tab.run != runs[0].id or tab.faults:
            return False
        for run in runs[:2]:
            step = said(run).step
            head = await http.json(f"/live/{run.id}?lang=en")
            if head["state"] != "running" or head["step"] < step or not head["rows"]:
                return False
        head = await http.json(f"/live/{runs[2].id}?lang=en")
        return (head["state"], head["place"]) == ("waiting", 1)
    except (OSError, RuntimeError, TimeoutError):
        return False
    finally:
        http.close()
        if hasattr(tab, "_socket"):
            await tab.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--down", type=float, default=2.0, help="seconds without a server")
    arguments = parser.parse_args()
    dice = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "runs")
        runs = [store.create(settings(), name=name) for name in ("one", "two", "waits")]
        for run in runs:
            store.queue.ask(run)  # the server is to take them up itself
        server = Server(store.root)
        server.start()
        taken = []
        try:
            wait_for(lambda: all(run.status().state == "running" for run in runs[:2]), 180, "two runs under way")
            for number in range(arguments.kills):
                time.sleep(dice.uniform(0.2, 3.0))
                pids, steps = [said(run).pid for run in runs[:2]], [said(run).step for run in runs[:2]]
                server.kill()
                time.sleep(arguments.down)
                for run, pid, step in zip(runs, pids, steps, strict=False):
                    wait_for(lambda run=run, step=step: said(run).step > step, 30, "a step without a server")  # type: ignore[misc]
                    assert run.alive(), "the worker went with the server"
                    assert said(run).pid == pid, "another worker took the run up"
                assert runs[2].status().state == "waiting"
                begun = time.perf_counter()
                server.start()
                while not asyncio.run(is_right(server, runs)):
                    if time.perf_counter() - begun > 60:
                        raise SystemExit("the page did not become right within 60 s")
                    time.sleep(0.1)
                taken.append(time.perf_counter() - begun)
                print(f"kill {number + 1}: both went on, the page was right after {taken[-1]:.1f} s", flush=True)
            store.want(runs[0], "stopped", owner="local")
            wait_for(lambda: runs[2].status().state == "running", 90, "the turn of the run that waited")
        finally:
            for run in runs:
                store.want(run, "stopped", owner="local")
            wait_for(lambda: not any(run.alive() for run in runs), 60, "the end of the workers")
            server.kill()
    print(json.dumps({
        "name": "server_kills", "ours": round(max(taken), 2), "peer": GOAL, "peer_name": "goal", "ratio": round(max(taken) / GOAL, 3),
        "unit": "seconds from the restart to a right page, the longest", "median": round(statistics.median(taken), 2),
        "kills": len(taken), "runs_lost": 0, "machine": f"{platform.machine()}, {os.cpu_count()} cores",
    }))  # fmt: skip


if __name__ == "__main__":
    main()
