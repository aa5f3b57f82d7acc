"""The views of the Generate page in a real browser, and the reckoning that it does by itself."""

import json
import random
import re
from pathlib import Path

import pytest
import torch
from playwright.sync_api import Browser, Page, expect

from llm_core.config import DecodingConfig
from llm_core.inference.decoding import penalize, truncate
from llm_core.runs.run import Run
from tests.browser.conftest import Opened, Server, downloaded, press
from tests.pages.grown import grow

SCRIPT = Path(__file__).parents[2] / "assets" / "browser" / "distribution.js"


@pytest.fixture(scope="module")
def run(server: Server) -> Run:
    return grow(server.runs)


def shown(page: Page) -> None:
    """Wait until what the view asked for has come."""
    expect(page.locator(".t-gen:not(.t-gen-busy)[data-shown]")).to_be_visible()


def taken(page: Page, name: str) -> bytes:
    """What the button of that name at the foot of a view gives."""
    return Path(downloaded(page.locator(".t-gen .t-takeaway").get_by_text(name, exact=True)).path()).read_bytes()


def test_the_browser_cuts_as_decoding_does(browser: Browser) -> None:
    dice = random.Random(3)
    cases = []
    for number in range(120):
        size = dice.choice([5, 40, 300])
        values = [dice.gauss(0, 2) for _ in range(size)]
        if number % 5 == 0:
            values = [round(value) for value in values]  # many alike
        settings = {
            "temperature": dice.choice([0.1, 0.7, 1.0, 1.9]), "top_k": dice.choice([None, 1, 3, 25, 1000]),
            "top_p": dice.choice([1.0, 0.9, 0.5, 0.05]), "min_p": dice.choice([0.0, 0.02, 0.3, 1.0]),
            "repetition_penalty": dice.choice([1.0, 1.3, 2.0]),
        }  # fmt: skip
        cases.append({"logits": values, "seen": sorted(dice.sample(range(size), 4)), "settings": settings})
    page = browser.new_page()
    page.add_script_tag(content=SCRIPT.read_text(encoding="utf-8"))
    script = "cases => cases.map(({logits, seen, settings}) => { const found = distributionOf(Float64Array.from(logits), seen, settings); return {before: [...found.before], after: [...found.after], kept: found.kept, mass: found.mass}; })"  # fmt: skip
    told = page.evaluate(script, cases)
    page.close()
    for case, found in zip(cases, told, strict=True):
        decoding = DecodingConfig(**case["settings"])
        logits = torch.tensor([case["logits"]], dtype=torch.float64)
        scores = penalize(logits, [case["seen"]], decoding.repetition_penalty) / decoding.temperature
        left = truncate(scores, decoding)[0]
        kept = left > -torch.inf
        assert [share > 0 for share in found["after"]] == kept.tolist(), case["settings"]
        assert found["after"] == pytest.approx(left.softmax(-1).tolist(), abs=1e-12)
        assert found["before"] == pytest.approx(logits[0].softmax(-1).tolist(), abs=1e-12)
        assert found["kept"] == int(kept.sum())
        assert found["mass"] == pytest.approx(float(scores[0].softmax(-1)[kept].sum()), abs=1e-12)


def test_a_tree_grows_is_walked_back_and_cut(opened: Opened, run: Run) -> None:
    page = opened(f"/generate?run={run.id}&tokens=16&view=tree")
    expect(page.locator(".view:not(.busy)[data-shown]")).to_be_visible()
    chip = page.locator(".written").nth(3)
    press(chip, lambda: chip.get_attribute("aria-current") == "true")
    press(page.locator(".panel li:not(.chosen) button").first, lambda: "branch=1" in page.url)
    branches = page.locator("[data-branch]")
    expect(branches).to_have_count(2)
    expect(page.locator(".path .step")).to_have_count(2)
    expect(page.locator(".written").nth(3)).to_have_class(re.compile("led"))
    press(branches.first, lambda: "branch=0" in page.url)
    expect(page.locator(".written.led")).to_have_count(0)
    page.go_back()
    expect(page.locator(".written.led")).to_have_count(1)
    expect(branches.nth(1)).to_have_attribute("aria-current", "true")
    press(page.locator(".t-gen-remove"), lambda: branches.count() == 1)
    expect(page).not_to_have_url(re.compile("tree="))


def test_bars_move_with_the_slider_and_what_is_tried_stands_in_the_link(opened: Opened, run: Run) -> None:
    page = opened(f"/generate?run={run.id}&tokens=16&view=next")
    shown(page)
    cut = page.locator(".t-gen-cut")
    expect(cut).to_have_count(0)
    slider = page.locator(".t-gen-knob input").nth(1)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    slider.evaluate("node => { node.value = 10; node.dispatchEvent(new Event('input')); }")
    expect(cut).not_to_have_count(0)
    assert not asked, "while it moves nobody is asked"
    slider.dispatch_event("change")
    expect(page).to_have_url(re.compile("tried="))
    press(page.get_by_role("button", name="Write with these settings"), lambda: "top_k=" in page.url)
    expect(page.locator(".view:not(.busy)[data-shown]")).to_be_visible()


@pytest.mark.parametrize(("view", "what"), [("beams", ".t-gen-node.t-gen-chosen"), ("pair", ".t-gen-parting"), ("samples", ".t-gen-sample-text")])  # fmt: skip
def test_each_view_is_drawn_fits_a_phone_and_can_be_stopped(opened: Opened, run: Run, view: str, what: str) -> None:
    page = opened(f"/generate?run={run.id}&tokens=16&view={view}&lang=zh", width=390, heading="生成")
    shown(page)
    expect(page.locator(what).first).to_be_visible()
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth <= innerWidth")
    assert taken(page, "CSV").startswith("\ufeff".encode())
    if view != "samples":
        assert taken(page, "SVG").startswith(b"<svg")
        assert taken(page, "PNG").startswith(b"\x89PNG")
    asked: list[dict[str, object]] = []
    page.route("**/*", lambda route: asked.append(json.loads(route.request.post_data or "{}")) if route.request.method == "POST" else route.continue_())  # fmt: skip
    prompt = page.get_by_role("textbox", name="提示词")
    prompt.fill("the sea")
    prompt.press("Control+Enter")
    stop = page.locator(".t-gen-stop")
    press(stop, stop.is_hidden)
    assert asked
