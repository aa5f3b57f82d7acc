"""The Fill in page as a script: what is hidden, its link, and what the picture in the browser is given."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from llm_core.config import parse
from llm_core.runs.importing import import_folder
from llm_core.runs.run import Run
from pages.ui import state
from pages.ui.fill_mask.answer import Asked, answer
from pages.ui.fill_mask.first_text import OTHERS, STORIES, first_hidden, first_text
from pages.ui.fill_mask.painted import STORED, keep
from tests import foreign
from tests.pages.grown import STEPS, grown_store

PAGES = Path(__file__).parents[2] / "pages"
TEXT = "the cat sees the sea."


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    with grown_store(tmp_path_factory, masked=True, context=64) as run:
        yield run


@pytest.fixture(scope="module")
def bert(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = foreign.write_model("bert", tmp_path_factory.mktemp("bert"))
    return import_folder(state.store(), folder, name="[x](javascript:owned=1)")


@pytest.fixture(scope="module")
def gpt2(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return import_folder(state.store(), foreign.write_model("gpt2", tmp_path_factory.mktemp("gpt2")), name="writer")


def open_page(**query: str) -> AppTest:
    test = AppTest.from_file(PAGES / "fill_mask.py", default_timeout=60)
    for name, value in query.items():
        test.query_params[name] = value
    return ran(test)


def ran(test: AppTest) -> AppTest:
    test.run()
    assert not test.exception
    return test


def shown(test: AppTest) -> dict[str, Any]:
    """What the picture was given."""
    nodes = [json.loads(node.proto.json) for node in test.get("bidi_component")]
    (data,) = [data for data in nodes if "request" in data and "led" in data]
    return data


def link_of(test: AppTest) -> dict[str, str]:
    return {name: value if isinstance(value, str) else value[0] for name, value in test.query_params.items()}


def test_the_page_opens_with_a_word_hidden(run: Run) -> None:
    data = shown(open_page(run=run.id))
    request = data["request"]
    assert (request["run"], request["step"], request["way"], request["view"]) == (run.id, STEPS, "joint", "masks")
    (start, end) = data["hidden"][0]
    assert request["text"][start:end].strip(), "a word is hidden"
    assert request["other_run"] is None
    assert data["names"] == {run.id: "A grown run"}


def test_a_link_opens_exactly_what_was_seen(run: Run) -> None:
    link = {
        "run": run.id, "step": "8", "text": TEXT, "hidden": "3-7,12-16", "view": "masks", "way": "single",
        "against": "step", "other_step": "0", "picked": "12-16", "layer": "0",
    }  # fmt: skip
    test = open_page(**link)
    data = shown(test)
    assert data["request"] == {
        "run": run.id, "step": 8, "text": TEXT, "way": "single", "view": "masks", "other_run": run.id, "other_step": 0,
    }  # fmt: skip
    assert (data["hidden"], data["picked"], data["layer"]) == ([[3, 7], [12, 16]], [12, 16], 0)
    again = shown(open_page(**link_of(test)))
    names = ("request", "hidden", "picked", "layer")
    assert [again[name] for name in names] == [data[name] for name in names]


@pytest.mark.parametrize(
    "broken",
    [
        {"hidden": "x"},
        {"hidden": "7-3"},
        {"hidden": "1-2,<b>"},
        {"view": "../x"},
        {"way": "both"},
        {"against": "model", "other_run": "../../etc"},
        {"against": "step", "other_step": "5000"},
        {"layer": "-1"},
        {"picked": "3"},
    ],
)
def test_a_broken_link_shows_the_nearest_thing_there_is(run: Run, broken: dict[str, str]) -> None:
    data, usual = shown(open_page(run=run.id, **broken)), shown(open_page(run=run.id))
    for name in ("hidden", "picked", "layer"):
        assert data[name] == usual[name]
    beside = data["request"]["other_run"]
    assert beside is None or data["request"]["other_step"] in state.store().find(beside).steps()


def test_another_text_hides_a_word_of_its_own(run: Run) -> None:
    test = open_page(run=run.id, text=TEXT, hidden="3-7")
    before = shown(test)["led"]
    test.text_area(key="fill_text").set_value("a small bird remembers two green trees.")
    data = shown(ran(test))
    assert data["led"] != before, "the picture takes what is hidden from the page"
    (start, end) = data["hidden"][0]
    assert end > start > 15
    test.text_area(key="fill_text").set_value("a small [MASK] remembers.")
    assert shown(ran(test))["hidden"] == [], "what is typed is hidden already"


def test_a_text_that_nobody_touched_follows_the_language(run: Run, bert: Run) -> None:
    assert shown(open_page(run=run.id))["request"]["text"] == STORIES["en"][0]
    assert shown(open_page(run=run.id, lang="zh"))["request"]["text"] == STORIES["zh"][0]
    assert first_text(bert, "zh") == OTHERS["en"][0]
    for language, (text, word) in STORIES.items():
        ((start, end),) = first_hidden(run, text)
        assert text[start:end] == word, language


def test_what_is_kept_beside_a_model_is_painted_without_asking(run: Run) -> None:
    assert shown(open_page(run=run.id))["ready"] is None
    keep(run)
    try:
        for language in ("en", "zh"):
            data = shown(open_page(run=run.id, lang=language))
            asked = parse(Asked, data["request"] | {"hidden": data["hidden"]})
            assert data["ready"] == json.loads(json.dumps(answer(asked)))
        assert shown(open_page(run=run.id, way="single"))["ready"] is None
        assert shown(open_page(run=run.id, step="8"))["ready"] is None
    finally:
        (run.folder / STORED).unlink()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_is_kept_beside_the_bundled_encoder_is_what_it_expects(run: Run, language: str) -> None:
    data = shown(open_page(run="cloze-en-zh", lang=language))
    assert data["request"]["text"] == STORIES[language][0]
    (kept,), (now,) = (found["models"] for found in (data["ready"], answer(parse(Asked, data["request"] | {"hidden": data["hidden"]}))))  # fmt: skip
    assert kept["places"] == list(now["places"])
    for then, entry in zip(kept["entries"], now["entries"], strict=True):
        assert [name for _id, name, _share in then["top"]][:3] == [name for _id, name, _share in entry["top"]][:3]
        assert then["probability"] == pytest.approx(entry["probability"], rel=1e-2)


def told(moved: object, text: str = TEXT) -> AppTest:
    """What the page makes of a message from the picture."""

    def script() -> None:
        import streamlit as st

        from pages.ui.fill_mask.picture import follow_picture

        follow_picture(st.session_state.message)

    test = AppTest.from_function(script)
    test.session_state.message = moved
    test.session_state.fill_text = text
    return ran(test)


def test_the_page_takes_over_what_is_hidden_in_the_picture() -> None:
    test = told({"name": "1", "text": TEXT, "hidden": [[7, 12], [3, 7]], "picked": [3, 7], "layer": 1})
    assert test.session_state["fill_hidden"] == ((3, 7), (7, 12))
    assert (test.session_state["fill_picked"], test.session_state["fill_layer"]) == ((3, 7), 1)


@pytest.mark.parametrize(
    "moved",
    [
        {"text": "another", "hidden": [[0, 3]]},
        {"text": TEXT, "hidden": "0-3"},
        {"text": TEXT, "hidden": [[0, 1]] * 201},
        ["hidden"],
        None,
    ],
)
def test_a_picture_of_something_else_changes_nothing(moved: object) -> None:
    assert "fill_hidden" not in told(moved).session_state


@pytest.mark.parametrize("span", [[3, 3], [5, 4], [-1, 3], [0, 99], [True, 3], ["0", 3], [0], None])
def test_a_picture_cannot_hide_what_is_not_there(span: object) -> None:
    test = told({"text": TEXT, "hidden": [span, [0, 3]], "picked": span, "layer": "x"})
    assert test.session_state["fill_hidden"] == ((0, 3),)
    assert test.session_state["fill_picked"] is None
    assert test.session_state["fill_layer"] is None


def test_the_step_of_another_model_can_be_chosen_and_is_in_the_link(run: Run, bert: Run) -> None:
    test = open_page(run=bert.id, text=TEXT, against="model", other_run=run.id)
    steps = run.steps()
    assert shown(test)["request"]["other_step"] == steps[-1], "the newest first"
    box = test.selectbox(key=state.FILL_OTHER_RUN_STEP_KEY)
    assert box.options == [str(step) for step in steps[::-1]]
    box.set_value(steps[0]).run()
    assert (shown(test)["request"]["other_run"], shown(test)["request"]["other_step"]) == (run.id, steps[0])
    assert test.query_params["other_run_step"] in (str(steps[0]), [str(steps[0])])
    again = open_page(run=bert.id, text=TEXT, against="model", other_run=run.id, other_run_step=str(steps[0]))
    assert shown(again)["request"]["other_step"] == steps[0]
    wrong = open_page(run=bert.id, text=TEXT, against="model", other_run=run.id, other_run_step="77777")
    assert shown(wrong)["request"]["other_step"] == steps[-1]


def test_another_model_or_step_stands_beside(run: Run, bert: Run) -> None:
    data = shown(open_page(run=run.id, text=TEXT, against="model"))
    assert (data["request"]["other_run"], data["request"]["other_step"]) == (bert.id, 0)
    assert data["names"][bert.id] == "[x](javascript:owned=1)"
    data = shown(open_page(run=run.id, text=TEXT, against="step", step="8"))
    assert data["request"]["other_run"] == run.id
    assert data["request"]["other_step"] in set(run.steps()) - {8}


@pytest.mark.parametrize("view", ["masks", "everywhere"])
@pytest.mark.parametrize("way", ["joint", "single"])
def test_the_code_that_is_taken_away_runs(run: Run, view: str, way: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = shown(open_page(run=run.id, text=TEXT, view=view, way=way))["code"]
    exec(compile(code.replace("{places}", "[1]"), "taken away", "exec"), {})
    assert capsys.readouterr().out.strip()


def test_a_model_that_only_writes_is_set_aside_and_comes_back(run: Run, gpt2: Run) -> None:
    test = AppTest.from_file(PAGES / "navigation.py", default_timeout=60).run()
    test.session_state["subject_run"] = gpt2.id
    test.switch_page("fill_mask.py").run()
    assert shown(test)["request"]["run"] != gpt2.id
    assert "writer" not in test.selectbox(key="subject_run").options
    test.query_params.clear()
    test.switch_page("attention.py").run()
    assert test.session_state["subject_run"] == gpt2.id


def test_a_link_to_a_model_that_only_writes_says_why_it_cannot_fill(run: Run, gpt2: Run) -> None:
    test = open_page(run=gpt2.id)
    assert "from left to right" in test.info[0].value
    assert shown(test)["request"]["run"] != gpt2.id


def test_the_page_speaks_chinese(run: Run) -> None:
    test = open_page(run=run.id, lang="zh")
    assert test.title[0].value == "填空"
    assert shown(test)["words"]["fillings"] == "整体填法"


def test_without_an_encoder_the_page_says_what_to_do(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    monkeypatch.setattr("pages.ui.subject.available", lambda needs_steps: [])
    test = AppTest.from_file(PAGES / "navigation.py", default_timeout=60).run().switch_page("fill_mask.py").run()
    assert not test.exception
    assert "Here a model will fill in" in test.info[0].value
