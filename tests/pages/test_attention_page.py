"""The Attention page as a script: what is looked at, its link, and what the picture in the browser is given."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from llm_core.config import NgramConfig
from llm_core.runs.run import Run
from pages.ui import state
from pages.ui.attention import first_text, looking
from pages.ui.attention.first_head import first_head
from tests.pages.grown import STEPS, grown_store

PAGE = Path(__file__).parents[2] / "pages" / "attention.py"
TEXT = "the cat sees the sea."


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    with grown_store(tmp_path_factory, bundled=False) as run:
        yield run


def open_page(**query: str) -> AppTest:
    test = AppTest.from_file(PAGE, default_timeout=60)
    for name, value in query.items():
        test.query_params[name] = value
    return ran(test)


def ran(test: AppTest) -> AppTest:
    test.run()
    assert not test.exception
    return test


def components(test: AppTest) -> list[dict[str, Any]]:
    return [json.loads(node.proto.json) for node in test.get("bidi_component")]


def shown(test: AppTest) -> dict[str, Any]:
    """What the picture was given."""
    (data,) = [data for data in components(test) if "request" in data and "words" in data]
    return data


def link_of(test: AppTest) -> dict[str, str]:
    return {name: value if isinstance(value, str) else value[0] for name, value in test.query_params.items()}


def test_the_page_opens_on_a_head_and_a_text_of_the_model(run: Run) -> None:
    data = shown(open_page(run=run.id))
    request = data["request"]
    assert request["text"].startswith("the cat")
    assert (request["run"], request["step"], request["part"]) == (run.id, STEPS, "decoder")
    assert (request["layer"], request["head"]) == (0, 0)
    assert request["heads_off"] == request["tokens_off"] == []
    assert data["steps"] == run.steps()
    assert data["other"] is None


def test_a_link_opens_exactly_what_was_seen(run: Run) -> None:
    link = {
        "run": run.id, "step": "8", "text": TEXT, "part": "decoder", "layer": "0", "head": "1", "view": "difference",
        "heads_off": "decoder.0.0", "tokens_off": "1,3", "against": "step", "other_step": "0",
    }  # fmt: skip
    test = open_page(**link)
    data = shown(test)
    assert data["request"] == {
        "run": run.id, "step": 8, "text": TEXT, "source": "", "part": "decoder", "layer": 0, "head": 1,
        "heads_off": ["decoder.0.0"], "tokens_off": [1, 3], "source_tokens_off": [],
    }  # fmt: skip
    assert (data["other"]["against"], data["other"]["step"]) == ("step", 0)
    again = shown(open_page(**link_of(test)))
    assert (again["request"], again["other"]) == (data["request"], data["other"])


def test_what_is_chosen_is_written_into_the_link(run: Run) -> None:
    test = open_page(run=run.id)
    assert "text" not in link_of(test), "what the page begins with stays out of the link"
    test.text_area(key="attention_text").set_value(TEXT)
    ran(test)
    assert link_of(test)["text"] == TEXT
    assert shown(test)["request"]["text"] == TEXT
    assert shown(open_page(**link_of(test)))["request"] == shown(test)["request"]


def test_going_back_shows_what_was_seen_before(run: Run) -> None:
    test = open_page(run=run.id)
    before = link_of(test)
    test.text_area(key="attention_text").set_value(TEXT)
    ran(test)
    assert shown(test)["request"]["text"] == TEXT
    for name in set(link_of(test)) - set(before):
        del test.query_params[name]
    ran(test)
    assert shown(test)["request"] == shown(open_page(**before))["request"]


@pytest.mark.parametrize(
    "broken",
    [
        {"layer": "99", "head": "0"},
        {"layer": "-1"},
        {"head": "１"},
        {"head": "9" * 40},
        {"part": "cross"},
        {"part": "<script>"},
        {"view": "../x"},
        {"heads_off": "decoder.0"},
        {"heads_off": "decoder.9.9"},
        {"heads_off": "decoder.0.0,<b>"},
        {"tokens_off": "1,x"},
        {"view": "difference", "against": "head", "other_head": "decoder.77.0"},
        {"view": "difference", "against": "step", "other_step": "5000"},
        {"view": "difference", "against": "nothing"},
    ],
)
def test_a_broken_link_shows_the_nearest_thing_there_is(run: Run, broken: dict[str, str]) -> None:
    data = shown(open_page(run=run.id, **broken))
    usual = shown(open_page(run=run.id))["request"]
    assert data["request"] == usual
    if data["other"]:
        assert data["other"]["step"] in run.steps()
        assert data["other"]["layer"] == 0


def test_a_token_that_is_not_there_cannot_be_switched_off(run: Run) -> None:
    test = open_page(run=run.id, text="the cat", tokens_off="30")
    assert shown(test)["request"]["tokens_off"] == [30], "the picture says that there is none"


def test_another_text_has_all_its_tokens_on(run: Run) -> None:
    test = open_page(run=run.id, text=TEXT, heads_off="decoder.0.1", tokens_off="2")
    assert shown(test)["request"]["tokens_off"] == [2]
    test.text_area(key="attention_text").set_value("a small bird")
    request = shown(ran(test))["request"]
    assert (request["tokens_off"], request["heads_off"]) == ([], ["decoder.0.1"])


def test_a_text_that_nobody_touched_is_the_one_of_the_model(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    test = open_page(run=run.id)
    monkeypatch.setattr(looking, "first_text", lambda run: "another model begins so")
    assert shown(ran(test))["request"]["text"] == "another model begins so"
    test.text_area(key="attention_text").set_value(TEXT)
    ran(test)
    monkeypatch.setattr(looking, "first_text", lambda run: "and a third one so")
    assert shown(ran(test))["request"]["text"] == TEXT


@pytest.mark.parametrize(("against", "differs"), [("head", "head"), ("step", "step"), ("text", "text")])
def test_two_are_compared_that_differ_in_one_thing(run: Run, against: str, differs: str) -> None:
    test = open_page(run=run.id, text=TEXT, view="difference", against=against)
    data = shown(test)
    names = [name for name in ("layer", "head", "step", "text") if data["request"][name] != data["other"][name]]
    assert names == [differs]
    assert "first[:rows, :columns] - second[:rows, :columns]" in data["code"]


@pytest.mark.parametrize("view", ["heads", "difference"])
def test_the_code_that_is_taken_away_computes_what_is_seen(run: Run, view: str, capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    test = open_page(
        run=run.id, text=TEXT, view=view, against="step", head="1", tokens_off="2", heads_off="decoder.0.0"
    )
    names: dict[str, Any] = {}
    exec(compile(shown(test)["code"], "taken away", "exec"), names)
    assert capsys.readouterr().out
    pattern = names["pattern" if view == "heads" else "first"]
    rows = [row for row in range(len(pattern)) if row != 2]
    assert not pattern[rows, 2].any(), "what is switched off on the page is so in the code"


def told(moved: dict[str, Any]) -> AppTest:
    """What the page makes of a message from the picture."""

    def script() -> None:
        import streamlit as st

        from pages.ui.attention.picture import follow_picture

        follow_picture(st.session_state.message)

    test = AppTest.from_function(script)
    test.session_state.message = moved
    return test.run()


def test_the_page_takes_over_where_the_picture_has_come_to_rest(run: Run) -> None:
    test = told({"name": "1", "run": run.id, "part": "decoder", "layer": 0, "head": 1, "step": 8})
    assert not test.exception
    assert (test.session_state["attention_layer"], test.session_state["attention_head"]) == (0, 1)
    assert test.session_state["subject_step"] == 8
    assert test.session_state["attention_heard"] == "1"


@pytest.mark.parametrize(
    "change",
    [{"layer": 4}, {"head": True}, {"head": "1"}, {"part": "cross"}, {"part": []}, {"run": "../x"}, {"run": None}, {"step": 7, "layer": 9}],
)  # fmt: skip
def test_a_picture_cannot_lead_where_there_is_nothing(run: Run, change: dict[str, Any]) -> None:
    test = told({"name": "1", "run": run.id, "part": "decoder", "layer": 0, "head": 1, "step": 7} | change)
    assert not test.exception
    assert "attention_head" not in test.session_state
    assert "subject_step" not in test.session_state


def test_a_model_without_attention_says_why_and_what_there_is(run: Run, tmp_path: Path) -> None:
    folder = state.store().root / "00000000000000aa"
    shutil.copytree(run.folder, folder)
    file = folder / "run.json"
    values = json.loads(file.read_text(encoding="utf-8"))
    values["config"]["model"] = NgramConfig().model_dump()
    file.write_text(json.dumps(values), encoding="utf-8")
    try:
        test = AppTest.from_file(PAGE.parent / "navigation.py", default_timeout=60).run()
        test.session_state["subject_run"] = folder.name
        test.switch_page("attention.py").run()
        assert not test.exception
        assert "only Transformers" in test.info[0].value
        assert test.get("page_link")
        assert not [data for data in components(test) if "request" in data]
    finally:
        shutil.rmtree(folder)


def test_the_page_speaks_chinese(run: Run) -> None:
    test = open_page(run=run.id, lang="zh")
    assert test.title[0].value == "注意力"
    assert shown(test)["words"]["layer"] == "层"


def test_a_measured_model_is_first_seen_with_the_head_that_stands_out(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measured(step: int, score: str, mean: list[list[float | None]], baseline: float | None, part: str = "decoder") -> dict[str, Any]:  # fmt: skip
        return {"step": step, "score": score, "mean": mean, "baseline": baseline, "part": part}

    rows = [
        measured(0, "place", [[0.0, 1.0]], None),
        measured(8, "place", [[0.7, 0.2]], 0.1),
        measured(8, "antecedent", [[0.1, 0.9]], 0.8),
        measured(8, "entropy", [[0.0, 5.0]], None),
        measured(8, "alignment", [[0.0, 1.0]], None, part="cross"),
        measured(8, "induction", [[None, None]], 0.0),
    ]
    monkeypatch.setattr("llm_core.runs.head_scores.find_rows", lambda store, run: rows)
    first_head.cache_clear()
    assert first_head(run, "decoder") == (0, 0), "what is not above the rule without a model does not count"
    assert first_head(run, "cross") == (0, 1)
    rows.clear()
    first_head.cache_clear()
    assert first_head(run, "decoder") == (0, 0)


def test_the_bundled_stories_begin_with_a_pronoun_and_a_place_and_have_a_second_text_as_long() -> None:
    from llm_core.data.tokenizers import Tokenizer

    models = PAGE.parents[1] / "assets" / "models"
    for name, first, second in (
        ("stories-en", first_text.ENGLISH_STORY, first_text.ENGLISH_OTHER),
        ("stories-zh", first_text.CHINESE_STORY, first_text.CHINESE_OTHER),
    ):
        tokenizer = Tokenizer.load(models / name / "tokenizer.json")
        tokens = tokenizer.encode(first)
        assert len(tokens) == len(tokenizer.encode(second)) < 50
        assert all(len(tokenizer.pieces[token]) > 0 and "<0x" not in tokenizer.pieces[token] for token in tokens)


def test_without_any_model_the_page_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERRARIUM_RUNS", str(tmp_path / "empty"))
    monkeypatch.setattr("pages.ui.subject.available", lambda needs_steps: [])
    state.store.cache_clear()
    test = AppTest.from_file(PAGE.parent / "navigation.py", default_timeout=60).run().switch_page("attention.py").run()
    state.store.cache_clear()
    assert not test.exception
    assert "Here a model will show" in test.info[0].value
