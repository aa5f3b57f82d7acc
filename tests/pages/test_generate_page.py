"""The Generate page as a script: settings, link, and what it asks the browser to show."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from streamlit.testing.v1 import AppTest

from llm_core.config import DecodingConfig
from llm_core.runs.run import Run
from pages.ui import state
from pages.ui.writing import DEFAULT, Writing
from tests.pages.grown import STEPS, grown_store

PAGE = Path(__file__).parents[2] / "pages" / "generate.py"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    with grown_store(tmp_path_factory, bundled=False) as run:
        yield run


def open_page(**query: str) -> AppTest:
    test = AppTest.from_file(PAGE, default_timeout=30)
    for name, value in query.items():
        test.query_params[name] = value
    test.run()
    assert not test.exception
    return test


def shown(test: AppTest) -> dict[str, Any]:
    """What the tokens component was given."""
    (data,) = [data for data in components(test) if "pick" in data]
    return data


def components(test: AppTest) -> list[dict[str, Any]]:
    return [json.loads(node.proto.json) for node in test.get("bidi_component")]


def asked(test: AppTest) -> Writing:
    request = dict(shown(test)["request"])
    request.pop("language")
    return Writing(**request)


def test_the_page_opens_on_a_model_and_asks_for_its_text(run: Run) -> None:
    writing = asked(open_page(run=run.id))
    assert writing == Writing(run=run.id, step=STEPS, prompt="the cat", decoding=DEFAULT)


def test_a_link_opens_exactly_what_was_seen(run: Run) -> None:
    link = {
        "run": run.id,
        "step": "8",
        "prompt": "a small bird",
        "temperature": "1.5",
        "seed": "7",
        "top_k": "5",
        "method": "sample",
    }
    writing = asked(open_page(**link))
    assert writing == Writing(run=run.id, step=8, prompt="a small bird", decoding=DEFAULT.model_copy(update={"temperature": 1.5, "seed": 7, "top_k": 5}))  # fmt: skip


def test_settings_are_written_into_the_link(run: Run) -> None:
    test = open_page(run=run.id)
    test.slider(key="train_DecodingConfig_temperature").set_value(1.2)
    test.text_area(key="generate_prompt").set_value("my old friend").run()
    link = {name: value if isinstance(value, str) else value[0] for name, value in test.query_params.items()}
    assert (link["prompt"], link["temperature"], link["step"]) == ("my old friend", "1.2", str(STEPS))
    assert "tokens" not in link
    assert asked(open_page(**link)) == asked(test)


@pytest.mark.parametrize(
    "broken",
    [
        {"temperature": "NaN"},
        {"tokens": "-3"},
        {"seed": "１２"},
        {"method": "<script>"},
        {"top_k": "[1]"},
        {"top_k": "[" * 5000},
    ],
)
def test_a_broken_link_leaves_the_page_as_it_was(run: Run, broken: dict[str, str]) -> None:
    assert asked(open_page(run=run.id, **broken)).decoding == DEFAULT


@pytest.mark.parametrize(
    ("name", "asked_for", "shown_as"),
    [("tokens", "5", 8), ("tokens", "4000", 512), ("temperature", "0.05", 0.1), ("temperature", "9.5", 2.0)],
)
def test_a_link_beyond_the_sliders_is_taken_to_their_ends(run: Run, name: str, asked_for: str, shown_as: float) -> None:
    assert getattr(asked(open_page(run=run.id, **{name: asked_for})).decoding, name) == shown_as


def test_another_seed_another_name(run: Run) -> None:
    test = open_page(run=run.id)
    before = shown(test)["identity"]
    test.button[0].click().run()
    assert asked(test).decoding.seed == DEFAULT.seed + 1
    assert shown(test)["identity"] != before


def test_another_text_is_offered_only_where_chance_has_a_say(run: Run) -> None:
    assert not open_page(run=run.id).button[0].disabled
    assert open_page(run=run.id, method="greedy").button[0].disabled


def test_at_most_five_settings_are_open(run: Run) -> None:
    test = open_page(run=run.id)
    folded = {widget.key for widget in (*test.expander[0].number_input, *test.expander[0].selectbox)}
    prefix = "train_DecodingConfig_"
    widgets = (*test.number_input, *test.slider, *test.selectbox)
    opened = {widget.key for widget in widgets if widget.key and widget.key.startswith(prefix)} - folded
    assert len(opened) <= 5
    assert {key.removeprefix(prefix) for key in opened | folded} == set(DecodingConfig.model_fields)


def test_the_foot_offers_the_table_the_code_and_the_views(run: Run) -> None:
    data = components(open_page(run=run.id))
    (foot,) = [each for each in data if "code" in each]
    (file,) = foot["files"]
    (writing,) = parse_qs(urlsplit(file["href"]).query)["writing"]
    assert Writing.model_validate_json(writing).run == run.id
    assert run.id in foot["code"]
    (guide,) = [each for each in data if "lines" in each]
    assert len(guide["lines"]) == 3


def test_the_page_speaks_chinese(run: Run) -> None:
    test = open_page(run=run.id, lang="zh")
    assert test.title[0].value == "生成"
    assert shown(test)["request"]["language"] == "zh"
    assert "词元" in shown(test)["labels"]["done"]


def test_without_any_model_the_page_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERRARIUM_RUNS", str(tmp_path / "empty"))
    monkeypatch.setattr("pages.ui.subject.available", lambda needs_steps: [])
    state.store.cache_clear()
    test = AppTest.from_file(PAGE.parent / "navigation.py", default_timeout=30).run().switch_page("generate.py").run()
    state.store.cache_clear()
    assert not test.exception
    assert "Here a model will write" in test.info[0].value
