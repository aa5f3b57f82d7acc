"""The Attention page in a real browser: what is drawn, chosen, played, followed, shown large and taken away."""

import csv
import io
import json
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Download, Page, Request, expect

from llm_core.runs.locks import Lock
from llm_core.runs.run import Run
from tests.browser.attention_views import ORDER, choose_view, place_of
from tests.browser.conftest import Opened, Server, at_rest, downloaded, press
from tests.pages.grown import STEPS, grow

TEXT = "the cat sees the sea. my old friend likes a red house."


@pytest.fixture(scope="module")
def run(server: Server) -> Run:
    """Two layers of two heads that can read 512 tokens."""
    return grow(server.runs, context=512, layers=2, batch_size=1)


def drawn(page: Page, head: str, step: int = STEPS) -> None:
    expect(page.locator(".t-attention")).to_have_attribute("data-drawn", f"{head} {step}")


@pytest.mark.parametrize(("language", "look", "heading"), [("en", "light", "Attention"), ("zh", "dark", "注意力")])
def test_every_view_is_drawn_without_a_word_of_complaint(
    opened: Opened, run: Run, language: str, look: str, heading: str
) -> None:
    page = opened(f"/attention?run={run.id}&lang={language}&text={TEXT}", color_scheme=look, heading=heading)
    complaints: list[str] = []
    # Streamlit itself looks for its server below the address of every page, and finds nothing there.
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" and "404" not in said.text else None)  # fmt: skip
    page.reload()
    for view in ORDER:
        choose_view(page, view, language)
        expect(place_of(page, view)).to_be_visible()
        at_rest(page)
        assert page.get_by_test_id("stAlert").count() == 0, view
    assert complaints == []
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth <= innerWidth")


def test_a_click_opens_a_head_on_a_phone_and_the_link_opens_it_again(opened: Opened, run: Run) -> None:
    page = opened(f"/attention?run={run.id}&text={TEXT}", heading="Attention", width=390)
    drawn(page, "decoder.0.0")
    tile = page.get_by_role("gridcell", name="Layer 1, head 0")
    press(tile, lambda: "layer=1" in page.url)
    drawn(page, "decoder.1.0")
    expect(tile).to_have_attribute("aria-selected", "true")
    tile.focus()
    page.keyboard.press("ArrowRight")
    drawn(page, "decoder.1.1")
    expect(page.get_by_role("gridcell", name="Layer 1, head 1")).to_be_focused()
    expect(page).to_have_url(re.compile("layer=1&head=1|head=1&layer=1"))
    again = opened(page.url.replace(page.url.split("/attention")[0], ""), heading="Attention", width=390)
    drawn(again, "decoder.1.1")
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth <= innerWidth")


def test_a_field_says_its_number_and_marks_its_row_and_column(opened: Opened, run: Run) -> None:
    page = opened(f"/attention?run={run.id}&text={TEXT}", heading="Attention")
    drawn(page, "decoder.0.0")
    at_rest(page)
    place = page.locator(".t-heat .nsewdrag").bounding_box()
    assert place is not None
    page.mouse.move(place["x"] + 4, place["y"] + 4)
    expect(page.locator(".hovertext")).to_contain_text("gives 100% of its attention to")
    expect(page.locator(".t-heat-row")).to_be_visible()
    expect(page.locator(".t-heat-column")).to_be_visible()


def test_play_goes_through_the_steps_and_the_page_is_told_at_the_end(opened: Opened, run: Run) -> None:
    page = opened(f"/attention?run={run.id}&text={TEXT}&step=0", heading="Attention")
    drawn(page, "decoder.0.0", 0)
    at_rest(page)
    asked: list[int] = []

    def note(request: Request) -> None:
        if request.url.endswith("/patterns"):
            asked.append(json.loads(request.post_data or "{}")["step"])

    page.on("request", note)
    press(page.locator(".t-time-play"), lambda: "step 0" not in page.locator(".t-time-step").inner_text())
    drawn(page, "decoder.0.0")
    expect(page).to_have_url(re.compile(f"step={STEPS}"))
    assert asked == run.steps()[1:], "each step is asked for once"
    page.locator(".t-time .t-slider").focus()
    page.keyboard.press("Home")
    drawn(page, "decoder.0.0", 0)
    assert asked == run.steps()[1:], "and kept"


def test_who_wants_calm_turns_the_pages_alone(opened: Opened, run: Run) -> None:
    page = opened(f"/attention?run={run.id}&text={TEXT}&step=0", heading="Attention", reduced_motion="reduce")
    drawn(page, "decoder.0.0", 0)
    second = run.steps()[1]
    press(page.get_by_role("button", name="Next step"), lambda: f"step={second}" in page.url)
    drawn(page, "decoder.0.0", second)


@pytest.fixture
def training(server: Server, run: Run) -> Iterator[Path]:
    """The same run as if it were under way and had not come to its last step yet; yields the folder of that step."""
    folder = server.runs / "00000000000000ad"
    shutil.copytree(run.folder, folder)
    last = folder / "steps" / f"{STEPS:08d}"
    last.rename(folder / "later")
    status = json.loads((folder / "status.json").read_text(encoding="utf-8"))
    (folder / "status.json").write_text(json.dumps(status | {"state": "running", "heartbeat": time.time() + 3600}))
    lock = Lock(folder / ".lock")
    assert lock.acquire(5)
    yield last
    lock.release()
    shutil.rmtree(folder)


