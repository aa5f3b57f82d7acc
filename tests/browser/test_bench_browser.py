"""What stands below the curve of a training, in a real browser: tokens coloured, steps side by side, one step opened."""

import json
import random
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from llm_core.evaluate.easy_tokens import easy_tokens, thresholds
from tests.browser.conftest import Opened, Server, downloaded
from tests.browser.injection import INJECTIONS, nothing_ran
from tests.pages.watched import PIECES, PROMPTS, write_watched

SCRIPT = Path(__file__).parents[2] / "assets" / "browser" / "easy_tokens.js"
COLOURS = "nodes => nodes.map(node => getComputedStyle(node).backgroundColor)"


@pytest.fixture(scope="module")
def watched(server: Server) -> str:
    return write_watched(server.runs / "00000000000000d1", name="watched").name


def slide(page: Page, panel: str, index: int) -> None:
    page.locator(f"{panel} input[type=range]").evaluate(f"el => {{ el.value = {index}; el.dispatchEvent(new Event('input')); }}")  # fmt: skip


def test_what_a_training_shows_below_its_curve(opened: Opened, server: Server, watched: str) -> None:
    page = opened(f"/train?run={watched}")
    # The same prompts at four steps; the last column is the one that is looked at.
    heads = page.locator(".t-grid thead th")
    expect(heads).to_have_text(["at step 0", "at step 250", "at step 500", "at step 999"])
    expect(page.locator(".t-grid-prompt")).to_have_text(list(PROMPTS))
    expect(page.locator(".t-grid tbody tr").nth(1).locator("td")).to_contain_text(["time, 0", "time, 250", "time, 500", "time, 999"])  # fmt: skip
    slide(page, ".t-samples", 4)
    expect(heads).to_have_text(["at step 0", "at step 2", "at step 4", "at step 8"])
    page.wait_for_url("**at=8*")

    # By keyboard to the text: pale where a token costs little, and the step since which it is easy under it.
    page.get_by_role("tab", name="What it writes").press("ArrowRight")
    tokens = page.locator(".t-tokens .t-token")
    expect(tokens).to_have_count(len(PIECES))
    page.wait_for_url("**look=text*")
    early = tokens.evaluate_all(COLOURS)
    slide(page, ".t-text", 25)
    expect(page.locator(".t-text .t-when")).to_have_text("at step 950")
    late = tokens.evaluate_all(COLOURS)
    assert sum(a != b for a, b in zip(early, late, strict=True)) == len(PIECES) - 1
    expect(page.locator(".t-text .heatmaplayer image")).to_be_visible()
    tokens.nth(15).press("Enter")
    expect(page.locator(".t-said")).to_contain_text("“·liked” costs")
    expect(page.locator(".t-said")).to_contain_text("Easy since step 300.")
    assert downloaded(page.locator(".t-panel").get_by_text("SVG", exact=True)).suggested_filename.endswith("-text.svg")

    # One step taken apart, and the one before it.
    page.get_by_role("tab", name="One step, opened").click()
    expect(page.locator(".t-opened .t-title")).to_have_text("Step 401, opened (2 of 2)")
    expect(page.locator(".t-opened dd")).to_have_text(["3.41 → 3.37", "0.00240", "1.31", "shortened to 76.3 %"])
    expect(page.locator(".t-opened-row")).to_have_count(3)
    page.get_by_role("button", name="Show 2 more rows").click()
    expect(page.locator(".t-opened-row")).to_have_count(5)
    page.get_by_role("button", name="Opened before").click()
    expect(page.locator(".t-opened .t-title")).to_have_text("Step 400, opened (1 of 2)")
    page.get_by_role("tab", name="Layer by layer").click()
    expect(page.locator(".t-layers .annotation", has_text="block 1")).to_be_visible()

    # The link opens just this, on a phone too.
    page.wait_for_url("**look=layers*")
    other = opened(page.url.removeprefix(server.url).replace("look=layers", "look=layers&norm=ratio"), width=390)
    expect(other.locator(".t-layers[data-drawn^=ratio]")).to_be_visible()
    assert other.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth <= innerWidth")


