"""The Read page in a real browser: entities marked in the story, an answer in the same story, a text of one's own."""

from playwright.sync_api import expect

from tests.browser.conftest import Opened, enter, press


def test_a_story_shows_its_entities_and_then_an_answer(opened: Opened) -> None:
    page = opened("/read")
    text = page.locator(".t-read")
    marks = text.locator("mark.t-entity")
    expect(marks.first).to_be_visible()
    expect(marks.first).to_contain_text("%")
    kinds = set(marks.evaluate_all("marks => marks.map((mark) => mark.dataset.kind)"))
    assert len(kinds) > 1
    assert len(set(marks.evaluate_all("marks => marks.map((mark) => getComputedStyle(mark).borderBottomColor)"))) == len(kinds)  # fmt: skip
    expect(page.locator(".t-drawing-plot .main-svg").first).to_be_visible()
    answer = page.locator("mark.t-answer")
    press(page.get_by_role("radio", name="Answer a question"), lambda: answer.count() > 0)
    expect(answer).to_have_count(1)
    page.wait_for_url("**task=answer**")
    field = page.get_by_label("Text", exact=True)
    enter(field, "Tom had a red <b>ball</b>.", key="Control+Enter")
    expect(text).to_contain_text("<b>ball</b>.")
    assert page.locator(".t-read b").count() == 0
