"""Text, tokens and names that hold script are shown as text in every view of the Attention page: nothing of them runs.

The model's vocabulary has each string as one token, as a checkpoint that somebody brings may have: so they also stand
among what it predicts.
"""

from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, expect
from tokenizers import AddedToken, Tokenizer

from llm_core import hub
from llm_core.models.build import build
from llm_core.models.presets import preset
from llm_core.runs.importing import import_folder
from llm_core.runs.run import Run
from llm_core.runs.store import Store
from tests import foreign
from tests.browser.attention_views import ORDER, choose_view, place_of
from tests.browser.conftest import Opened, Server, at_rest
from tests.browser.injection import INJECTIONS, nothing_ran

TEXT = " the ".join(INJECTIONS)
MARKUP = "img, svg, iframe, object, embed, video, marquee, details, input, link, style, base, meta[http-equiv], a[href^=javascript]"


@pytest.fixture(scope="module")
def run(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("theirs")
    tokenizer = Tokenizer.from_str(foreign.tokenizer("gpt2").to_str())
    tokenizer.add_tokens([AddedToken(text, normalized=False) for text in INJECTIONS])
    (folder / "tokenizer.json").write_text(tokenizer.to_str(), encoding="utf-8")
    sizes = {"width": 16, "layers": 2, "heads": 2, "context": 256}
    model = build(preset("gpt2", vocabulary_size=tokenizer.get_vocab_size(), **sizes), seed=3)  # type: ignore[arg-type]
    hub.write_folder(model, folder)
    return import_folder(Store(server.runs), folder, name=INJECTIONS[11])


def test_each_string_is_a_token(run: Run, server: Server) -> None:
    _model, tokenizer = Store(server.runs).model(run)
    tokens = [tokenizer.pieces[token] for token in tokenizer.encode(TEXT)]
    assert sum("owned" in token or "alert" in token for token in tokens) == len(INJECTIONS)


def test_nothing_runs_in_any_view(opened: Opened, run: Run) -> None:
    page = opened("/")
    check = nothing_ran(page)
    begin = page.url.split("?")[0].rstrip("/")
    page.goto(f"{begin}/attention?run={run.id}&text={quote(TEXT)}&other_text={quote(TEXT)}&against=text")
    for view in ORDER:
        choose_view(page, view)
        place = place_of(page, view)
        expect(place).to_be_visible()
        at_rest(page)
        assert page.get_by_test_id("stException").count() == 0
        if view.endswith("_view"):
            inside = page.frame_locator("iframe.t-frame")
            inside.locator("#vis svg[viewBox]").wait_for()
            assert inside.locator(MARKUP).count() == 2, "its own picture and its own style"
            if view != "model_view":
                inside.locator("#left > g > g, #collapsed #leftText > g").nth(3).hover()
                assert "<script>" in "".join(inside.locator("svg text").all_text_contents())
        else:
            picture = place.bounding_box()
            assert picture is not None
            for share in (0.3, 0.5, 0.7):
                page.mouse.move(picture["x"] + picture["width"] * share, picture["y"] + picture["height"] * share)
        assert page.get_by_text("owned").count() > 0, "the strings are seen"
        check()


@pytest.mark.parametrize(
    "string", ["<img src=x onerror=owned=1>", "<img src=http://localhost:9/owned onerror=ended=1>"]
)
def test_the_watch_sees_what_does_run(browser: Browser, string: str) -> None:
    page = browser.new_page()
    check = nothing_ran(page)
    page.set_content("<p></p>")
    check()
    page.evaluate("markup => { document.body.innerHTML = markup }", string)
    page.wait_for_function("typeof owned + typeof ended !== 'undefinedundefined'")
    with pytest.raises(AssertionError):
        check()
    page.close()