def test_the_browser_finds_the_same_easy_tokens(opened: Opened, watched: str) -> None:
    page = opened(f"/train?run={watched}")
    chance = random.Random(5)
    for count in (1, 2, 7, 20):
        steps = sorted(chance.sample(range(1000), 9))
        unigram = [None if chance.random() < 0.1 else round(chance.uniform(0.2, 9), 1) for _ in range(count)]
        losses = [[None if nats is None else chance.uniform(0, 2) for nats in unigram] for _ in steps]
        losses[3][0] = None
        expected = easy_tokens(steps, losses, unigram)
        limits = [None if nats is None else float(limit) for nats, limit in zip(unigram, thresholds(unigram), strict=True)]  # fmt: skip
        found = page.evaluate(
            f"([steps, losses, unigram, limits]) => {{ {SCRIPT.read_text(encoding='utf-8')} return easyTokens(steps, losses, unigram, limits); }}",
            [steps, losses, unigram, limits],
        )
        assert found["since"] == expected.since.tolist()
        assert found["classes"] == expected.token_class.tolist()
        easy = [[None if value != value else pytest.approx(value) for value in row] for row in expected.class_easy.tolist()]  # fmt: skip
        assert found["classEasy"] == easy


def estranged(folder: Path) -> None:
    """Put strings that would run into everything that these panels show of a run."""
    for path in (folder / "history.jsonl", *(folder / "opened").iterdir()):
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        for number, row in enumerate(rows):
            both = [
                f"{INJECTIONS[at % len(INJECTIONS)]} {INJECTIONS[(at + 20) % len(INJECTIONS)]}"
                for at in range(len(PIECES))
            ]
            texts = {"pieces": both, "names": [" ".join(INJECTIONS[part::5]) for part in range(5)], "prompt": " ".join(INJECTIONS), "text": INJECTIONS[number % len(INJECTIONS)]}  # fmt: skip
            for batch in row.get("rows", []):
                batch |= {"pieces": both, "read": both[1:] + both[:1], "source": both, "label": both[0], "label_loss": 1.0, "wanted": both}  # fmt: skip
            row.update({name: text for name, text in texts.items() if name in row})
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def test_nothing_that_a_run_holds_is_run_by_these_panels(opened: Opened, server: Server) -> None:
    estranged(write_watched(server.runs / "00000000000000d2", name=INJECTIONS[0]))
    page = opened("/train?run=00000000000000d2&token=3")
    check = nothing_ran(page)
    expect(page.locator(".t-grid")).to_contain_text("owned=1")
    for tab, shown in (
        ("Token by token", ".t-text .heatmaplayer image"),
        ("Layer by layer", ".t-layers .annotation"),
        ("One step, opened", ".t-opened-row"),
    ):
        page.get_by_role("tab", name=tab).click()
        expect(page.locator(shown).first).to_be_visible()
        expect(page.locator(".t-panel")).to_contain_text("owned=1")
    check()
    assert page.locator(".t-bench :is(script, iframe, object, embed)").count() == 0


def test_runs_that_nobody_looks_at_any_more_are_let_go(browser: Browser) -> None:
    page = browser.new_page()
    for name in ("format", "address", "feed"):
        page.add_script_tag(content=(SCRIPT.parent / f"{name}.js").read_text(encoding="utf-8"))
    left = page.evaluate("""() => {
        const watched = Feed.of("watched", "en");
        watched.parts.add({});
        for (let run = 0; run < 30; run++) Feed.of(`run ${run}`, "en");
        const again = Feed.of("watched", "en") === watched && Feed.of("run 25", "en") === Feed.of("run 25", "en");
        return [again, [...feeds.keys()]];
    }""")
    page.close()
    assert left[0]
    assert len(left[1]) == 9, "the one that is watched, and eight to go back to"
    assert "watched en" in left[1]
    assert "run 29 en" in left[1]
