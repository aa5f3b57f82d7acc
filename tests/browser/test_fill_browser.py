"""The Fill in page in a real browser: a click hides a token and shows what is expected; nothing of any token runs."""

import re
from urllib.parse import quote
from xml.etree import ElementTree

import pytest
from playwright.sync_api import expect
from tokenizers import AddedToken, Tokenizer

from llm_core import hub
from llm_core.models.build import build
from llm_core.models.presets import preset
from llm_core.runs.importing import import_folder
from llm_core.runs.run import Run
from llm_core.runs.store import Store
from tests import foreign
from tests.browser.conftest import Opened, Server, downloaded, press
from tests.browser.injection import INJECTIONS, nothing_ran

STRANGE = INJECTIONS[:8] + INJECTIONS[11:14]
TEXT = "the quick fox " + " ".join(STRANGE) + " jumps"


@pytest.fixture(scope="module")
def run(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """An encoder that has each of the strings as one token, and expects them as much as any other."""
    folder = tmp_path_factory.mktemp("theirs")
    tokenizer = Tokenizer.from_str(foreign.tokenizer("bert").to_str())
    tokenizer.add_tokens([AddedToken(text, normalized=False) for text in STRANGE])
    (folder / "tokenizer.json").write_text(tokenizer.to_str(), encoding="utf-8")
    sizes = {"width": 16, "layers": 2, "heads": 2, "context": 64}
    model = build(preset("bert", vocabulary_size=tokenizer.get_vocab_size(), **sizes), seed=3)  # type: ignore[arg-type]
    model.token_head.bias.data[-len(STRANGE) :] = 2.0  # type: ignore[union-attr]
    hub.write_folder(model, folder)
    return import_folder(Store(server.runs), folder, name=INJECTIONS[11])


def test_a_click_hides_a_token_and_shows_what_is_expected_and_no_token_runs(opened: Opened, run: Run) -> None:
    page = opened("/")
    check = nothing_ran(page)
    begin = page.url.split("?")[0].rstrip("/")
    page.goto(f"{begin}/fill_mask?run={run.id}&text={quote(TEXT)}&hidden=nothing")
    chips, panels = page.locator(".t-fill-chip"), page.locator(".t-fill-panel")
    fox = chips.filter(has_text=re.compile("^fox$"))
    expect(fox).to_have_attribute("aria-pressed", "false")
    expect(page.locator(".t-fill-below")).to_contain_text("Nothing is hidden")
    assert {*STRANGE} <= {text.replace("·", " ") for text in chips.all_inner_texts()}, "each string is a token"

    press(fox, lambda: panels.count() > 0)
    mask = page.locator(".t-fill-chip.t-fill-hidden")
    expect(mask).to_have_count(1)
    expect(panels.first).to_contain_text("In place of fox")
    expect(panels.first.locator("li:not(.t-fill-others)")).to_have_count(9)  # eight and the one that stands there
    assert any("owned" in text for text in panels.first.locator(".chip").all_inner_texts()), "strings are expected"
    expect(page).to_have_url(re.compile(r"hidden=10-13"))

    press(chips.first, lambda: mask.count() == 2)
    expect(page.get_by_role("region", name="Whole fillings").locator("tr")).to_have_count(6)
    looks = page.get_by_role("region", name="What the mask looks at")
    looks.get_by_role("button", name="layer 1").click()
    expect(looks.get_by_role("button", name="layer 1")).to_have_attribute("aria-pressed", "true")
    expect(page).to_have_url(re.compile(r"layer=1"))
    drawing = ElementTree.parse(downloaded(page.get_by_role("button", name="SVG")).path())
    assert {node.tag.split("}")[1] for node in drawing.iter()} == {"svg", "rect", "text"}

    page.reload()
    expect(mask).to_have_count(2)
    expect(page.get_by_role("button", name="layer 1")).to_have_attribute("aria-pressed", "true")
    everywhere = page.get_by_role("radio", name="Every token at once").or_(page.get_by_role("button", name="Every token at once"))  # fmt: skip
    facts = page.locator(".t-fill .t-facts")
    press(everywhere.first, lambda: facts.count() > 0)
    expect(facts).to_contain_text("Pseudo-perplexity")
    expect(page.locator(".t-fill-chip.t-fill-shaded")).to_have_count(chips.count())
    assert page.get_by_test_id("stException").count() == 0
    check()
