"""The page Sweep in a real browser: the sweep that comes along is drawn, a cell of its map says what it is, and a button
leads to the range test."""

from playwright.sync_api import expect

from tests.browser.conftest import Opened, press


def test_the_sweep_that_comes_along_is_drawn_and_its_cells_say_what_they_are(opened: Opened) -> None:
    page = opened("/sweep?lang=en&sweep=width-and-rate", heading="Sweep")
    expect(page.locator(".t-sweep[data-drawn]")).to_be_visible()
    expect(page.locator(".t-sweep-figure")).to_have_count(3)
    expect(page.locator(".t-sweep-curves .scatterlayer .trace")).to_have_count(20 + 4 + 5)  # and a sign for each value
    expect(page.locator(".t-sweep-found")).to_contain_text("Best of 20")
    drawn = page.locator(".t-sweep-ends .nsewdrag")
    chosen = page.locator(".t-sweep-chosen")
    press(drawn, chosen.is_visible)  # the middle of the map
    expect(chosen).to_contain_text("Learning rate 0.01, Width")
    expect(chosen).to_contain_text("weights did not come along")
    expect(page.locator(".t-takeaway").get_by_role("link", name="CSV")).to_be_visible()
    press(page.get_by_role("button", name="See a range test"), lambda: "rate-range" in page.url)
    expect(page.locator(".t-sweep-rates")).to_be_visible()
    expect(page.locator(".t-sweep-figure")).to_have_count(1)
    expect(page.locator(".t-sweep-found")).to_contain_text("Suggested learning rate")
