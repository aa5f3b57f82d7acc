"""The page *Inside* in a real browser: one selection in all views and in the link; nothing of any token runs."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import Opened, Server, act, press
from tests.browser.injection import nothing_ran
from tests.pages.made_inside import made

RUN = "1d51de" + "0" * 10


def target_of(url: str) -> str | None:
    """The token that the link explains."""
    found = re.search(r"[?&]target=(\d+)", url)
    return found and found[1]


def test_a_click_on_a_word_and_on_a_head_moves_all_views_and_the_link(opened: Opened, server: Server) -> None:
    made(server.runs, RUN)
    page = opened("/")
    check = nothing_ran(page)
    begin = page.url.split("?")[0].rstrip("/")
    page.goto(f"{begin}/inside?run={RUN}&text=the+dog+sees+a+dog+<b>runs</b>")
    tokens = page.locator(".t-inside-chip")
    expect(tokens.last).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".t-drawing-plot .main-svg").first).to_be_visible()
    assert "<b>" in page.locator(".t-inside-text").inner_text(), "tags are text"
    assert page.locator(".t-inside-text b, .t-drawing-plot b").count() == 0

    press(tokens.nth(2), lambda: "token=2" in page.url)
    expect(tokens.nth(2)).to_have_attribute("aria-pressed", "true")
    why = page.get_by_role("group", name="Why it says").get_by_role("button")
    before = target_of(page.url)
    press(why.nth(1), lambda: target_of(page.url) not in (None, before))
    expect(why.nth(1)).to_have_attribute("aria-pressed", "true")
    target = target_of(page.url)

    ablation = page.get_by_role("radio", name="Ablation").or_(page.get_by_role("button", name="Ablation")).first
    press(ablation, lambda: "view=ablation" in page.url)
    grid = page.locator("[data-drawn] .nsewdrag").first
    expect(page.locator(".t-drawing-plot .hm")).to_have_count(1)

    def click_a_head() -> None:
        grid.click(position={"x": 20, "y": 12}, delay=100)

    act(page, click_a_head, lambda: "off=decoder.1.0" in page.url)
    expect(page.get_by_role("button", name="Put back")).to_be_visible()
    assert target_of(page.url) == target, "the same token is explained"

    page.reload()
    expect(page.get_by_role("button", name="Put back")).to_be_visible()
    press(page.get_by_role("button", name="Put back"), lambda: "off=" not in page.url)
    assert page.get_by_test_id("stException").count() == 0
    check()
