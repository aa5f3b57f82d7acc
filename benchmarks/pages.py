"""How soon the pages answer: server start, Home before torch, and the first point after a click on Train.

    python -m benchmarks.pages [--times 10] [--starts 5]

Start is measured against `streamlit hello` in turns, from the process to the first answer. The first point is measured
in Chromium, from the click to the point on screen: with the warm worker (at most 2 s), and without one (at most the
time that importing torch takes here, plus 3 s). Needs Chromium and playwright. A ratio below 1 is within its goal;
for the start it is ours / peer, and the goal is 1.5.
"""

import argparse
import json
import os
import platform
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from llm_core.runs.speed import FILE, Speed, write_speed

ROOT = Path(__file__).parents[1]
HELLO_GOAL = 1.5
WARM_GOAL = 2.0
COLD_ALLOWANCE = 3.0
# Runs in the page: from the click on Train to the first point of the new run on screen, in milliseconds.
WATCH = """() => new Promise(done => {
  const before = document.querySelector('.t-live')?.dataset.drawn?.split(' ')[0];
  let start = null;
  addEventListener('click', () => { start ??= performance.now(); }, {capture: true, once: true});
  const look = () => {
    const [run, points] = (document.querySelector('.t-live')?.dataset.drawn ?? ' 0').split(' ');
    if (start !== null && run && run !== before && Number(points) > 0) done(performance.now() - start);
    else requestAnimationFrame(look);
  };
  look();
})"""


@contextmanager
def serve(command: list[str], runs: Path) -> Iterator[tuple[str, psutil.Process, float]]:
    """A server, its process, and the seconds until it answered."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    runs.mkdir(parents=True, exist_ok=True)
    if not (runs / FILE).exists():  # else it would measure this machine meanwhile, as it does once
        write_speed(runs, Speed(measured=True))
    begun = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "streamlit", *command, "--server.port", str(port), "--server.headless", "true"],
        cwd=ROOT, env={**os.environ, "TERRARIUM_RUNS": str(runs)}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        while True:
            try:
                urllib.request.urlopen(f"{url}/_stcore/health", timeout=1).close()
                break
            except OSError:
                time.sleep(0.01)
        yield url, psutil.Process(process.pid), time.perf_counter() - begun
    finally:
        process.terminate()
        process.wait(20)


def measure_start(times: int, runs: Path) -> dict[str, Any]:
    """Seconds to the first answer, ours and Streamlit's own example, in turns."""
    ours, peer = [], []
    for _ in range(times + 1):
        for command, seconds in ((["run", "app.py"], ours), (["hello"], peer)):
            with serve(command, runs) as (_url, _process, taken):
                seconds.append(taken)
    mine, theirs = statistics.median(ours[1:]), statistics.median(peer[1:])  # the first round fills the disk cache
    return {
        "case": "server start", "ours": round(mine, 3), "peer": round(theirs, 3), "peer_name": "streamlit hello",
        "ratio": round(mine / theirs, 3), "goal": HELLO_GOAL,
    }  # fmt: skip


def has_torch(process: psutil.Process) -> bool:
    return any("libtorch" in area.path for area in process.memory_maps())


def measure_home(browser: Any, runs: Path) -> dict[str, Any]:
    """Whether Home was on screen while the server had no torch yet, and after how many seconds."""
    with serve(["run", "app.py"], runs) as (url, process, _taken):
        page = browser.new_page()
        begun = time.perf_counter()
        page.goto(url)
        page.locator(".t-writer-text, .stAlert").first.wait_for()
        seconds, torch = time.perf_counter() - begun, has_torch(process)
        page.close()
    return {"case": "Home painted before torch", "ours": round(seconds, 2), "torch_imported": torch, "ratio": 1.0 if torch else 0.0, "goal": 0.5}  # fmt: skip


def warm_worker(server: psutil.Process) -> psutil.Process | None:
    """The waiting worker of a server: the youngest, for one that was given a run keeps its command line."""
    with suppress(psutil.NoSuchProcess):
        children = [child for child in server.children() if "--warm" in child.cmdline()]
        return max(children, key=psutil.Process.create_time, default=None)
    return None


def wait_until_warm(server: psutil.Process, seconds: float = 120) -> None:
    """Until the waiting worker and the server itself have imported torch and come to rest."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        worker = warm_worker(server)
        with suppress(psutil.NoSuchProcess):
            if worker is None or not (has_torch(server) and has_torch(worker)):
                time.sleep(0.2)
                continue
            resting = worker.cpu_percent(1.0) < 2 and server.cpu_percent(0.5) < 20
            if resting and worker == warm_worker(server):
                return
    raise SystemExit("no worker became warm")


def first_points(browser: Any, runs: Path, times: int, *, warm: bool) -> list[float]:
    """Seconds from the click to the first point, a page opened anew each time."""
    taken = []
    with serve(["run", "app.py"], runs) as (url, process, _taken):
        for _ in range(times):
            page = browser.new_page()
            page.goto(f"{url}/train")
            page.get_by_role("button", name="Train", exact=True).wait_for()
            wait_until_warm(process)
            page.wait_for_timeout(1000)
            if not warm:
                worker = warm_worker(process)
                assert worker is not None
                worker.kill()
                page.wait_for_timeout(500)
            page.evaluate(f"() => {{ window.first = ({WATCH})(); }}")
            page.get_by_role("button", name="Train", exact=True).click()
            taken.append(page.evaluate("window.first") / 1000)
            page.get_by_role("button", name="Stop", exact=True).click()
            page.locator(".t-live[data-state=stopped]").wait_for(timeout=60_000)
            page.wait_for_timeout(10_000)  # the next worker is warmed some seconds after a start
            page.close()
    return taken


def torch_seconds() -> float:
    """How long a new process takes to import torch, here and now."""
    times = []
    for _ in range(3):
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-c", "import torch"], check=True)
        times.append(time.perf_counter() - begun)
    return statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=10, help="clicks on Train, warm and cold each")
    parser.add_argument("--starts", type=int, default=5, help="server starts, after one that does not count")
    arguments = parser.parse_args()
    from playwright.sync_api import sync_playwright

    names = ("chromium", "chromium-browser", "google-chrome")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        runs = Path(folder) / "runs"
        cases = [measure_start(arguments.starts, runs)]
        path = next((found for name in names if (found := shutil.which(name))), None)
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        cases.append(measure_home(browser, runs))
        for warm in (True, False):
            limit = WARM_GOAL if warm else torch_seconds() + COLD_ALLOWANCE
            taken = first_points(browser, runs, arguments.times, warm=warm)
            median = statistics.median(taken)
            cases.append({
                "case": f"first point, {'warm' if warm else 'cold'} worker", "ours": round(median, 2), "peer": round(limit, 2),
                "peer_name": "limit" if warm else "import torch + 3 s", "ratio": round(median / limit, 3), "goal": 1.0,
                "all": [round(seconds, 2) for seconds in taken],
            })  # fmt: skip
        browser.close()
    for case in cases:
        print(json.dumps(case))
    worst = max(cases, key=lambda case: case["ratio"] / case["goal"])
    print(json.dumps({
        "name": "pages", "ours": worst["ours"], "peer": worst.get("peer"), "peer_name": worst.get("peer_name", worst["case"]),
        "ratio": worst["ratio"], "unit": "seconds", "machine": f"{platform.machine()}, {os.cpu_count()} cores", "cases": cases,
    }))  # fmt: skip


if __name__ == "__main__":
    main()
