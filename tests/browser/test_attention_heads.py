"""The table of heads in a real browser: it sorts, a row leads to its head in the picture, and it fills as it is measured."""

import json
import re
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from llm_core.runs.run import Run
from tests.browser.conftest import Opened, Server, press
from tests.pages.grown import grow
from tests.pages.made_heads import row, write_measuring

SHAPE = {"layers": 1, "heads": 2}


@pytest.fixture(scope="module")
def run(server: Server) -> Run:
    """A model of two heads, of which the second is said to do induction at the end."""
    grown = grow(server.runs)
    rows = []
    for step in grown.steps():
        value = 0.9 if step == grown.steps()[-1] else 0.05
        rows.append(row(step, "induction", {(0, 1): value}, baseline=0.04, baseline_name="offset -1", **SHAPE))
        rows.append(row(step, "previous_token", {(0, 0): 0.7, (0, 1): 0.3}, **SHAPE))
    write_measuring(server.runs / "00000000000000ee", grown.id, rows)
    return grown


def heads(page: Page) -> list[str]:
    return [line.get_attribute("data-head") or "" for line in page.locator(".t-headlist-row").all()]


def test_the_table_sorts_and_a_row_leads_to_its_head(opened: Opened, run: Run) -> None:
    page = opened(f"/attention?run={run.id}", heading="Attention")
    column = page.get_by_role("button", name="Induction", exact=True)
    column.wait_for()
    assert heads(page) == ["decoder.0.0", "decoder.0.1"]
    press(column, lambda: heads(page) == ["decoder.0.1", "decoder.0.0"])
    expect(page.get_by_role("columnheader", name="Induction")).to_have_attribute("aria-sort", "descending")
    press(column, lambda: heads(page) == ["decoder.0.0", "decoder.0.1"])
    second = page.locator(".t-headlist-row[data-head='decoder.0.1']")
    press(second.get_by_role("button"), lambda: "head=1" in page.url)
    expect(second).to_have_attribute("aria-current", "true")
    expect(page.locator(".t-head-steps[data-drawn^='induction decoder.0.1']")).to_be_visible()


def test_the_induction_head_is_found_at_its_step_and_not_before(opened: Opened, run: Run) -> None:
    page = opened(f"/attention?run={run.id}", heading="Attention")
    verdict = page.locator(".t-headlist-verdict")
    press(page.get_by_role("button", name="Find me the induction head"), lambda: "does this" in verdict.inner_text())
    expect(page).to_have_url(re.compile("head=1"))
    assert heads(page)[0] == "decoder.0.1", "the table is sorted by what was asked for"
    page = opened(f"/attention?run={run.id}&step=0", heading="Attention")
    verdict = page.locator(".t-headlist-verdict")
    press(page.get_by_role("button", name="Find me the induction head"), lambda: bool(verdict.inner_text()))
    expect(verdict).to_contain_text("no head of this model does that at step 0")


def test_a_measuring_fills_the_table_without_a_script_run(opened: Opened, run: Run) -> None:
    page = opened("/")
    known = json.loads(page.request.get(page.url.rstrip("/") + f"/heads/{run.id}").text())
    replies: list[dict[str, Any]] = [
        known | {"version": "", "scores": {}, "shape": {}, "measured": 0, "measuring": None, "poll_milliseconds": 300},
        known | {"version": "", "scores": {}, "shape": {}, "measured": 0, "poll_milliseconds": 300, "measuring": {"run": "0", "state": "running", "lively": True, "progress": 0.5, "remaining": 41, "message": "", "controls": True}},
        known | {"measured": 1, "poll_milliseconds": 300, "measuring": {"run": "0", "state": "running", "lively": True, "progress": 0.75, "remaining": 20, "message": "", "controls": True}},
    ]  # fmt: skip
    told = 0

    def reply(route: Route) -> None:
        route.fulfill(body=json.dumps(replies[told]), content_type="application/json")

    page.route("**/heads/*", reply)
    page.goto(page.url.rstrip("/") + f"/attention?run={run.id}")
    measuring = page.locator(".t-measuring")
    expect(measuring).to_contain_text("measured over 500 texts")
    expect(measuring.get_by_role("button", name="Measure the heads")).to_be_visible()
    told = 1
    expect(measuring).to_contain_text("50 % done, 41 s remaining")
    expect(measuring.get_by_role("button", name="Stop")).to_be_visible()
    page.evaluate("""() => { window.ran = 0; new MutationObserver((changes) => {
      if (changes.some((change) => change.target.dataset?.testScriptState === "running")) window.ran += 1;
    }).observe(document.body, { attributes: true, subtree: true, attributeFilter: ["data-test-script-state"] }); }""")
    told = 2
    expect(page.get_by_role("columnheader", name="Induction")).to_be_visible()
    expect(page.locator(".t-headlist-row").nth(1)).to_contain_text("0.900")
    assert page.evaluate("window.ran") == 0


def test_the_section_speaks_chinese_and_fits_a_phone(opened: Opened, run: Run) -> None:
    page = opened(f"/attention?run={run.id}&lang=zh", heading="注意力", width=390)
    expect(page.locator(".t-headlist-row")).to_have_count(2)
    expect(page.locator(".t-headlist-finders button").first).to_contain_text("归纳头")
    expect(page.locator(".t-head-steps[data-drawn]")).to_be_visible()
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth <= innerWidth")
