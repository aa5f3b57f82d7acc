"""How soon the page Runs shows its first row when there are 5,000 runs in the folder, and how soon a search answers.

    python -m benchmarks.runs_page [--runs 5000] [--times 5]

The folders are whole ones: settings, status, name, wish and a history of 200 steps each; every tenth has two snapshots of
some size. Nothing is kept beside them before the first case. Measured in Chromium: from the click on "Runs" to the first
row on screen, on a server that has just begun and on one that knows the runs; from opening the address to the first row,
less what that takes where there are no runs, which is Streamlit's own; and from a key in the search field to the rows
that fit. The goal is 1 s for each. Needs Chromium and playwright. A ratio below 1 is within its goal.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.pages import serve

GOAL = 1.0  # seconds
STEPS = 200
WORDS = ("amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heron")
ROW = ".t-runs-table tbody tr[data-run]"
# Runs in the page: from the click on the link to the first row, in milliseconds, and to the answer of the whole table.
WATCH = """() => new Promise((done, failed) => {
  let start = null;
  setTimeout(() => failed(new Error('no row within 60 s')), 60000);
  addEventListener('click', () => { start ??= performance.now(); }, {capture: true, once: true});
  const look = () => {
    const row = document.querySelector('.t-runs-table tbody tr[data-run]');
    if (start !== null && row && row.getBoundingClientRect().height > 0) requestAnimationFrame(() => done(performance.now() - start));
    else requestAnimationFrame(look);
  };
  look();
})"""
SEARCHED = """(word) => new Promise((done, failed) => {
  setTimeout(() => failed(new Error('no answer within 60 s')), 60000);
  const field = document.querySelector('.t-runs-search');
  const start = performance.now();
  field.value = word;
  field.dispatchEvent(new Event('input'));
  const look = () => {
    const names = [...document.querySelectorAll('.t-runs-table tbody tr[data-run] .t-runs-open')];
    if (names.length && names.every(name => name.textContent.includes(word))) requestAnimationFrame(() => done(performance.now() - start));
    else requestAnimationFrame(look);
  };
  look();
})"""


def make_runs(root: Path, count: int) -> None:
    """So many run folders, as a worker leaves them."""
    from llm_core.config import RunConfig
    from llm_core.runs.status import Status, as_json

    config = RunConfig().model_dump(mode="json")
    rows = [
        {"kind": "step", "step": step, "tokens": step * 3072, "seconds": step * 0.05, "loss": 6.9 - 3 * step / STEPS, "learning_rate": 0.003, "gradient_norm": 0.7, "tokens_per_second": 40_000.0}
        for step in range(STEPS)
    ]  # fmt: skip
    history = "".join(json.dumps(row) + "\n" for row in rows)
    began = time.time() - count * 60
    for number in range(count):
        folder, created = root / f"{number + 1:016x}", began + number * 60
        folder.mkdir(parents=True)
        run = {"format": 1, "kind": "train", "config": config, "owner": "local", "created": created, "recipe": "gpt", "threads": 1, "versions": {}, "grammar": None}  # fmt: skip
        loss = 2 + (number * 7919 % 1000) / 500
        status = Status(
            state="finished", step=STEPS, steps=STEPS, loss=loss, validation_loss=loss, heartbeat=created + 50
        )
        wish = {"state": "running", "until_step": None, "at": created, "owner": "local"}
        for name, value in (("run.json", run), ("status.json", as_json(status)), ("wanted.json", wish)):
            (folder / name).write_text(json.dumps(value), encoding="utf-8")
        (folder / "name.txt").write_text(f"{WORDS[number % len(WORDS)]} no{number:05d}", encoding="utf-8")
        (folder / "history.jsonl").write_text(history, encoding="utf-8")
        for step in (0, STEPS) if number % 10 == 0 else ():
            (folder / "steps" / f"{step:08d}").mkdir(parents=True)
            (folder / "steps" / f"{step:08d}" / "model.safetensors").write_bytes(bytes(50_000))


def clicked(page: Any, url: str) -> float:
    """Seconds from a click on "Runs" on the first page to the first row."""
    page.goto(url)
    page.locator(".t-writer-text").first.wait_for()
    page.wait_for_timeout(1500)
    link = page.get_by_role("link", name="Runs", exact=True).first
    link.wait_for()
    watched = page.evaluate_handle(f"() => {{ window.watched = ({WATCH})(); }}")
    watched.dispose()
    link.click()
    return float(page.evaluate("() => window.watched")) / 1000


def opened(page: Any, url: str) -> float:
    """Seconds from opening the address to the first row."""
    begun = time.perf_counter()
    page.goto(f"{url}/runs")
    page.locator(ROW).first.wait_for()
    return time.perf_counter() - begun


def measure(count: int, times: int) -> list[dict[str, Any]]:
    """Seconds of every case, medians but for the server that has just begun."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        root = Path(folder) / "runs"
        make_runs(root, count)
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        taken: dict[str, list[float]] = {}
        for case in ("server just begun, nothing kept", "server begun anew"):
            with serve(["run", "app.py"], root) as (url, _process, _seconds):
                page = browser.new_page()
                taken[f"click, {case}"] = [clicked(page, url)]
                time.sleep(20)  # the sizes of all runs are measured once, and torch is imported
                if case == "server begun anew":
                    taken["click, server warm"] = [clicked(page, url) for _ in range(times)]
                    whole = [opened(page, url) for _ in range(times)]
                    words = [f"no{number:05d}" for number in range(17, count, max(1, count // times))]
                    taken["search"] = [float(page.evaluate(SEARCHED, word)) / 1000 for word in words[:times]]
                page.close()
        with serve(["run", "app.py"], Path(folder) / "none") as (url, _process, _seconds):
            page = browser.new_page()
            clicked(page, url)
            time.sleep(20)
            bare = statistics.median(opened(page, url) for _ in range(times))
        taken["address opened, over a folder without runs"] = [seconds - bare for seconds in whole]
        browser.close()
    return [
        {
            "case": case, "ours": round(statistics.median(seconds), 3), "peer": GOAL, "peer_name": "goal",
            "ratio": round(statistics.median(seconds) / GOAL, 3), "goal": 1.0, "slowest": round(max(seconds), 3),
        }
        for case, seconds in taken.items()
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5000)
    parser.add_argument("--times", type=int, default=5)
    arguments = parser.parse_args()
    cases = measure(arguments.runs, arguments.times)
    for case in cases:
        print(json.dumps(case))
    worst = max(cases, key=lambda case: case["ratio"])
    print(json.dumps({
        "name": "runs_page", "runs": arguments.runs, "ours": worst["ours"], "peer": worst["peer"], "peer_name": worst["peer_name"],
        "ratio": worst["ratio"], "unit": "seconds", "machine": f"{platform.machine()}, {os.cpu_count()} cores", "cases": cases,
    }))  # fmt: skip


if __name__ == "__main__":
    main()
