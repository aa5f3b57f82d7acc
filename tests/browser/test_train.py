"""Train in a real browser: a run from the first click to its end, live, without a script run."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Opened, Server, at_rest, downloaded, enter, press, start_server, stop_server
from tests.pages.recorded import write_run

TEXT = "".join(f"The {who} {does} the {what}.\n" for who in ("cat", "dog", "bird", "child", "moon") for does in ("sees", "likes", "follows", "hears") for what in ("river", "hill", "house", "lamp", "road", "sea")) * 6  # fmt: skip


DRAWN = "() => document.querySelector('.t-plot .scatterlayer .trace:nth-child(2) path').getTotalLength()"
"""How long the smoothed training curve is on screen, in pixels."""


STEPS_SHOWN = "() => document.querySelector('.t-plot').layout.xaxis.range[1]"


@pytest.fixture(scope="module")
def recorded(server: Server) -> str:
    """The id of a run that ended long ago."""
    return write_run(server.runs / "00000000000000bb", name="recorded").name


def start_training(page: Page, steps: int) -> str:
    """Paste a text, make the model tiny, press Train; the id of the run."""
    pasted, train = page.get_by_label("Your text"), page.get_by_role("button", name="Train", exact=True)
    press(page.get_by_text("Paste", exact=True), pasted.is_visible)
    enter(pasted, TEXT, "Control+Enter", train.is_enabled)
    for label, value in (("Width", 32), ("Layers", 1), ("Steps", steps)):
        enter(page.get_by_label(label, exact=True).first, str(value))
    expect(page.get_by_text("parameters; training takes")).to_be_visible()
    before = page.url
    press(train, lambda: page.url != before)
    run = page.url.split("run=")[1].split("&")[0]
    page.locator(f".t-live[data-run='{run}']").wait_for()
    return run


def state(page: Page, wanted: str, timeout: float = 60_000) -> None:
    expect(page.locator(f".t-live[data-state={wanted}]")).to_be_visible(timeout=timeout)


def command(page: Page, button: str, wanted: str) -> None:
    """Press a button of the picture until the run stands as wanted."""
    press(page.get_by_role("button", name=button, exact=True), page.locator(f".t-live[data-state={wanted}]").is_visible)


def points(page: Page) -> int:
    return int(page.locator(".t-live").get_attribute("data-points") or 0)


def test_train_is_alive_when_first_opened(opened: Opened, recorded: str) -> None:
    page = opened(f"/train?run={recorded}")
    state(page, "finished")
    expect(page.locator(".t-live .annotation", has_text="held-out text")).to_be_visible()
    expect(page.locator(".t-live .annotation", has_text="5-gram")).to_be_visible()
    expect(page.locator(".t-live .annotation", has_text="uniform guess")).to_be_visible()
    expect(page.locator(".t-sample")).to_contain_text("assignment statement")
    page.get_by_role("tab", name="Rate and speed").click()
    expect(page.locator(".t-measure .main-svg").first).to_be_visible()


def test_the_floor_the_gap_to_it_and_the_skills_are_drawn(opened: Opened, server: Server, recorded: str) -> None:
    told = write_run(server.runs / "00000000000000ef", name="told", corpus="stories-en").name
    page = opened(f"/train?run={told}", width=390)
    state(page, "finished")
    expect(page.locator(".t-live .annotation", has_text="entropy floor")).to_be_visible()
    expect(page.locator(".t-gap-value")).to_have_text("59.5 %")
    expect(page.locator(".t-skill")).to_have_count(5)
    expect(page.locator(".t-skill", has_text="place recalled")).to_contain_text("100 %")
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth <= innerWidth")
    other = opened(f"/train?run={recorded}")
    expect(other.locator(".t-gap")).to_contain_text("the longest text has 300 tokens")
    expect(other.locator(".t-skills")).to_be_hidden()


def test_a_run_is_trained_watched_paused_resumed_stepped_and_stopped(opened: Opened, server: Server) -> None:
    page = opened("/train")
    run = start_training(page, steps=4000)
    page.wait_for_function("() => Number(document.querySelector('.t-live').dataset.points) > 3", timeout=60_000)
    state(page, "running")

    # What moves costs no script run: nothing comes down the websocket while the curve grows, and its element stays.
    frames: list[object] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: frames.append(frame)))
    page.reload()
    page.wait_for_function("() => Number(document.querySelector('.t-live')?.dataset.points) > 5")
    at_rest(page)
    plot, drawn = page.locator(".t-plot").element_handle(), page.evaluate(DRAWN)
    assert frames
    frames.clear()
    page.wait_for_function(f"() => ({DRAWN})() > {drawn}")
    page.wait_for_function(f"() => Number(document.querySelector('.t-live').dataset.points) > {points(page) + 20}")
    assert frames == []
    assert page.evaluate("plot => plot.isConnected", plot)

    command(page, "Pause", "paused")
    step = json.loads((server.runs / run / "status.json").read_text())["step"]
    stepped = page.locator(".t-facts dd").first
    press(page.get_by_role("button", name="One step", exact=True), lambda: stepped.inner_text().startswith(f"{step + 1:,} "))  # fmt: skip
    state(page, "paused")
    # That step was opened: what it learned from, token by token.
    expect(page.get_by_role("tab", name="One step, opened")).to_have_attribute("aria-selected", "true")
    expect(page.locator(".t-opened .t-title")).to_have_text(f"Step {step + 1:,}, opened (1 of 1)")
    expect(page.locator(".t-opened-row .t-token:not(.t-bare)").first).to_be_visible()

    # A second tab opened by the link shows the same run, and its buttons reach it.
    other = opened(f"/train?run={run}")
    state(other, "paused")
    command(other, "Resume", "running")
    state(page, "running")
    command(page, "Stop", "stopped")
    state(other, "stopped")
    page.reload()
    state(page, "stopped")
    assert (server.runs / run / "steps").is_dir()


def test_a_killed_server_costs_nothing(browser: Browser, tmp_path: Path) -> None:
    server, process = start_server(tmp_path / "runs")
    page = browser.new_page()
    page.set_default_timeout(60_000)
    try:
        page.goto(f"{server.url}/train")
        page.get_by_role("heading", level=1, name="Train").wait_for()
        run = start_training(page, steps=5000)
        page.wait_for_function("() => Number(document.querySelector('.t-live').dataset.points) > 3")
        process.kill()
        process.wait()
        before = points(page)
        _server, process = start_server(tmp_path / "runs", int(server.url.rsplit(":", 1)[1]))
        page.wait_for_function(
            f"() => Number(document.querySelector('.t-live').dataset.points) > {before + 3}", timeout=15_000
        )
        assert run in page.url
        state(page, "running")
        command(page, "Stop", "stopped")
    finally:
        page.close()
        stop_server(process)


def test_a_short_run_ends_and_its_buttons_with_it(opened: Opened) -> None:
    page = opened("/train")
    start_training(page, steps=30)
    state(page, "finished")
    expect(page.get_by_role("button", name="Pause", exact=True)).to_have_count(0)
    expect(page.locator(".t-facts dd").first).to_have_text("30 of 30")
    expect(page.locator(".t-sample")).not_to_contain_text("comes with the first steps")


def test_the_view_can_be_set_and_the_sample_of_any_step_read(opened: Opened, recorded: str) -> None:
    page = opened(f"/train?run={recorded}")
    state(page, "finished")
    page.locator(".t-live .annotation").first.wait_for()
    start = page.get_by_role("button", name="Show the start")
    press(start, lambda: page.evaluate(STEPS_SHOWN) < 200)
    press(start, lambda: page.evaluate(STEPS_SHOWN) == 1000)
    late = page.locator(".t-sample").inner_text()
    page.locator(".t-samples input").evaluate("el => { el.value = 0; el.dispatchEvent(new Event('input')); }")
    expect(page.locator(".t-sample")).not_to_have_text(late)
    expect(page.locator(".t-when")).to_have_text("at step 0")


def test_the_curve_can_be_taken_away(opened: Opened, recorded: str) -> None:
    page = opened(f"/train?run={recorded}")
    state(page, "finished")
    for label, suffix in (("CSV", "csv"), ("HTML", "html"), ("SVG", "svg"), ("PNG", "png")):
        file = downloaded(page.locator(".t-takeaway").last.get_by_text(label, exact=True))
        assert file.suggested_filename == f"terrarium-{recorded}.{suffix}"
        assert file.path().stat().st_size > 1000
    code = page.locator(".t-code").last
    press(page.locator(".t-takeaway").last.get_by_role("button", name="Python", exact=True), code.is_visible)
    expect(code).to_contain_text("RunConfig(")


def test_a_chinese_file_is_shown_and_confirmed_before_it_is_read(opened: Opened) -> None:
    page = opened("/train")
    press(page.get_by_text("Your file", exact=True), lambda: page.locator("input[type=file]").count() > 0)
    poem = "床前明月光，疑是地上霜。举头望明月，低头思故乡。\n" * 60
    page.locator("input[type=file]").set_input_files(
        {"name": "poem.txt", "mimeType": "text/plain", "buffer": poem.encode("gb18030")}
    )  # fmt: skip
    expect(page.get_by_text("床前明月光").first).to_be_visible()
    train = page.get_by_role("button", name="Train", exact=True)
    expect(train).to_be_disabled()
    press(page.get_by_text("This reads right"), train.is_enabled)


INJECTIONS = (
    "<img src=x onerror=\"document.title='hacked'\">",
    "<script>document.title='hacked'</script>",
    "</script><svg onload=document.title='hacked'>",
    "[x](javascript:document.title='hacked') ![](http://example.com/beacon.png) $x$",
    "{{constructor.constructor('document.title=1')()}} \u202egnp.exe",
)


def test_text_from_people_and_models_is_only_ever_text(opened: Opened, server: Server) -> None:
    identity = "00000000000000cc"
    write_run(server.runs / identity, name=" ".join(INJECTIONS)[:190], texts=INJECTIONS)
    for language in ("en", "zh"):
        page = opened(f"/train?run={identity}&lang={language}")
        state(page, "finished")
        for index in range(12):
            page.locator(".t-samples input").evaluate(
                f"el => {{ el.value = {index}; el.dispatchEvent(new Event('input')); }}"
            )
        home = opened(f"/?lang={language}")
        home.locator(".t-runs p, .t-run").first.wait_for()
        assert page.title() != "hacked"
        assert home.title() != "hacked"
        assert page.locator(".t-host img, .t-host script").count() == 0


def test_going_back_shows_the_run_before(opened: Opened, recorded: str) -> None:
    page = opened(f"/train?run={recorded}")
    state(page, "finished")
    press(
        page.get_by_role("link", name="Home").first, page.get_by_role("heading", level=1, name="Terrarium").is_visible
    )
    page.go_back()
    state(page, "finished")
    assert recorded in page.url
