"""Why, in a real browser: words are coloured, what flips it is shown, nothing that a text holds is run, files are whole."""

from pathlib import Path
from xml.etree import ElementTree

from playwright.sync_api import expect

from llm_core.runs.store import Store
from tests.browser.conftest import Opened, Server, downloaded, enter
from tests.browser.injection import INJECTIONS, nothing_ran
from tests.pages.made_race import made_race, write_shops

HARM = " ".join(INJECTIONS)[:2000]


def test_words_are_coloured_flips_are_shown_and_files_are_whole(opened: Opened, server: Server, tmp_path: Path) -> None:
    race = made_race(Store(server.runs), write_shops(tmp_path / "shops.csv"))
    page = opened(f"/classify?lang=en&race={race.run.id}", heading="Classify")
    check = nothing_ran(page)
    why = page.locator(".t-why")
    text = f"=great soup 👍 but {HARM} poor"
    enter(page.get_by_label("Text to explain"), text, key="Control+Enter")
    linear = why.locator("[data-family='tfidf_logistic_regression']")
    great = linear.locator(".t-why-word", has_text="great")
    expect(great).to_have_count(1)
    expect(page.locator(".t-why[data-state='done']")).to_be_visible()
    poor = linear.locator(".t-why-word", has_text="poor")
    # One speaks for the class and the other against it, each as strongly: a whole line and a broken one.
    assert {great.get_attribute("class"), poor.get_attribute("class")} == {"t-why-word t-why-for", "t-why-word t-why-against"}  # fmt: skip
    assert great.evaluate("node => node.style.getPropertyValue('--s')") == "1"
    assert great.get_attribute("title") in ("+2.83", "−2.83")
    soup = linear.locator(".t-why-word", has_text="soup")
    assert soup.evaluate("node => node.style.getPropertyValue('--s')") == "0"
    assert linear.locator(".t-why-text").inner_text().startswith("=great soup 👍 but")
    expect(linear.locator(".t-why-near li").first).to_contain_text("soup")
    svg = Path(downloaded(why.get_by_role("button", name="SVG")).path()).read_text(encoding="utf-8")
    root = ElementTree.fromstring(svg)
    assert "great" in "".join(root.itertext())
    assert not [node for node in root.iter() if node.tag.rpartition("}")[2] not in ("svg", "text", "rect", "line")]
    table = Path(downloaded(why.get_by_role("link", name="CSV")).path()).read_text(encoding="utf-8")
    assert ",great,2.82843" in table.replace(",-", ",")
    enter(page.get_by_label("Text to explain"), "a great soup", key="Control+Enter")
    expect(linear.locator(".t-why-changes").first.locator("del")).to_have_text("great")
    check()
