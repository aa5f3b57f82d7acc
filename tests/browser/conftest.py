"""A real server and a real Chromium. Without a browser these tests are skipped, and say so; where
TERRARIUM_REQUIRE_BROWSER=1 they fail instead."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Request, expect, sync_playwright

ROOT = Path(__file__).parents[2]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


expect.set_options(timeout=30_000)


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


def start_server(runs: Path, port: int | None = None) -> tuple[Server, "subprocess.Popen[bytes]"]:
    if port is None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
    log = (runs.parent / "server.log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)],
        cwd=ROOT, env={**os.environ, "TERRARIUM_RUNS": str(runs)}, stdout=log, stderr=subprocess.STDOUT,
    )  # fmt: skip
    log.close()
    url = f"http://127.0.0.1:{port}"
    for _ in range(300):
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=1):
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
def browser() -> Iterator[Browser]:
    path = next((found for name in NAMES if (found := shutil.which(name))), None)
    with sync_playwright() as playwright:
        if path is None and not Path(playwright.chromium.executable_path).exists():
            sentence = "no Chromium was found; install one (Debian: apt install chromium) to run the browser tests"
            if os.environ.get("TERRARIUM_REQUIRE_BROWSER") == "1":
                pytest.fail(sentence)
            pytest.skip(sentence)
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


Opened = Callable[..., Page]


@pytest.fixture
def opened(browser: Browser, server: Server) -> Iterator[Opened]:
    """Opens pages, and holds at the end that nothing left this machine and no script failed."""
    contexts, strangers, failures = [], [], []

    def note(request: Request) -> None:
        if not request.url.startswith((server.url, server.url.replace("http", "ws"), "data:", "blob:")):
            strangers.append(request.url)

    def open_page(path: str, *, width: int = 1280, heading: str | None = None, **options: object) -> Page:
        context = browser.new_context(viewport={"width": width, "height": 900}, locale="en-US", **options)  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.on("request", note)
        page.on("pageerror", lambda error: failures.append(str(error)))
        page.on("websocket", lambda socket: strangers.append(socket.url) if "127.0.0.1" not in socket.url else None)
        page.goto(server.url + path)
        page.get_by_role("heading", level=1, name=heading).first.wait_for()
        # A click while the script still runs for the first time can be lost with the element it hit.
        page.locator("[data-test-script-state=notRunning]").wait_for()
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert strangers == []
    assert failures == []
