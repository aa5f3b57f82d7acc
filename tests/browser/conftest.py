"""A real server and a real Chromium. Without a browser these tests are skipped, and say so; where
TERRARIUM_REQUIRE_BROWSER=1 they fail instead."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Download, Locator, Page, Request, expect, sync_playwright
from playwright.sync_api import TimeoutError as TookTooLong

from llm_core.runs.speed import FILE, Speed, write_speed

ROOT = Path(__file__).parents[2]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


ONE_PROCESS = ("--renderer-process-limit=1", "--disable-site-isolation-trials")
"""All pages of a visitor in one process: what it has compiled once serves them all, and half of a page's time is spared."""


expect.set_options(timeout=60_000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.browser)


@dataclass(frozen=True)
class Server:
    """A running `streamlit run app.py` with its own folder of runs."""

    url: str
    runs: Path
    pid: int


def start_server(runs: Path, port: int | None = None, **environment: str) -> tuple[Server, "subprocess.Popen[bytes]"]:
    if port is None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
    log = (runs.parent / "server.log").open("wb")
    runs.mkdir(parents=True, exist_ok=True)
    if not (runs / FILE).exists():  # no server is to measure this machine while others are tested on it
        write_speed(runs, Speed(measured=True))
    process = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)],
        cwd=ROOT, env={**os.environ, "TERRARIUM_RUNS": str(runs), **environment}, stdout=log, stderr=subprocess.STDOUT,
    )  # fmt: skip
    log.close()
    url = f"http://127.0.0.1:{port}"
    for _ in range(300):
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=1):
                return Server(url, runs, process.pid), process
        except urllib.error.HTTPError:  # a class answers nobody without a code
            return Server(url, runs, process.pid), process
        except OSError:
            time.sleep(0.1)
    process.kill()
    raise AssertionError("the server did not start: " + (runs.parent / "server.log").read_text(errors="replace"))


def stop_server(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server, process = start_server(tmp_path_factory.mktemp("terrarium") / "runs")
    yield server
    stop_server(process)


@pytest.fixture(scope="session")
def class_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that serves a class: nobody is let in without a code."""
    server, process = start_server(tmp_path_factory.mktemp("class") / "runs", TERRARIUM_CLASSROOM="1")
    yield server
    stop_server(process)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = next((found for name in NAMES if (found := shutil.which(name))), None)
    with sync_playwright() as playwright:
        if path is None and not Path(playwright.chromium.executable_path).exists():
            sentence = "no Chromium was found; install one (Debian: apt install chromium) to run the browser tests"
            if os.environ.get("TERRARIUM_REQUIRE_BROWSER") == "1":
                pytest.fail(sentence)
            pytest.skip(sentence)
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", *ONE_PROCESS])
        yield browser
        browser.close()


AT_REST = """() => {
  const now = performance.now();
  const state = document.querySelector("[data-test-script-state]")?.dataset.testScriptState;
  if (state !== "notRunning" || window.busyAt === undefined) window.busyAt = now;
  return now - window.busyAt > 300;
}"""


def at_rest(page: Page) -> None:
    """Wait until no script has run for a moment: what is drawn now stays."""
    page.evaluate("() => { window.busyAt = undefined; }")
    page.wait_for_function(AT_REST, polling=50)


def press(target: Locator, effect: Callable[[], bool], tries: int = 5) -> None:
    """Click as a person does: when the page is at rest, and once more when nothing came of it.

    A press takes a tenth of a second; on a busy machine the element can be drawn anew in between, and the click is lost.
    """
    act(target.page, lambda: target.click(delay=100, timeout=15_000), effect, tries)


def downloaded(target: Locator) -> Download:
    """What a click on this gives to take away."""
    kept: list[Download] = []

    def keep(download: Download) -> None:
        kept.append(download)

    target.page.on("download", keep)
    press(target, lambda: bool(kept))
    target.page.remove_listener("download", keep)
    return kept[0]


def enter(field: Locator, value: str, key: str = "Enter", effect: Callable[[], bool] | None = None) -> None:
    """Fill in a field and confirm it, until the page has taken it."""

    def type_in() -> None:
        if field.input_value() == value:
            field.fill("")  # what is typed anew is a change again
        field.fill(value, timeout=15_000)
        field.press(key, timeout=15_000)
        at_rest(field.page)

    act(field.page, type_in, effect or (lambda: field.input_value() == value), known=False)


def act(page: Page, deed: Callable[[], None], effect: Callable[[], bool], tries: int = 5, known: bool = True) -> None:
    """Do something until it shows its effect; `known`: it may have come of itself, and then nothing is done."""
    for attempt in range(tries):
        at_rest(page)
        if (known or attempt) and effect():
            return
        try:
            deed()
        except TookTooLong:  # what was to be clicked went away, perhaps because the last click did reach it
            continue
        for _ in range(100):
            if effect():
                return
            page.wait_for_timeout(50)
    at_rest(page)
    assert effect(), f"nothing came of it on a page that says: {page.locator('.stMain').inner_text()}"


@pytest.fixture(scope="session")
def visitor(browser: Browser, server: Server) -> Iterator[BrowserContext]:
    """One person for all tests, with a page that stays open, so that the process behind all their pages stays too."""
    context = browser.new_context(locale="en-US")
    context.new_page().goto(f"{server.url}/_stcore/health")
    yield context
    context.close()


Opened = Callable[..., Page]


@pytest.fixture
def opened(visitor: BrowserContext, server: Server) -> Iterator[Opened]:
    """Opens pages, and holds at the end that nothing left this machine and no script failed."""
    pages: list[Page] = []
    strangers: list[str] = []
    failures: list[str] = []

    def note(request: Request) -> None:
        if not request.url.startswith((server.url, server.url.replace("http", "ws"), "data:", "blob:")):
            strangers.append(request.url)

    def open_page(path: str, *, width: int = 1280, heading: str | None = None, **media: str) -> Page:
        page = visitor.new_page()
        pages.append(page)
        page.emulate_media(**media)  # type: ignore[arg-type]
        page.set_viewport_size({"width": width, "height": 900})
        page.set_default_timeout(60_000)
        page.on("request", note)
        page.on("pageerror", lambda error: failures.append(str(error)))
        page.on("websocket", lambda socket: strangers.append(socket.url) if "127.0.0.1" not in socket.url else None)
        page.goto(server.url + path)
        page.get_by_role("heading", level=1, name=heading).first.wait_for()
        at_rest(page)
        return page

    yield open_page
    for page in pages:
        page.close()
    assert strangers == []
    assert failures == []
