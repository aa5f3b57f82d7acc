"""The results of a race in a real browser: a click on a cell opens its texts, and nothing that a table holds ever runs."""

import csv
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from llm_core.runs.classified_file import start
from llm_core.runs.raced import Race
from llm_core.runs.store import Store
from llm_core.runs.worker import work
from tests.browser.conftest import Opened, Server, at_rest, press
from tests.browser.injection import INJECTIONS, nothing_ran
from tests.pages.made_race import made_race, sure, write_shops

LINEAR = "tfidf_logistic_regression"
MARKUP = (
    "img[src=x], img[src='/owned'], iframe[srcdoc], object, embed, video, marquee, .t-sheet script, a[href^=javascript]"
)


@pytest.fixture(scope="module")
def race(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Race:
    path = write_shops(tmp_path_factory.mktemp("tables") / "shops.csv")
    return made_race(Store(server.runs), path, {"lstm": sure(0.7)})


@pytest.fixture(scope="module")
def harmful(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Race:
    """Every string is a label, a text and a value of a column, and one is the race's name."""
    path = Path(tmp_path_factory.mktemp("tables") / "harmful.csv")
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label", "shop"])
        for copy in range(5):
            for place, text in enumerate(INJECTIONS):
                writer.writerow([f"{text} {copy} {place}", text, text])
    return made_race(Store(server.runs), path, {"lstm": sure(0.5)}, name=INJECTIONS[11])


def answered(page: Page, cell: str) -> bool:
    """Whether the page's address comes to name a cell within some seconds."""
    for _moment in range(50):
        page.wait_for_timeout(200)
        if cell in page.url:
            return True
    return False


def test_a_click_on_a_cell_opens_its_texts_and_a_column_sorts(opened: Opened, race: Race) -> None:
    page = opened(f"/classify?race={race.run.id}&view=confusion&family=lstm", heading="Classify")
    # Other pictures stand above and below: only the confusions are a heat map.
    plot = page.locator("[data-drawn]", has=page.locator(".hm")).locator(".nsewdrag")
    expect(plot).to_have_count(1)
    plot.scroll_into_view_if_needed()
    labels, probabilities = race.prepared.test.labels, race.predictions("lstm")
    assert probabilities is not None
    called = probabilities.argmax(1)
    for label in (0, 1):
        behind = set(map(str, ((labels == label) & (called != label)).nonzero()[0]))
        box = plot.bounding_box()
        assert box is not None
        # The cell of label 0 that was called 1 is at the top right, its mirror at the bottom left.
        position = {"x": box["width"] * (0.75 - 0.5 * label), "y": box["height"] * (0.25 + 0.5 * label)}
        cell = f"cell={label}.{1 - label}"
        for _attempt in range(5):
            at_rest(page)
            plot.click(position=position)  # type: ignore[arg-type]
            # A second click too soon would let go of the cell again.
            if answered(page, cell):
                break
        expect(page).to_have_url(re.compile(re.escape(cell)))
        at_rest(page)
        texts = page.locator(".t-sheet-table", has=page.locator(".t-sheet-long")).last.locator(".t-sheet-row")
        expect(texts).to_have_count(len(behind))
        assert {row.get_attribute("data-row") for row in texts.all()} == behind
    table = page.locator(".t-sheet-table", has=page.locator(".t-sheet-long")).last
    column = table.get_by_role("button", name="Row")
    press(column, lambda: table.locator("[aria-sort=descending]").count() == 1)
    rows = [int(text.replace(",", "")) for text in table.locator("tbody th").all_inner_texts()]
    assert rows == sorted(rows, reverse=True)


def test_a_file_is_watched_while_it_is_classified_and_shown_when_it_is_done(
    opened: Opened, server: Server, race: Race, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(server.runs)
    monkeypatch.setattr(store, "start", lambda run, owner: None)
    path = tmp_path / "new.csv"
    path.write_text("review\na great soup\na poor soup\n", encoding="utf-8")
    page = opened(f"/classify?race={race.run.id}", heading="Classify")
    run = start(store, race, "local", LINEAR, path, None, "review")
    watched = page.locator(".t-work-said")
    press(page.get_by_text("Classify a whole file"), watched.is_visible)
    expect(watched).to_contain_text("Waits for a worker")
    work(run)
    expect(page.get_by_text("Download all predictions (CSV)")).to_be_visible()
    table = page.locator(".t-sheet-table", has=page.get_by_text("a great soup", exact=True))
    expect(table.locator(".t-sheet-row")).to_have_count(2)
    expect(table.locator(".t-sheet-row").first).to_contain_text("good")


def test_nothing_that_a_table_holds_runs(opened: Opened, harmful: Race) -> None:
    page = opened("/")
    begin, check = page.url.split("?")[0].rstrip("/"), nothing_ran(page)
    for view in ("confusion", "slices&by=column&column=shop&part=0", "errors"):
        page.goto(f"{begin}/classify?race={harmful.run.id}&view={view}&family=lstm")
        expect(page.locator(".t-sheet-row").first).to_be_visible()
        at_rest(page)
        assert page.locator(MARKUP).count() == 0, view
        check()


def test_the_results_speak_chinese_and_fit_a_phone(opened: Opened, race: Race) -> None:
    page = opened(f"/classify?race={race.run.id}&lang=zh", heading="分类", width=390)
    expect(page.get_by_role("columnheader", name="准确率").first).to_be_visible()
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth <= innerWidth")
