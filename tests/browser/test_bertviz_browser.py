"""bertviz's views in a real browser: drawn in the page and from a file on disk, in both looks, for tokens of two languages."""

import io
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, ConsoleMessage, Frame, Locator, Page, expect

from llm_core.runs.run import Run
from pages.ui.attention.bertviz_file import standalone
from pages.ui.attention.bertviz_looks import looks
from pages.ui.attention.bertviz_scripts import VIEWS
from tests.browser.conftest import Opened, Server, act, downloaded, press
from tests.pages.grown import grow
from tests.pages.made_attention import looks_back, seen_of, with_pattern

ENGLISH = ("<|endoftext|>", " Lily", " had", " a", " scarf", ",", " and", " she", " put", " it")
CHINESE = tuple("莉莉有一条围巾，她把它")
EXACT = (1, 2)
SOURCE, TARGET = ENGLISH[:7], CHINESE


@pytest.fixture(scope="module")
def run(server: Server) -> Run:
    """One layer of two heads that can read 96 tokens."""
    return grow(server.runs, context=96, batch_size=2)


@pytest.fixture
def alone(browser: Browser) -> Iterator[Page]:
    """A page without a network, which notes what it asks for and what goes wrong."""
    context = browser.new_context(viewport={"width": 1000, "height": 800}, offline=True, accept_downloads=True)
    page = context.new_page()
    page.set_default_timeout(30_000)
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text))
    page.on("request", lambda request: wrong.append(request.url) if not request.url.startswith(("file:", "data:", "blob:")) else None)  # fmt: skip
    yield page
    context.close()
    assert wrong == []


def pixels(picture: bytes) -> "np.ndarray":
    return np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")).astype(int)


def share_of(found: "np.ndarray", color: str, within: int = 12) -> float:
    """How much of a picture has about this colour."""
    wanted = [int(color[place : place + 2], 16) for place in (1, 3, 5)]
    return float((np.abs(found - wanted).max(axis=2) <= within).mean())


def around(target: Locator, share: float = 0.5) -> "np.ndarray":
    """The pixels of a small square about a point of a line, `share` of the way along it."""
    box = target.bounding_box()
    assert box is not None
    ends = target.evaluate("line => ['x1', 'y1', 'x2', 'y2'].map((name) => Number(line.getAttribute(name)))")
    down = share if ends[3] >= ends[1] else 1 - share
    x, y = box["x"] + box["width"] * share, box["y"] + box["height"] * down
    return pixels(target.page.screenshot(clip={"x": x - 3, "y": y - 3, "width": 7, "height": 7}))


@pytest.mark.parametrize(("tokens", "look"), [(ENGLISH, "light"), (CHINESE, "dark")], ids=["english", "chinese"])
def test_the_files_draw_from_disk_what_the_arrays_say(alone: Page, tmp_path: Path, tokens: tuple[str, ...], look: str) -> None:  # fmt: skip
    seen = seen_of(tokens)
    seen = with_pattern(seen, "decoder", looks_back(2, 4, len(tokens), exact=EXACT))
    alone.emulate_media(color_scheme=look)  # type: ignore[arg-type]
    colors = looks()[look]
    for view in VIEWS:
        file = tmp_path / f"{view}.html"
        file.write_text(standalone(seen, view, layer=EXACT[0], head=EXACT[1]), encoding="utf-8")
        alone.goto(file.as_uri())
        picture = alone.locator("#vis svg")
        expect(picture).to_be_visible()
        whole = pixels(picture.screenshot())
        assert share_of(whole, colors["palette"]["background"]) > 0.5
        assert share_of(whole, colors["palette"]["background"]) < 0.98, "something is drawn"
        shown = [token.replace(" ", "·") for token in tokens[1:]]
        if view == "model_view":
            exact, other = (f"g:has(> #attn_background_{layer}_{head})" for layer, head in (EXACT, (EXACT[0], 3)))
            color = colors["heads"][EXACT[0]]
            assert alone.locator(f"{other} line").count() == len(tokens) * (len(tokens) + 1) / 2
        else:
            group = "#left" if view == "head_view" else "#collapsed #leftText"
            assert alone.locator(f"{group} text").all_text_contents()[1:] == shown
            exact = "[head-index='2']" if view == "head_view" else "#collapsed"
            color = colors["heads"][EXACT[1]] if view == "head_view" else colors["palette"]["attn"]
        lines = alone.locator(f"{exact} line")
        strong = [line for line in lines.all() if float(line.get_attribute("stroke-opacity") or 0) > 0.99]
        assert len(strong) == len(tokens), "each token looks at one other"
        for line in strong[1:3]:
            assert share_of(around(line), color, 40) > 0.1, "in the colour of its head, where it belongs"


