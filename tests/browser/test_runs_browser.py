"""The page Runs in a real browser: two models over each other, a link to just that, names that are only words, and the trash."""

import json

from playwright.sync_api import Page, expect

from llm_core.runs import tags
from llm_core.runs.files import replace_json
from llm_core.runs.store import Store
from tests.browser.conftest import Opened, Server, press
from tests.browser.injection import INJECTIONS, nothing_ran
from tests.pages.recorded import write_run

FIRST = 0xB00000000000
CURVES = ".t-runs-part[data-drawn]"


def drawn(page: Page) -> str | None:
    """How many lines the picture has."""
    picture = page.locator(CURVES)
    return picture.get_attribute("data-drawn") if picture.count() else None


def test_two_bundled_models_over_each_other_and_a_link_to_just_that(opened: Opened, server: Server) -> None:
    page = opened("/runs")
    press(page.get_by_role("button", name="Lay both over each other"), lambda: drawn(page) == "4")
    expect(page.locator(".t-runs-settings").first).to_contain_text("data.corpus")
    page.get_by_role("button", name="Held-out text", exact=True).click()
    page.wait_for_function("() => document.querySelector('.t-runs-part[data-drawn]').dataset.drawn === '2'")
    page.wait_for_url(lambda address: "line=" in address)
    address = page.url.removeprefix(server.url)
    assert "runs=stories-en%2Cstories-zh" in address
    again = opened(address)
    again.wait_for_function("() => document.querySelector('.t-runs-part[data-drawn]')?.dataset.drawn === '2'")
    expect(again.get_by_role("button", name="log x")).to_have_attribute("aria-pressed", "true")
    expect(again.locator(".t-runs-plot")).to_contain_text("Story GPT in Engl")


def test_names_and_tags_are_only_words_and_a_deleted_run_comes_back(opened: Opened, server: Server) -> None:
    store = Store(server.runs)
    for number, text in enumerate(INJECTIONS[:45]):
        folder = write_run(server.runs / f"{FIRST + number:016x}", until=8, name=text, state="finished")
        tags.change_tags(store.find(folder.name), add=[text], owner="local")
    page = opened("/runs?q=nosuchrun&line=training")
    nothing_did = nothing_ran(page)
    page.locator(".t-runs-search").first.fill("b0000000")
    rows = page.locator(".t-runs-table tbody tr[data-run]")
    expect(rows).to_have_count(len(INJECTIONS[:45]))
    names = set(page.locator(".t-runs-open").all_inner_texts())
    assert {text.strip() for text in INJECTIONS[:5]} <= {name.strip() for name in names}
    for number in range(4):
        rows.nth(number).locator("input").check()
    page.wait_for_function("() => document.querySelector('.t-runs-part[data-drawn]')?.dataset.drawn === '4'")
    nothing_did()
    gone = rows.first.get_attribute("data-run")
    page.get_by_role("button", name="Choose none").click()
    rows.first.locator("input").check()
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("button", name="To the trash").click()
    expect(page.locator(f"tr[data-run='{gone}']")).to_have_count(0)
    page.get_by_text("Trash", exact=True).click()
    page.get_by_role("button", name="Bring back").first.click()
    expect(page.locator(f"tr[data-run='{gone}']")).to_have_count(1)
    nothing_did()


def test_what_is_typed_and_pressed_stays_while_a_run_counts_on(opened: Opened, server: Server) -> None:
    run = write_run(server.runs / f"{FIRST + 99:016x}", until=8, name="counting", state="paused")
    store = Store(server.runs)
    store.want(store.find(run.name), "running", owner="local")  # what is on its way is asked for more often

    def count_on(step: int) -> None:
        status = json.loads((run / "status.json").read_text(encoding="utf-8"))
        replace_json(run / "status.json", status | {"step": step})
        expect(row.locator("td").nth(2)).to_have_text(str(step), timeout=15_000)

    page = opened("/runs?q=counting")
    row = page.locator(f"tr[data-run='{run.name}']")
    row.locator("input").check()
    page.get_by_role("button", name="Rename", exact=True).click()
    field = page.locator(".t-runs-form input")
    field.fill("counting o")
    count_on(9)
    expect(field).to_be_focused()
    field.press_sequentially("n")
    field.press("Enter")
    expect(row.locator(".t-runs-open")).to_have_text("counting on")
    row.locator(".t-runs-open").hover()
    page.mouse.down()
    count_on(10)
    page.mouse.up()
    page.wait_for_url(f"**/train?*run={run.name}*")
