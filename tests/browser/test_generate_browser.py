"""The Generate page in a real browser: tokens stream, a click opens what else they could have been, links repeat."""

import json
import re
import shutil

import pytest
from playwright.sync_api import Page, Request, expect

from llm_core.runs.run import Run
from tests.browser.conftest import Opened, Server, downloaded, press
from tests.pages.grown import STEPS, grow


@pytest.fixture(scope="module")
def run(server: Server) -> Run:
    return grow(server.runs)


@pytest.fixture(scope="module")
def teller(server: Server, run: Run) -> str:
    """The same model, said to have been trained on the headlines of a grammar."""
    folder = server.runs / "00000000000000dd"
    shutil.copytree(run.folder, folder)
    file = folder / "run.json"
    told = json.loads(file.read_text(encoding="utf-8"))
    told["config"]["data"]["corpus"] = "headlines-en"
    file.write_text(json.dumps(told), encoding="utf-8")
    return folder.name


def written(page: Page, before: str | None = None) -> list[str]:
    """The tokens on the page once the writing is over; with `before`, once it shows another text than that one."""
    view = page.locator(".view:not(.busy)[data-shown]")
    expect(view).to_be_visible()
    if before is not None:
        expect(view).not_to_have_attribute("data-shown", before)
    return page.locator(".written").all_inner_texts()


def shown(page: Page) -> str:
    """The name of the text on the page."""
    return page.locator(".view").get_attribute("data-shown") or ""


def test_the_same_prompt_at_two_steps_gives_different_text(opened: Opened, run: Run) -> None:
    page = opened(f"/generate?run={run.id}")
    last, name = written(page), shown(page)
    press(page.get_by_role("button", name="At step 0"), lambda: "step=0" in page.url)
    first = written(page, name)
    assert first != last
    shares = [float(re.search(r"probability ([\d.]+) %", label)[1]) for label in labels(page)]  # type: ignore[index]
    assert max(shares) < 30, "before training no token is near certain"


def labels(page: Page) -> list[str]:
    return [chip.get_attribute("aria-label") or "" for chip in page.locator(".written").all()]


def test_a_click_and_the_arrow_keys_open_what_else_it_could_have_been(opened: Opened, run: Run) -> None:
    page = opened(f"/generate?run={run.id}")
    written(page)
    asked: list[Request] = []
    page.on("request", lambda request: asked.append(request))
    panel = page.locator(".panel")
    press(page.locator(".written").nth(4), lambda: "What could token 5 have been?" in panel.inner_text())
    expect(panel.locator("li")).to_have_count(11, timeout=1000)
    page.keyboard.press("ArrowRight")
    expect(panel).to_contain_text("What could token 6 have been?")
    expect(page.locator(".written").nth(5)).to_be_focused()
    page.keyboard.press("Home")
    expect(panel).to_contain_text("What could token 1 have been?")
    page.keyboard.press("ArrowDown")
    expect(panel).not_to_contain_text("What could token 1 have been?")
    assert asked == [], "looking asks the server nothing"


def test_another_token_leads_the_text_elsewhere(opened: Opened, run: Run) -> None:
    page = opened(f"/generate?run={run.id}")
    before, name = written(page), shown(page)
    chip = page.locator(".written").nth(3)
    press(chip, lambda: chip.get_attribute("aria-current") == "true")
    press(page.locator(".panel li:not(.chosen) button").first, lambda: "branch=1" in page.url)
    after = written(page, name)
    assert after[:3] == before[:3]
    assert after[3] != before[3]
    press(page.get_by_role("button", name="Trunk"), lambda: "branch=0" in page.url)
    expect(page.locator(f".view:not(.busy)[data-shown='{name}']")).to_be_visible()
    assert written(page) == before


def test_a_link_repeats_the_text(opened: Opened, run: Run) -> None:
    path = f"/generate?run={run.id}&step={STEPS}&prompt=my+old+friend&seed=5&temperature=1.1&tokens=40"
    assert written(opened(path)) == written(opened(path))


def test_stop_ends_the_writing(opened: Opened, run: Run) -> None:
    page = opened("/")
    page.route("**/write", lambda _route: None)
    page.goto(page.url.rstrip("/") + f"/generate?run={run.id}&seed=77")
    stop = page.locator(".view button.stop")  # Streamlit shows a Stop of its own while a script runs
    stop.wait_for()
    press(stop, stop.is_hidden)
    expect(page.locator(".status")).to_have_text("Stopped after 0 tokens")


