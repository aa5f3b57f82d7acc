"""Whether watching is free: 200 browsers follow one live run through its route, and the run trains as fast as alone.

    python -m benchmarks.watchers [--watchers 200] [--tabs 20] [--seconds 20] [--turns 8]

A server trains one model of the default recipe. In turns of `--seconds` each it is alone and watched by `--watchers`
clients that ask as the live component does, whenever the last reply said to; `--tabs` of them have the page open as
well, so that script reruns can be counted: there must be none. The first two seconds of each turn do not count. `ours`
is tokens per second while watched and `peer` alone, medians over the turns; the goal of the ratio is at least 0.85.
"""

import argparse
import asyncio
import json
import os
import platform
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.visitors import Http, Server, Tab, Watcher, percentile
from llm_core.config import load_recipe
from llm_core.runs import history
from llm_core.runs.run import Run
from llm_core.runs.store import Store

SETTLING = 2.0
GOAL = 0.85
RECIPE = Path(__file__).parents[1] / "assets" / "recipes" / "gpt.toml"


def begin(store: Store) -> Run:
    """A run that outlasts the measurement, waiting for the server to take it up."""
    recipe = load_recipe(RECIPE)
    training = recipe.training.model_copy(
        update={"steps": 5_000_000, "seconds": None, "sample_every": 1000, "threads": 1}
    )
    run = store.create(recipe.model_copy(update={"training": training}), name="watched")
    store.queue.ask(run)
    return run


class Meter:
    """Tokens that a run has read, told by the lines that it adds to its history."""

    def __init__(self, run: Run) -> None:
        self._run, self._offset, self._tokens = run, 0, 0

    def tokens(self) -> int:
        rows, self._offset = history.read(self._run.folder, self._offset)
        self._tokens = max([self._tokens, *(row["tokens"] for row in rows if row.get("kind") == "step")])
        return self._tokens


async def turn(meter: Meter, seconds: float) -> float:
    """Tokens per second in the settled part of a turn."""
    await asyncio.sleep(SETTLING)
    begun, before = time.perf_counter(), meter.tokens()
    await asyncio.sleep(seconds)
    tokens = meter.tokens()
    return (tokens - before) / (time.perf_counter() - begun)


async def measure(arguments: argparse.Namespace, server: Server, run: Run) -> dict[str, object]:
    meter = Meter(run)
    while meter.tokens() < 20_000:
        await asyncio.sleep(0.2)
    tabs = [Tab(server.port) for _ in range(arguments.tabs)]
    for tab in tabs:
        await tab.open("train", f"run={run.id}")
        assert tab.run == run.id, f"the page shows {tab.run}: {tab.faults}"
    await asyncio.sleep(10)  # the server itself imports torch and warms a worker some seconds after the first page
    watchers = [Watcher(Http(server.port), run.id) for _ in range(arguments.watchers)]
    drawn = sum(tab.scripts for tab in tabs)
    alone, watched, taken = [], [], []
    cpu = asked = 0.0
    for _ in range(arguments.turns):
        alone.append(await turn(meter, arguments.seconds))
        before, count, begun = server.cpu_seconds, len(taken), time.perf_counter()
        following = [asyncio.create_task(watcher.follow(taken)) for watcher in watchers]
        watched.append(await turn(meter, arguments.seconds))
        cpu += (server.cpu_seconds - before) / (time.perf_counter() - begun) / arguments.turns
        asked += (len(taken) - count) / (time.perf_counter() - begun) / arguments.turns
        for task in following:
            task.cancel()
        results = await asyncio.gather(*following, return_exceptions=True)
        faults = [result for result in results if not isinstance(result, asyncio.CancelledError)]
        assert not faults, faults[:3]
        for watcher in watchers:
            watcher.http.close()
        print(f"alone {alone[-1]:,.0f}, watched {watched[-1]:,.0f} tokens/s", flush=True)
    ours, peer = statistics.median(watched), statistics.median(alone)
    return {
        "name": "watchers", "ours": round(ours), "peer": round(peer), "peer_name": "the same run alone, in turns",
        "ratio": round(ours / peer, 3), "goal": GOAL, "unit": "tokens per second",
        "watchers": len(watchers), "script_reruns": sum(tab.scripts for tab in tabs) - drawn,
        "requests_per_second": round(asked, 1), "server_cores": round(cpu, 3),
        "reply_milliseconds": {"median": round(1e3 * statistics.median(taken), 1), "p95": round(1e3 * percentile(taken, 0.95), 1)},
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--watchers", type=int, default=200)
    parser.add_argument(
        "--tabs", type=int, default=20, help="of whom so many have the page open, to count script reruns"
    )
    parser.add_argument("--seconds", type=float, default=20, help="length of a turn")
    parser.add_argument("--turns", type=int, default=8, help="of each kind")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "runs")
        run = begin(store)
        server = Server(store.root)
        server.start()
        try:
            result = asyncio.run(measure(arguments, server, run))
        finally:
            store.want(run, "stopped", owner="local")
            for _ in range(200):
                if not run.alive():
                    break
                time.sleep(0.1)
            server.kill()
    print(json.dumps(result))


if __name__ == "__main__":
    main()
