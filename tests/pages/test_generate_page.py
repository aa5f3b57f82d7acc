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
from pages.ui.generate import text
from pages.ui.generate.tree import MOST_BRANCHES, Branch, Tree
from pages.ui.generate.views import VIEWS
from pages.ui.writing import DEFAULT, Writing, whole
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


def drawn(test: AppTest) -> dict[str, Any]:
    """What the view beside the text was given."""
    (data,) = [data for data in components(test) if "view" in data]
    return data


def test_each_view_opens_and_stands_in_the_link(run: Run) -> None:
    test = open_page(run=run.id)
    for view in list(VIEWS)[1:]:
        test.session_state["generate_view"] = view
        test.run()
        assert not test.exception
        data = drawn(test)
        assert data["view"] == view
        assert test.query_params["view"] in (view, [view])
        assert run.id in data["code"]
        assert all(data["words"].values())
        compile(data["code"], view, "exec")


def test_a_link_opens_the_branch_that_was_seen(run: Run) -> None:
    tree = {"tree": "0.5.70-1.9.71-0.2.72", "branch": "2", "view": "tree"}
    test = open_page(run=run.id, **tree)
    assert asked(test).choices == "5.70-9.71"
    assert [step["branch"] for step in shown(test)["path"]] == [0, 1, 2]
    assert [row["parent"] for row in drawn(test)["rows"]] == [0, 0, 1, 0]
    assert {name: _plain(test.query_params[name]) for name in tree} == tree
    test.query_params["branch"] = "3"  # going back, or another link
    test.run()
    assert asked(test).choices == "2.72"
    del test.query_params["tree"], test.query_params["branch"]
    test.run()
    assert asked(test).choices == ""
    assert shown(test)["path"] == []


def _plain(value: Any) -> str:
    return str(value if isinstance(value, str) else value[0])


@pytest.mark.parametrize(
    "broken", [{"tree": "0.5.70-2.9.71"}, {"tree": "<b>", "branch": "9"}, {"view": "all", "count": "7"}]
)
def test_a_link_to_no_branch_opens_the_trunk(run: Run, broken: dict[str, str]) -> None:
    assert asked(open_page(run=run.id, **broken)).choices == ""


def test_another_token_grows_a_branch_its_own_leads_back(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    root = Writing(run=run.id, step=STEPS, prompt="the cat", decoding=DecodingConfig(tokens=6))
    kept: list[Tree] = []
    said: list[str] = []
    monkeypatch.setattr(text, "keep", lambda _root, tree: kept.append(tree))
    monkeypatch.setattr(text.st, "toast", said.append)
    own = whole(root)["tokens"][2]["id"]
    other = (own + 1) % 300
    text.go_on(root, Tree(), 2, other)
    assert kept[-1].choices(kept[-1].at) == f"2.{other}"
    text.go_on(root, kept[-1], 2, own)
    assert kept[-1].at == 0, "the trunk has this token there"
    for place, token in ((6, 1), (-1, 1), (2, 10**6), (2, -1)):
        text.go_on(root, Tree(), place, token)
    assert len(kept) == 2
    text.go_on(root, Tree(tuple(Branch(0, 3, token) for token in range(MOST_BRANCHES))), 2, other)
    assert "24" in said[0]


def test_the_sliders_begin_with_the_settings_and_a_link_moves_them(run: Run) -> None:
    test = open_page(run=run.id, view="next", top_p="0.8", tried="1.5_7_1_0_1.2", place="3")
    data = drawn(test)
    assert data["tried"] == {"temperature": 1.5, "top_k": 7, "top_p": 1.0, "min_p": 0.0, "repetition_penalty": 1.2}
    assert data["own"]["top_p"] == 0.8
    assert data["request"]["place"] == data["place"] == 3
    test.text_area(key="generate_prompt").set_value("my old friend").run()
    assert drawn(test)["place"] == 0, "another text, another place"
    for broken in ("1.5_7", "0_7_1_0_1", "1__9_0_1", "1.2.3_1_1_0_1"):
        data = drawn(open_page(run=run.id, view="next", tried=broken))
        assert data["tried"] == data["own"]


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
