"""Home in a real browser: painted before torch, the runs under way, two languages, any width."""

import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from llm_core.runs.store import BUNDLED_MODELS
from tests.browser.conftest import Opened, Server, at_rest, press, start_server, stop_server
from tests.pages.recorded import write_run

RUN = "00000000000000aa"


def heading(page: Page, name: str) -> Callable[[], bool]:
    """Whether that page is shown."""
    return page.get_by_role("heading", level=1, name=name).is_visible


def has_torch(pid: int) -> bool:
    """Whether the server has torch in memory: its shared library is mapped."""
    return "libtorch" in Path(f"/proc/{pid}/maps").read_text()


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="reads the server's memory map, which Linux shows")
def test_home_is_painted_before_torch_is_imported(browser: object, tmp_path: Path) -> None:
    server, process = start_server(tmp_path / "runs")
    try:
        assert not has_torch(server.pid)
        page = browser.new_page()  # type: ignore[attr-defined]
        seen: list[bool] = []
        # The first question of a live component is what starts the warm-up: it comes when the page is on screen.
        page.on("request", lambda request: request.url.endswith("/live") and seen.append(has_torch(server.pid)))
        page.goto(server.url)
        page.get_by_role("heading", name="Terrarium").wait_for()
        page.locator(".t-runs p, .t-run").first.wait_for()
        assert seen[0] is False
        page.close()
    finally:
        stop_server(process)


@pytest.mark.skipif(not any(BUNDLED_MODELS.glob("*/run.json")), reason="no bundled model has been built")
def test_home_shows_what_the_bundled_model_wrote(opened: Opened) -> None:
    page = opened("/", reduced_motion="reduce")
    text = page.locator(".t-writer-text")
    expect(text).not_to_be_empty()
    last = text.inner_text()
    page.locator(".t-writer input[type=range]").evaluate(
        "el => { el.value = 0; el.dispatchEvent(new Event('input')); }"
    )
    assert text.inner_text() != last


def test_a_run_under_way_is_listed_and_opens(opened: Opened, server: Server) -> None:
    write_run(server.runs / RUN, until=200, state="paused", name="<img src=x onerror=document.title='hacked'> 月光")
    page = opened("/")
    row = page.locator(".t-run", has_text="月光")
    expect(row).to_contain_text("200 of 1,000")
    press(row, heading(page, "Train"))
    expect(page.locator(".t-live[data-state=paused]")).to_be_visible()
    assert f"run={RUN}" in page.url
    assert page.title() != "hacked"


def test_the_language_is_in_the_link_and_stays_from_page_to_page(opened: Opened) -> None:
    page = opened("/?lang=zh")
    press(page.get_by_role("link", name="训练").first, heading(page, "训练"))
    assert "lang=zh" in page.url
    press(page.get_by_text("English", exact=True), heading(page, "Train"))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_phone_in_portrait_shows_everything_without_scrolling_sideways(
    opened: Opened, server: Server, language: str
) -> None:
    page = opened(f"/?lang={language}", width=390)
    for path in ("/", "/train", "/generate"):
        page.goto(f"{server.url}{path}?lang={language}")
        page.get_by_role("heading", level=1).first.wait_for()
        at_rest(page)
        wider = page.evaluate(
            "() => document.querySelector('.stMain').scrollWidth - document.documentElement.clientWidth"
        )
        assert wider <= 0, path


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_themes_have_their_own_paper(opened: Opened, scheme: str) -> None:
    page = opened("/", color_scheme=scheme)
    color = page.evaluate("() => getComputedStyle(document.querySelector('.stApp')).backgroundColor")
    assert color == {"light": "rgb(250, 246, 236)", "dark": "rgb(14, 20, 17)"}[scheme]


@pytest.mark.parametrize("path", ["/", "/train?lang=zh"])
def test_the_style_is_there_before_anything_is_drawn(server: Server, path: str) -> None:
    asked = {"Accept": "text/html", "Accept-Encoding": "gzip", "If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"}
    with urllib.request.urlopen(urllib.request.Request(server.url + path, headers=asked)) as reply:
        page = reply.read().decode()
    assert ".st-key-language {" in page.split("<style>")[1].split("</style>")[0]
    assert page.index("</style>") < page.index('<div id="root">')