def test_every_head_can_be_switched_and_every_layer_chosen(alone: Page, tmp_path: Path) -> None:
    seen = with_pattern(seen_of(ENGLISH), "decoder", looks_back(2, 4, len(ENGLISH), exact=EXACT))
    file = tmp_path / "head_view.html"
    file.write_text(standalone(seen, "head_view", layer=1, head=2), encoding="utf-8")
    alone.goto(file.as_uri())

    def weight(head: int) -> float:
        found = alone.locator(f"[head-index='{head}'] [left-token-index='3'] line").all()
        return sum(float(line.get_attribute("stroke-opacity") or 0) for line in found)

    assert [round(weight(head), 3) for head in range(4)] == [0, 0, 1, 0]
    squares = alone.locator("#vis svg > g:has(> rect) rect[y='0']")
    squares.nth(0).click()
    assert [round(weight(head), 2) for head in range(4)] == [0.5, 0, 0.5, 0]
    squares.nth(3).dblclick()
    assert [round(weight(head), 2) for head in range(4)] == [0, 0, 0, 1]
    assert alone.locator(".spot").all_text_contents() == ["0", "1", "2", "3"]
    alone.get_by_label("Layer").select_option("0")
    assert round(weight(3), 2) == 1
    assert alone.locator("[head-index='2'] [left-token-index='3'] line").count() == 4


def test_a_token_is_held_until_another_click(alone: Page, tmp_path: Path) -> None:
    file = tmp_path / "neuron_view.html"
    file.write_text(standalone(seen_of(TARGET, SOURCE), "neuron_view", part="cross"), encoding="utf-8")
    alone.goto(file.as_uri())
    tokens = alone.locator("#collapsed #leftText > g")
    groups = alone.locator("#collapsed .attn-line-group")
    tokens.nth(4).click(position={"x": 60, "y": 10})
    tokens.nth(8).hover()
    assert [group.evaluate("g => getComputedStyle(g).opacity") for group in groups.all()] == ["0"] * 4 + ["1"] + [
        "0"
    ] * 6
    tokens.nth(4).locator("rect").nth(1).click()
    expanded = alone.locator("#expanded")
    expect(expanded).to_have_attribute("visibility", "visible")
    alone.mouse.move(900, 700)
    expect(expanded.locator("#product")).to_have_css("opacity", "1")
    values = expanded.locator("#product .vector").nth(2).locator(".element")
    told = [float(value.get_attribute("data-value") or 0) for value in values.all()]
    attention = seen_of(TARGET, SOURCE).parts["cross"]
    np.testing.assert_allclose(told, attention.queries[0, 0, 4] * attention.keys[0, 0, 2], rtol=1e-4)
    sums = [float(rect.get_attribute("data-value") or 0) for rect in expanded.locator(".dotproduct").all()]
    np.testing.assert_allclose(sums, attention.scores[0, 0, 4], rtol=1e-3)
    box, last = alone.locator("#vis svg").bounding_box(), tokens.last.bounding_box()
    assert box is not None
    assert last is not None
    assert last["y"] + last["height"] <= box["y"] + box["height"] + 1, "the longer side fits too"


@pytest.mark.parametrize(("look", "views"), [("light", VIEWS[:2]), ("dark", VIEWS[2:])])
def test_the_saved_pictures_show_what_is_drawn(alone: Page, tmp_path: Path, look: str, views: tuple[str, ...]) -> None:
    alone.emulate_media(color_scheme=look)  # type: ignore[arg-type]
    colors = looks()[look]
    for view in views:
        file = tmp_path / f"{view}.html"
        file.write_text(standalone(seen_of(ENGLISH), view, name="drawn"), encoding="utf-8")
        alone.goto(file.as_uri())
        saved = {}
        for name in ("SVG", "PNG"):
            with alone.expect_download() as waiting:
                alone.get_by_role("button", name=name).click()
            assert waiting.value.suggested_filename == f"drawn.{name.lower()}"
            saved[name] = Path(waiting.value.path()).read_bytes()
        drawn = pixels(alone.locator("#vis svg").screenshot())
        picture = pixels(saved["PNG"])
        assert abs(picture.shape[1] / picture.shape[0] - drawn.shape[1] / drawn.shape[0]) < 0.05
        paper = colors["palette"]["background"]
        assert abs(share_of(picture, paper) - share_of(drawn, paper)) < 0.08
        markup = saved["SVG"].decode("utf-8")
        assert "<script" not in markup
        assert not re.findall(r"class=|style=|var\(|url\(|href", markup)
        svg = tmp_path / "drawn.svg"
        svg.write_text(markup, encoding="utf-8")
        alone.goto(svg.as_uri())
        assert share_of(pixels(alone.screenshot()), paper) > 0.01
        assert alone.locator("text").count() > 4


