"""A model that translates in a real browser: its samples beside their references, and a sentence with its translation."""

from playwright.sync_api import expect

from tests.browser.conftest import Opened

RUN = "translate-en-zh"
SENTENCE = "Lily had a ball, and she put it in the box."


def test_translations_of_a_step_stand_together_beside_their_references(opened: Opened) -> None:
    page = opened(f"/train?run={RUN}")
    sample = page.locator(".t-sample")
    expect(sample.locator(".t-grid-prompt")).to_have_count(4)
    expect(sample).to_contain_text(SENTENCE)
    expect(sample).to_contain_text("reference: ")
    expect(sample).to_contain_text("✓")
    expect(page.locator(".t-skills")).to_contain_text("Exact translations")
    page.locator(".t-samples input").evaluate("el => { el.value = 0; el.dispatchEvent(new Event('input')); }")
    expect(page.locator(".t-when")).to_have_text("at step 0")
    expect(sample.locator(".t-grid-prompt")).to_have_count(4)
    expect(sample).not_to_contain_text("✓")


def test_a_translation_stands_below_its_sentence(opened: Opened) -> None:
    page = opened(f"/generate?run={RUN}")
    expect(page.locator(".view:not(.busy)[data-shown]")).to_be_visible()
    given, written = page.locator(".given"), page.locator(".written")
    assert "".join(given.all_inner_texts()).replace("·", " ") == SENTENCE
    assert "".join(written.all_inner_texts()).startswith("莉莉")
    above, below = given.last.bounding_box(), written.first.bounding_box()
    assert above is not None
    assert below is not None
    assert below["y"] >= above["y"] + above["height"]