@pytest.mark.parametrize(("status", "body"), [(500, ""), (400, ""), (200, '{"prompt": ["the"]}\n'), (200, "")])
def test_a_text_that_breaks_off_says_so(opened: Opened, run: Run, status: int, body: str) -> None:
    page = opened("/")
    page.route("**/write", lambda route: route.fulfill(status=status, body=body))
    page.goto(page.url.rstrip("/") + f"/generate?run={run.id}&seed=78")
    expect(page.get_by_role("alert").filter(has_text="The server did not answer")).to_be_visible()


@pytest.mark.parametrize(
    ("clipboard", "says"),
    [
        ("{ writeText: async () => {} }", "Copied"),
        ("{ writeText: async () => { throw new Error('refused'); } }", "Not copied"),
        ("undefined", "Not copied"),
    ],
)
def test_a_link_is_copied_only_when_it_says_so(opened: Opened, run: Run, clipboard: str, says: str) -> None:
    page = opened(f"/generate?run={run.id}")
    written(page)
    page.evaluate(f"Object.defineProperty(navigator, 'clipboard', {{ value: {clipboard}, configurable: true }})")
    foot = page.locator(".t-takeaway")
    press(page.get_by_role("button", name="Copy link"), lambda: says in foot.inner_text())


def test_an_address_in_a_link_becomes_no_link(opened: Opened, run: Run) -> None:
    page = opened("/generate?run=https://x.test www.x.test :smile: a@x.test")
    told = page.get_by_test_id("stAlert").filter(has_text="x.test")
    expect(told).to_be_visible()
    assert told.get_by_role("link").count() == 0
    assert ":\u2060smile:" in told.inner_text()


@pytest.mark.parametrize("width", [390, 1280])
def test_a_text_is_judged_beside_the_perfect_predictor(opened: Opened, teller: str, width: int) -> None:
    page = opened(f"/generate?run={teller}&prompt=Fog+delays+bicycle+race", width=width)
    written(page)
    truth = page.locator(".truth[data-checked=true]")
    expect(truth).to_contain_text("The text leaves the grammar at token")
    expect(truth.locator(".instead p").first).to_contain_text("100 %")
    expect(truth.locator(".instead p").first).to_contain_text("in")
    expect(truth.locator(".sign.bad").first).to_have_text("✗")
    out = truth.locator(".token.out")
    expect(out).to_have_attribute("aria-current", "true")
    press(truth.locator(".token.given").first, lambda: "the perfect predictor" in truth.locator(".said").inner_text())
    page.keyboard.press("ArrowRight")
    expect(truth.locator(".token").nth(1)).to_be_focused()
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth <= innerWidth")


def test_script_in_a_prompt_is_text(opened: Opened, run: Run) -> None:
    prompt = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
    page = opened(f"/generate?run={run.id}&prompt={prompt}")
    written(page)
    assert "onerror=" in "".join(page.locator(".given").all_inner_texts()).replace("·", " ")
    assert page.title() != "owned"
    assert page.locator(".view img").count() == 0


def test_the_text_can_be_taken_away(opened: Opened, run: Run) -> None:
    page = opened(f"/generate?run={run.id}")
    tokens = written(page)
    table = downloaded(page.get_by_role("link", name="CSV"))
    assert table.path().read_text(encoding="utf-8").count("\n") >= len(tokens)
    code = page.locator(".t-code")
    press(page.get_by_role("button", name="Python"), code.is_visible)
    expect(code).to_contain_text("from llm_core.inference.generate import generate")


@pytest.mark.parametrize("width", [390, 1440])
def test_the_page_fits_and_speaks_chinese(opened: Opened, run: Run, width: int) -> None:
    page = opened(f"/generate?run={run.id}&lang=zh", width=width, heading="生成")
    written(page)
    if width < 500:
        expect(page.locator(".panel")).to_be_hidden()
    panel = page.locator(".panel")
    press(page.locator(".written").nth(2), lambda: "第 3 个词元还可能是什么" in (panel.text_content() or ""))
    expect(page.locator(".written").nth(2)).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth <= innerWidth")