def frame_of(page: Page, view: str) -> Frame:
    """The document of this view, once it is drawn."""
    shown = page.locator(f".t-host[data-drawn^={view}] iframe")
    expect(shown).to_be_visible()
    frame = shown.element_handle().content_frame()
    assert frame is not None
    frame.locator("#vis svg[viewBox]").wait_for()
    return frame


def test_the_page_shows_every_view_in_chinese_on_a_dark_phone(opened: Opened, run: Run) -> None:
    page = opened(f"/attention?run={run.id}&view=head_view&lang=zh&text=the+cat+sees+the+moon", width=390, color_scheme="dark")  # fmt: skip
    said: list[ConsoleMessage] = []
    page.on("console", lambda message: said.append(message) if message.type == "error" else None)
    for view, name in zip(VIEWS, ("注意力头视图", "模型视图", "神经元视图"), strict=True):
        button = page.get_by_role("radio", name=name).or_(page.get_by_role("button", name=name)).first
        press(button, lambda view=view: f"view={view}" in page.url)
        frame = frame_of(page, view)
        expect(frame.locator("html")).to_have_attribute("lang", "zh")
        paper = looks()["dark"]["palette"]["background"]
        assert share_of(pixels(page.locator("iframe.t-frame").screenshot()), paper) > 0.5
        height, inside = page.locator("iframe.t-frame").evaluate("f => f.clientHeight"), frame.evaluate("document.body.offsetHeight")  # fmt: skip
        assert abs(height - inside) <= 4, "as high as what it holds"
        assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth <= innerWidth")
    assert [message.text for message in said if "404" not in message.text] == []


def test_what_is_chosen_in_a_view_is_chosen_on_the_page(opened: Opened, run: Run) -> None:
    page = opened(f"/attention?run={run.id}&view=neuron_view&text=the+cat+sees")
    frame = frame_of(page, "neuron_view")
    act(page, lambda: frame.locator("#att_head").select_option("1"), lambda: "head=1" in page.url)
    table = downloaded(page.get_by_role("link", name="CSV").first)
    lines = table.path().read_text(encoding="utf-8-sig").split("\n")
    assert lines[0] == "array,layer,head,place,token,column,column_token,value"
    assert all(line.split(",")[1:3] == ["0", "1"] for line in lines[1:-1])
    for name, suffix in (("SVG", "svg"), ("PNG", "png"), ("HTML", "html")):
        saved = downloaded(page.get_by_role("button", name=name).or_(page.get_by_role("link", name=name)).first)
        assert saved.suggested_filename == f"terrarium-neuron-view-{run.id}.{suffix}"
        assert saved.path().stat().st_size > 1_000


def test_of_a_long_text_the_page_says_what_is_drawn_and_goes_on(opened: Opened, run: Run) -> None:
    page = opened(f"/attention?run={run.id}&view=neuron_view&text={'the cat sees the moon. ' * 12}")
    frame = frame_of(page, "neuron_view")
    first = frame.locator("#collapsed #leftText text")
    expect(first).to_have_count(40)
    expect(frame.locator("#said")).to_contain_text("Only tokens 0 to 39 of ")
    press(
        frame.get_by_role("button", name="Later tokens"),
        lambda: page.locator("[data-drawn='neuron_view 40']").count() > 0,
    )
    frame = frame_of(page, "neuron_view")
    expect(frame.locator("#said")).not_to_contain_text("tokens 0 to")
    expect(frame.get_by_role("button", name="Earlier tokens")).to_be_visible()
    table = downloaded(page.get_by_role("link", name="CSV").first).path().read_text(encoding="utf-8-sig")
    assert {int(line.split(",")[3]) for line in table.split("\n")[1:-1]} >= {40, 50}
