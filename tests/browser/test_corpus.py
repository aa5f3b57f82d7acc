"""The Corpus page in a real browser: a word says what is known about it, merges slide, a phone shows it all."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import Opened


def test_a_story_answers_to_the_pointer_and_its_pictures_are_drawn(opened: Opened) -> None:
    page = opened(
        "/corpus?corpus=headlines-en&story=3&sentence=<img src=x onerror=document.title='owned'> the cat",
        heading="Corpus",
    )
    words = page.locator(".t-word")
    expect(words.first).to_be_visible()
    words.first.hover()
    expect(page.locator(".t-story-said")).to_contain_text(words.first.locator(".t-word-text").inner_text())
    words.first.focus()
    page.keyboard.press("ArrowRight")
    expect(words.nth(1)).to_be_focused()
    expect(page.locator("[data-drawn]")).to_have_count(4, timeout=60_000)
    slider = page.get_by_role("slider", name="Merges done")
    slider.evaluate("el => { el.value = 0; el.dispatchEvent(new Event('input')); }")
    expect(page.locator(".t-merges-said")).to_contain_text("Before any merge")
    assert page.title() != "owned"
    page.get_by_role("button", name="Next text").click(delay=100)
    expect(page).to_have_url(re.compile("story=4"))


def test_the_page_fits_a_phone_in_chinese(opened: Opened) -> None:
    page = opened("/corpus?lang=zh", width=390, heading="语料")
    expect(page.locator(".t-story-row").first).to_be_visible()
    expect(page.locator("[data-drawn]").first).to_be_visible(timeout=60_000)
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth <= innerWidth")
