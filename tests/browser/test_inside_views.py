"""Every view of the page *Inside* drawn in a real browser for models that come along: a decoder and an encoder, in both
languages and looks. What takes over a second comes along too, so that every picture is there at once."""

import pytest
from playwright.sync_api import Locator, Page, expect

from pages.ui.inside.views import VIEWS
from pages.ui.text import translate
from tests.browser.conftest import Opened, at_rest, press

DECODER, ENCODER = "stories-en", "cloze-en-zh"
MARKS = ".trace path, .hm image, .shapelayer path"
"""What Plotly draws for the data and not for the frame around it."""
LEARNED = ("features",)
"""Views of what is learned of a model first; some of the models bring it along."""


def choose(page: Page, view: str, language: str) -> None:
    name = translate(VIEWS[view].title, language)
    pills = page.locator(".st-key-inside_view")
    button = pills.get_by_role("radio", name=name, exact=True).or_(pills.get_by_role("button", name=name, exact=True))
    press(button.first, lambda: f"view={view}" in page.url)
    at_rest(page)


def marks(page: Page) -> Locator:
    """Of all pictures of a view, what is on screen for its data."""
    return page.locator("[data-drawn]").locator(MARKS).filter(visible=True)


def drawn(page: Page, view: str) -> None:
    """Wait for a picture with something in it, for the reason why this model has none, or for the offer to learn it."""
    seen = marks(page).or_(page.locator("[class*=st-key-inside_go_]"))
    if view in LEARNED:
        seen = seen.or_(page.locator(".t-measured").get_by_role("button"))
    expect(seen.first).to_be_visible()


@pytest.mark.parametrize(
    ("run", "language", "look"),
    [(DECODER, "en", "light"), (DECODER, "zh", "dark"), (ENCODER, "zh", "dark"), (ENCODER, "en", "light")],
    ids=["decoder-en-light", "decoder-zh-dark", "encoder-zh-dark", "encoder-en-light"],
)
def test_every_view_is_drawn(opened: Opened, run: str, language: str, look: str) -> None:
    page = opened(f"/inside?run={run}&view=patching&lang={language}", color_scheme=look)
    complaints: list[str] = []
    # Streamlit itself looks for its server below the address of every page, and finds nothing there.
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" and "404" not in said.text else None)  # fmt: skip
    page.reload()
    for view in sorted(VIEWS, key=lambda name: name != "patching"):
        choose(page, view, language)
        drawn(page, view)
        assert page.get_by_test_id("stAlertContentError").count() == 0, view
        assert page.get_by_test_id("stException").count() == 0, view
        assert complaints == [], view
