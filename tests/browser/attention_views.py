"""The views of the Attention page, one after another on one page."""

from playwright.sync_api import Locator, Page

from pages.ui.attention.looking import VIEWS
from pages.ui.text import translate
from tests.browser.conftest import press

ORDER = ("heads", "head_view", "model_view", "neuron_view", "flow", "difference")
"""So that no view is drawn where the one before it was."""


def choose_view(page: Page, view: str, language: str = "en") -> None:
    """By its button, as a person does."""
    button = page.locator(".st-key-attention_view").get_by_text(translate(VIEWS[view], language), exact=True)
    press(button, lambda: f"view={view}" in page.url)


def place_of(page: Page, view: str) -> Locator:
    """Where a view is drawn; it has `data-drawn` when it is."""
    if view.endswith("_view"):
        return page.locator(f".t-host[data-drawn^={view}]")
    return page.locator(".t-host[data-drawn]:has(.t-drawing)" if view == "flow" else ".t-attention[data-drawn]").first