def test_the_picture_follows_a_run_that_trains_until_it_is_told_not_to(
    opened: Opened, run: Run, training: Path
) -> None:
    before = run.steps()[-2]
    page = opened(f"/attention?run={training.parents[1].name}&text={TEXT}", heading="Attention")
    drawn(page, "decoder.0.0", before)
    follow = page.get_by_role("checkbox", name="Follow the training")
    expect(follow).to_be_checked()
    at_rest(page)
    (training.parents[1] / "later").rename(training)
    drawn(page, "decoder.0.0")
    press(page.locator(".t-time-follow"), lambda: not follow.is_checked())
    expect(page).to_have_url(re.compile(f"step={STEPS}"))


def test_one_picture_for_the_projector(opened: Opened, run: Run) -> None:
    page = opened(f"/attention?run={run.id}&text={TEXT}", heading="Attention")
    drawn(page, "decoder.0.0")
    dialog = page.get_by_role("dialog", name="Projector")
    press(page.get_by_role("button", name="Projector"), dialog.is_visible)
    expect(dialog).to_contain_text("Escape leaves")
    large = float(page.locator(".t-attention-title").evaluate("node => parseFloat(getComputedStyle(node).fontSize)"))
    for key, head, step in (
        ("ArrowRight", "decoder.0.1", STEPS),
        ("ArrowDown", "decoder.1.1", STEPS),
        ("ArrowDown", "decoder.1.1", STEPS),
        ("ArrowLeft", "decoder.1.0", STEPS),
        ("Shift+ArrowLeft", "decoder.1.0", run.steps()[-2]),
    ):
        page.keyboard.press(key)
        drawn(page, head, step)
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    page.wait_for_function(
        "large => large > 1.5 * parseFloat(getComputedStyle(document.querySelector('.t-attention-title')).fontSize)",
        arg=large,
    )
    expect(page).to_have_url(re.compile("layer=1"))
    drawn(page, "decoder.1.0", run.steps()[-2])


def test_of_a_long_text_a_window_is_drawn_and_the_rest_is_said(opened: Opened, run: Run) -> None:
    page = opened("/")
    page.goto(page.url.rstrip("/") + f"/attention?run={run.id}&text={TEXT * 60}")
    drawn(page, "decoder.0.0")
    expect(page.locator(".t-attention-notes")).to_contain_text("tokens at its end are left out")
    note = page.locator(".t-window-note")
    expect(note).to_contain_text("of 512 that look")
    ticks = page.locator(".t-heat .yaxislayer-above .ytick, .t-heat .ytick")
    assert 12 <= ticks.count() <= 64
    slider = page.get_by_label("Tokens that look, from")
    slider.focus()
    page.keyboard.press("End")
    expect(note).to_contain_text("to 511 of 512 that look")


def test_what_differs_is_said_and_what_cannot_be_compared_too(opened: Opened, run: Run) -> None:
    link = f"/attention?run={run.id}&text={TEXT}&view=difference"
    page = opened(f"{link}&against=step&other_step=0", heading="Attention")
    drawn(page, "decoder.0.0")
    title = page.locator(".t-attention-title")
    expect(title).to_have_text(f"decoder · layer 0 · head 0 · step {STEPS} minus step 0")
    page.goto(page.url.split("/attention")[0] + f"{link}&against=text&other_text=the cat sees")
    expect(title).to_contain_text("minus the same for the second text")
    expect(page.locator(".t-attention-notes")).to_contain_text("different numbers of tokens")


def test_the_picture_can_be_taken_away_and_read_without_a_network(opened: Opened, run: Run, browser: Browser, tmp_path: Path) -> None:  # fmt: skip
    page = opened(f"/attention?run={run.id}&text={TEXT}&layer=1", heading="Attention")
    drawn(page, "decoder.1.0")
    foot = page.locator(".t-attention .t-takeaway")

    def take(role: str, name: str) -> Download:
        return downloaded(foot.get_by_role(role, name=name, exact=True))  # type: ignore[arg-type]

    large = take("button", "SVG").path().read_text(encoding="utf-8")
    assert "cat" in large
    assert "layer 1 · head 0" in large
    assert take("button", "PNG").path().read_bytes().startswith(b"\x89PNG")
    small = take("button", "All heads as SVG").path().read_text(encoding="utf-8")
    assert small.count("<image") == 4
    assert take("button", "All heads as PNG").path().read_bytes().startswith(b"\x89PNG")
    rows = list(csv.DictReader(io.StringIO(take("link", "CSV").path().read_text(encoding="utf-8-sig"))))
    assert sum(float(row["attention"]) for row in rows if row["query_position"] == "5") == pytest.approx(1, abs=1e-4)
    take("link", "HTML").save_as(tmp_path / "head.html")
    context = browser.new_context(offline=True)
    alone = context.new_page()
    alone.goto((tmp_path / "head.html").as_uri())
    picture = alone.locator(".heatmaplayer image")
    picture.wait_for()
    colours = picture.evaluate(
        """async (node) => {
          const image = new Image();
          image.src = node.href.baseVal;
          await image.decode();
          const canvas = Object.assign(document.createElement("canvas"), { width: image.width, height: image.height });
          canvas.getContext("2d").drawImage(image, 0, 0);
          const { data } = canvas.getContext("2d").getImageData(0, 0, image.width, image.height);
          const seen = new Set();
          for (let place = 0; place < data.length; place += 4) seen.add(data.slice(place, place + 3).join());
          return seen.size;
        }"""
    )
    assert colours > 20
    context.close()
