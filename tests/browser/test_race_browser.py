"""A race in a real browser: it is started, its lanes fill without a press, and its results follow."""

import re
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import Opened, Server, press

LANES = ".t-race-lane"


def test_a_race_runs_in_its_lanes_to_its_end(opened: Opened, server: Server) -> None:
    page = opened("/classify?lang=en", heading="Classify")
    for family in (
        "LSTM",
        "Transformer",
        "Encoder, all layers",
        "Encoder, head only",
        "Encoder, LoRA",
        "Bag of n-grams",
    ):
        pill = page.locator(".st-key-classify_families").get_by_role("button", name=family, exact=True)
        press(pill, lambda pill=pill: pill.get_attribute("aria-pressed") == "false")
    before = page.url
    press(page.get_by_role("button", name="Start the race"), lambda: page.url != before)
    lanes = page.locator(LANES)
    expect(lanes).to_have_count(3)  # no longer those of the race that was shown before
    expect(page.locator(".t-race[data-state='finished']")).to_be_visible()
    assert [lane.get_attribute("data-family") for lane in lanes.all()] == [
        "majority",
        "tfidf_logistic_regression",
        "decision_tree",
    ]
    for lane in lanes.all():
        expect(lane.locator(".t-race-accuracy")).to_contain_text(re.compile(r"\d+\.\d %\s*\d+\.\d–\d+\.\d %"))
        expect(lane.locator(".t-race-macro_f1")).to_have_text(re.compile(r"\d+\.\d %"))
    expect(page.locator(".t-race-said")).to_contain_text("3 of 3 families finished")
    # The results below have come without a press.
    expect(page.get_by_role("heading", name="Results")).to_be_visible()
    assert Path(server.runs, page.url.split("race=")[1].split("&")[0], "split.json").is_file()
