"""How soon each view of the page Inside shows its first picture, for bundled models.

    python -m benchmarks.inside_page [--models stories-en cloze-en-zh] [--times 3]

Measured in Chromium, from the click on a view's name to the first of its pictures with something drawn in it. Each time a
new server is started, so that nothing has been computed before but what the first view, the logit lens, has said of the
text; the median of the times. The goal is one second for each view. A view that says that it is not for this model counts
as soon as it has said so, and so does one whose picture a button asks for. Needs Chromium and playwright. A ratio below 1 is within its goal.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.pages import serve
from pages.ui.inside.views import VIEWS

GOAL = 1.0  # seconds
FIRST = "lens"
DRAWN = ".trace path, .trace text, .hm image, .shapelayer path, canvas"
# Runs in the page: from the next click to a picture, or a reason why there is none, that was not there before; in ms.
WATCH = """(drawn) => new Promise(done => {
  const seen = () => [...document.querySelectorAll('[data-drawn], [class*=st-key-inside_go_], .t-measured')];
  const old = new Set(seen());
  let start = null;
  addEventListener('click', () => { start ??= performance.now(); }, {capture: true, once: true});
  setTimeout(() => done(Infinity), 30_000);
  const look = () => {
    const found = seen().find(node => !old.has(node) && (node.matches('[class*=st-key-inside_go_]') || node.querySelector(drawn) || node.querySelector('button.t-primary')));
    if (start !== null && found) requestAnimationFrame(() => done(performance.now() - start));
    else requestAnimationFrame(look);
  };
  look();
})"""


def measure(browser: Any, model: str) -> dict[str, float]:
    """Seconds to the first picture of each view, on a server of its own."""
    taken = {}
    with tempfile.TemporaryDirectory() as folder, serve(["run", "app.py"], Path(folder)) as (url, _process, _taken):
        page = browser.new_page(viewport={"width": 1280, "height": 2400})
        page.set_default_timeout(60_000)
        page.goto(f"{url}/inside?run={model}&lang=en&view={FIRST}")
        page.locator(f"[data-drawn] {DRAWN.split(',')[2]}").first.wait_for()
        page.wait_for_timeout(10_000)  # what a server does in its first seconds is not this page's
        for view in VIEWS:
            if view == FIRST:
                continue
            page.evaluate(f"() => {{ window.drawnAfter = ({WATCH})({json.dumps(DRAWN)}); }}")
            page.locator(".st-key-inside_view button", has_text=VIEWS[view].title).first.click()
            taken[view] = float(page.evaluate("window.drawnAfter")) / 1000
            page.wait_for_timeout(4000)  # all of its pictures, not the first alone
        page.close()
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["stories-en", "cloze-en-zh"])
    parser.add_argument("--times", type=int, default=3, help="servers for each model")
    arguments = parser.parse_args()
    from playwright.sync_api import sync_playwright

    names = ("chromium", "chromium-browser", "google-chrome")
    path = next((found for name in names if (found := shutil.which(name))), None)
    cases = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        for model in arguments.models:
            rounds = [measure(browser, model) for _ in range(arguments.times)]
            for view in rounds[0]:
                seconds = [each[view] for each in rounds]
                median = statistics.median(seconds)
                cases.append({
                    "case": f"{model}: {view}", "ours": round(median, 2), "peer": GOAL, "peer_name": "limit",
                    "ratio": round(median / GOAL, 3), "goal": 1.0, "all": [round(each, 2) for each in seconds],
                })  # fmt: skip
                print(json.dumps(cases[-1]), flush=True)
        browser.close()
    worst = max(cases, key=lambda case: case["ratio"])
    print(json.dumps({
        "name": "inside_page", "ours": worst["ours"], "peer": worst["peer"], "peer_name": worst["peer_name"],
        "ratio": worst["ratio"], "unit": "seconds", "machine": f"{platform.machine()}, {os.cpu_count()} cores", "cases": cases,
    }))  # fmt: skip


if __name__ == "__main__":
    main()
