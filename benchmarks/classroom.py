"""A class on one server: 30 scripted browsers that work, start, open and leave.

    python -m benchmarks.classroom [--browsers 30] [--seconds 600] [--connects 500] [--think 10] [--seed 1]

The server serves a class, and every browser joins it first with the students' code. Four questions, a line each:

- *load*: while two runs train, each browser acts about every `--think` seconds for `--seconds`: moves a setting on Train,
  types a prompt on Generate and has it written, searches on Runs, goes to another page. Between its actions it asks the
  routes as its page does. Of the actions the 95th percentile must be at most 2 s, and nothing may fail.
- *starts*: all press Train within 2 s. Every run must be there, and have its place in the order of asking.
- *opening*: all open the page Train at once, as new browsers. Each must be usable within 10 s.
- *memory*: so many tabs are opened and closed again; the last half may add less than 50 MB to the server.

`ours` is the 95th percentile of the actions, `peer` the goal. A `ratio` of at most 1 is within the goal.
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
from pathlib import Path
from typing import Any

from benchmarks.server_kills import settings, wait_for
from benchmarks.visitors import Http, Server, Tab, Watcher, join, percentile
from llm_core.runs import classroom
from llm_core.runs.run import Run
from llm_core.runs.store import Store

P95, OPENING, GROWTH = 2.0, 10.0, 50.0
WRITERS = ("stories-en", "python-reference")
PAGES = ("train", "generate", "runs")


class Student:
    """A browser in the class: one tab, and the connection of its scripts."""

    def __init__(self, number: int, port: int, cookie: str, dice: random.Random) -> None:
        self.number, self.dice = number, dice
        self.tab, self.http, self.own = Tab(port, cookie), Http(port, cookie), Http(port, cookie)
        self.taken: dict[str, list[float]] = {}
        self.faults: list[str] = []

    async def work(self, think: float, until: float) -> None:
        """Act again and again; what goes wrong is noted and the next action tried."""
        await asyncio.sleep(self.dice.uniform(0, think))
        await self._timed("open", self.tab.open(PAGES[self.number % 3]))
        polling = asyncio.create_task(self._poll())
        while (wait := self.dice.expovariate(1 / think)) + time.monotonic() < until:
            await asyncio.sleep(wait)
            await self._act()
        polling.cancel()
        self.faults += self.tab.faults
        await self.tab.close()

    async def _act(self) -> None:
        tab, dice = self.tab, self.dice
        if dice.random() < 0.25:
            page = dice.choice([page for page in PAGES if page != tab.page])
            await self._timed("other page", tab.turn_to(page))
        elif tab.page == "train":
            await self._timed("setting", tab.set(Steps=dice.choice([100, 200, 300, 400])))
        elif tab.page == "generate":
            prompt = f"{dice.choice(['Tom found', 'The statement', 'Lily went to'])} {dice.randrange(100)}"
            await self._timed("prompt", tab.set(Prompt=prompt))
            await self._timed("writing", self._write(prompt))
        else:
            await self._timed(
                "search", self.http.json(f"/runs.json?lang=en&page=0&sort=created&down=1&q={dice.choice('abcdes')}")
            )

    async def _write(self, prompt: str) -> None:
        run = self.dice.choice(WRITERS)
        decoding = {"tokens": 64, "seed": self.dice.randrange(1000)}
        posted = {"run": run, "step": self.step_of[run], "prompt": prompt, "decoding": decoding, "language": "en"}
        status, _headers, body = await self.http.ask("/write", posted)
        last = json.loads(body.splitlines()[-1])
        if status != 200 or "error" in last:
            raise RuntimeError(f"writing answered {status}: {last}")

    step_of: dict[str, int]

    async def _poll(self) -> None:
        """What the scripts of the page ask between two actions, as often as they are told."""
        watcher: Watcher | None = None
        look_again = 0.0
        while True:
            wait = 3000.0
            try:
                if self.tab.page == "train" and self.tab.run:
                    if watcher is None or watcher.run != self.tab.run:
                        watcher = Watcher(self.own, self.tab.run)
                    self.taken.setdefault("route", []).append(await watcher.ask())
                    wait = watcher.head["poll_milliseconds"]
                elif self.tab.page == "runs":
                    found = await self.own.json("/runs.json?lang=en&page=0&sort=created&down=1")
                    wait = 1000 if found.get("measuring") else found["poll_milliseconds"]
                if time.monotonic() > look_again:
                    shown = await self.own.json("/class/shown?lang=en")
                    look_again = time.monotonic() + shown["poll_milliseconds"] / 1000
            except Exception as error:
                self.faults.append(f"route: {error!r}")
            await asyncio.sleep(wait / 1000)

    async def _timed(self, action: str, doing: Any) -> None:
        begun = time.perf_counter()
        try:
            await doing
        except Exception as error:
            self.faults.append(f"{action}: {error!r}")
        else:
            self.taken.setdefault(action, []).append(time.perf_counter() - begun)


async def load(arguments: argparse.Namespace, server: Server, code: str, dice: random.Random) -> dict[str, Any]:
    cookies = [await join(server.port, code) for _ in range(arguments.browsers)]
    students = [
        Student(number, server.port, cookie, random.Random(dice.random())) for number, cookie in enumerate(cookies)
    ]
    until, before, begun = time.monotonic() + arguments.seconds, server.cpu_seconds, time.perf_counter()
    await asyncio.gather(*(student.work(arguments.think, until) for student in students))
    cores = (server.cpu_seconds - before) / (time.perf_counter() - begun)
    kinds = sorted({kind for student in students for kind in student.taken})
    taken = {kind: [each for student in students for each in student.taken.get(kind, [])] for kind in kinds}
    acted = [each for kind in kinds if kind != "route" for each in taken[kind]]
    faults = [fault for student in students for fault in student.faults]
    p95 = percentile(acted, 0.95)
    return {
        "case": "load", "ours": round(p95, 2), "peer": P95, "ratio": round(p95 / P95, 3) if not faults else 99.0,
        "actions": len(acted), "errors": len(faults), "first_errors": faults[:3], "server_cores": round(cores, 2),
        "median": round(statistics.median(acted), 3), "longest": round(max(acted), 2),
        "p95_of": {kind: round(percentile(taken[kind], 0.95), 3) for kind in kinds},
    }  # fmt: skip


async def opening(arguments: argparse.Namespace, server: Server, code: str) -> tuple[dict[str, Any], list[Tab]]:
    """Everybody opens the page at once: the document, the socket, the script, and the first answer of the route."""
    cookies = [await join(server.port, code) for _ in range(arguments.browsers)]

    async def arrive(cookie: str) -> tuple[float, Tab]:
        begun = time.perf_counter()
        http, tab = Http(server.port, cookie), Tab(server.port, cookie)
        await http.ask("/train")
        await tab.open("train")
        if tab.run:
            await http.json(f"/live/{tab.run}?from=0&lang=en")
        http.close()
        return time.perf_counter() - begun, tab

    arrived = await asyncio.gather(*(arrive(cookie) for cookie in cookies))
    taken, tabs = [seconds for seconds, _tab in arrived], [tab for _seconds, tab in arrived]
    faults = [fault for tab in tabs for fault in tab.faults]
    return {
        "case": "opening", "ours": round(max(taken), 2), "peer": OPENING,
        "ratio": round(max(taken) / OPENING, 3) if not faults else 99.0, "median": round(statistics.median(taken), 2),
        "errors": len(faults), "first_errors": faults[:3],
    }, tabs  # fmt: skip


async def starts(store: Store, tabs: list[Tab]) -> dict[str, Any]:
    """All press Train within two seconds. Their runs are looked for in the folder, their order in the queue."""
    known = {run.id for run in store.runs()}

    async def press(tab: Tab, after: float) -> float:
        await asyncio.sleep(after)
        return await tab.set(Train=True)

    taken = await asyncio.gather(*(press(tab, 2 * number / len(tabs)) for number, tab in enumerate(tabs)))
    made = sorted((run for run in store.runs() if run.id not in known), key=lambda run: run.created)
    faults = [fault for tab in tabs for fault in tab.faults]
    places = [place[0] for run in made if (place := store.queue.place(run.id)) is not None]
    lost = len(tabs) - len(made) + sum(run.status().state not in ("waiting", "preparing", "running") for run in made)
    ordered = places == sorted(places)
    for run in made:
        store.want(run, "stopped", owner="local")
    return {
        "case": "starts", "ours": lost, "peer": 0, "ratio": 0.0 if lost == 0 and ordered and not faults else 99.0,
        "pressed": len(tabs), "waiting": len(places), "in_order": ordered, "errors": len(faults), "first_errors": faults[:3],
        "longest_press": round(max(taken), 2),
    }  # fmt: skip


async def memory(arguments: argparse.Namespace, server: Server, code: str) -> dict[str, Any]:
    """Tabs that come and go, a few at a time, each as the browser of one student."""
    cookie = await join(server.port, code)
    half = arguments.connects // 2
    told = [server.megabytes]
    for number in range(arguments.connects):
        tab = Tab(server.port, cookie)
        await tab.open(PAGES[number % 3])
        await tab.close()
        if number + 1 in (half, arguments.connects):
            await asyncio.sleep(3)
            told.append(server.megabytes)
    added = told[2] - told[1]
    return {
        "case": "memory", "ours": round(added, 1), "peer": GROWTH, "ratio": round(max(0.0, added) / GROWTH, 3),
        "connects": arguments.connects, "megabytes": [round(each) for each in told],
    }  # fmt: skip


async def measure(arguments: argparse.Namespace, server: Server, store: Store, code: str) -> list[dict[str, Any]]:
    """Also how fast the runs under way train beside the class, which is told and has no goal here."""
    dice = random.Random(arguments.seed)
    Student.step_of = {run.id: run.steps()[-1] for run in store.bundled() if run.id in WRITERS}
    cookie = await join(server.port, code)
    first, http = Tab(server.port, cookie), Http(server.port, cookie)
    await first.open("train")
    await http.json(f"/live/{first.run}?from=0&lang=en")  # the first page that asks has the server import torch
    http.close()
    await asyncio.sleep(arguments.warming)
    await first.close()
    cases = []

    def tell(case: dict[str, Any]) -> None:
        cases.append(case)
        print(json.dumps(case), flush=True)

    case, tabs = await opening(arguments, server, code)
    tell(case)
    tell(await starts(store, tabs))
    for tab in tabs:
        await tab.close()
    tell(await load(arguments, server, code, dice))
    tell(await memory(arguments, server, code))
    return cases


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--browsers", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--think", type=float, default=10)
    parser.add_argument("--connects", type=int, default=500)
    parser.add_argument(
        "--warming", type=float, default=25, help="seconds for the server to import torch and warm a worker"
    )
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "runs")
        store.root.mkdir()
        code = classroom.open_classroom(store.root).student_code
        runs: list[Run] = [store.create(settings(), name=name) for name in ("one", "two")]
        for run in runs:
            store.queue.ask(run)
        server = Server(store.root, in_class=True)
        server.start()
        try:
            wait_for(lambda: all(run.status().state == "running" for run in runs), 180, "two runs under way")
            cases = asyncio.run(measure(arguments, server, store, code))
        finally:
            for run in store.runs():
                if run.status().state != "finished":
                    store.want(run, "stopped", owner="local")
            wait_for(lambda: not any(run.alive() for run in store.runs()), 60, "the end of the workers")
            server.kill()
    worst = max(cases, key=lambda case: case["ratio"])
    acted = next(case for case in cases if case["case"] == "load")
    print(json.dumps({
        "name": "classroom", "ours": acted["ours"], "peer": P95, "peer_name": "goal", "ratio": worst["ratio"],
        "unit": "seconds, 95th percentile of the actions", "machine": f"{platform.machine()}, {os.cpu_count()} cores", "cases": cases,
    }))  # fmt: skip


if __name__ == "__main__":
    main()
