"""A model that translates on the Train and the Generate page: what opens, what is written, and what is refused."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from llm_core.config import DecodingConfig, load_recipe
from llm_core.runs.run import Run
from llm_core.runs.store import Store
from llm_core.runs.worker import work
from pages.ui import state, writing
from pages.ui.generate import text as generated
from pages.ui.generate.beams import searched
from pages.ui.generate.python import python_of
from pages.ui.generate.samples import Many, sampled
from pages.ui.generate.tree import Tree
from pages.ui.train import task
from pages.ui.writing import Writing, as_csv, is_translator, whole
from tests.pages.test_train_page import NAVIGATION, started, train_page

__all__ = ["started"]
RECIPE = load_recipe(Path(__file__).parents[2] / "assets" / "recipes" / "translate.toml")
GENERATE = Path(__file__).parents[2] / "pages" / "generate.py"
STEPS = 8


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """A translator that has been trained for a second, in the store that pages share."""
    root = tmp_path_factory.mktemp("translator") / "runs"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TERRARIUM_RUNS", str(root))
        patch.setattr(state, "_warm_up", lambda: None)
        state.store.cache_clear()
        small = {"steps": STEPS, "batch_size": 8, "threads": 1, "evaluation_every": STEPS, "checkpoint_every": STEPS}
        config = RECIPE.model_copy(update={
            "model": RECIPE.model.model_copy(update={"width": 16, "heads": 2, "layers": 1}),
            "data": RECIPE.data.model_copy(update={"documents": 240}),
            "training": RECIPE.training.model_copy(update=small),
        })  # fmt: skip
        made = Store(root).create(config, name="A translator")
        assert work(made).state == "finished"
        yield made
    state.store.cache_clear()


def components(test: AppTest) -> list[dict[str, Any]]:
    return [json.loads(node.proto.json) for node in test.get("bidi_component")]


def generate_page(**query: str) -> AppTest:
    test = AppTest.from_file(GENERATE, default_timeout=30)
    for name, value in query.items():
        test.query_params[name] = value
    test.run()
    assert not test.exception
    return test


def refusal(test: AppTest) -> str:
    """The one error on the page, without the signs that keep Markdown from reading it."""
    (error,) = test.error
    return str(error.value).replace("\\", "")


def test_generate_asks_for_a_sentence_and_writes_its_translation_below(run: Run) -> None:
    test = generate_page(run=run.id)
    box = test.text_area(key="generate_prompt")
    assert (box.label, box.value) == ("Sentence", "Lily had a ball, and she put it in the box.")
    (data,) = [data for data in components(test) if "identity" in data]
    request = dict(data["request"])
    request.pop("language")
    text = whole(Writing(**request))
    assert "".join(text["prompt"]) == "Lily had a ball, and she put it in the box."
    assert text["below"]
    assert 0 < len(text["tokens"]) <= 48
    (foot,) = [each for each in components(test) if "code" in each]
    assert "translate(model, tokenizer" in foot["code"]


def test_an_empty_sentence_is_that_of_the_runs_samples(run: Run) -> None:
    assert (
        generate_page(run=run.id, prompt=" ").text_area(key="generate_prompt").value
        == "Lily had a ball, and she put it in the box."
    )


def test_the_code_that_is_taken_away_writes_the_same(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    decoding = DecodingConfig(method="greedy", tokens=6)
    asked = Writing(run=run.id, step=STEPS, prompt="Tom saw a cat.", decoding=decoding)
    exec(python_of(asked), {})
    shown = [line.split("'")[1] for line in capsys.readouterr().out.splitlines() if "'" in line]
    assert shown == [token["text"] for token in whole(asked)["tokens"]]
    assert len(as_csv(asked).splitlines()) == 1 + len(shown)


def test_nobody_can_go_on_from_a_token_of_a_translation(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(generated.st, "toast", said.append)
    generated.go_on(Writing(run=run.id, step=STEPS, prompt="Tom saw a cat."), Tree(), 5, 6)
    assert "begins with its first token" in said[0]


def test_views_of_texts_that_go_on_say_why_they_do_not_fit(run: Run) -> None:
    for view in ("next", "tree", "beams", "samples"):
        test = generate_page(run=run.id, view=view)
        assert "translates" in test.info[0].value
        assert not [data for data in components(test) if "view" in data]
    for found in (searched, lambda asked: sampled(Many(writing=asked))):
        with pytest.raises(writing.UserError):
            list(found(Writing(run=run.id, step=STEPS, prompt="Tom saw a cat.")))


def test_a_longer_text_than_it_reads_is_refused_in_a_sentence(run: Run) -> None:
    asked = Writing(run=run.id, step=STEPS, prompt="the ball " * 60)
    with pytest.raises(writing.UserError, match="at most 48"):
        whole(asked)


def test_train_shows_it_and_says_why_there_is_no_floor(run: Run) -> None:
    assert is_translator(run)
    assert "translation" in task.no_floor(run)
    test = train_page(run=run.id)
    assert not test.exception
    names = [data["labels"]["skills"] for data in components(test) if "skills" in data.get("labels", {})]
    assert all({"exact_match", "chrf"} <= set(name) for name in names)
    assert names


@pytest.mark.parametrize("language", ["en", "zh"])
def test_pages_open_with_the_bundled_translator(store: Store, language: str) -> None:
    for page in ("train.py", "generate.py"):
        test = AppTest.from_file(NAVIGATION, default_timeout=30)
        test.query_params["run"], test.query_params["lang"] = "translate-en-zh", language
        test.run()
        test.switch_page(page).run()
        assert not test.exception
        assert not test.warning


def test_the_recipe_brings_its_text_and_trains_on_it(store: Store, started: list[str]) -> None:
    test = train_page()
    test.selectbox(key="train_recipe").set_value("translate").run()
    assert test.selectbox(key="train_corpus").value == "parallel-en-zh"
    assert not test.error
    test.button(key="train_start").click().run()
    assert not test.exception
    assert not test.error
    (made,) = store.runs()
    assert started == [made.id]
    assert made.config.data == RECIPE.data
    assert made.config.model == RECIPE.model


@pytest.mark.parametrize("text", ["stories-en", "python-library", "copy"])
def test_another_text_than_pairs_is_refused_and_the_way_back_works(store: Store, started: list[str], text: str) -> None:
    test = train_page()
    test.selectbox(key="train_corpus").set_value(text).run()
    test.selectbox(key="train_recipe").set_value("translate").run()
    assert not test.exception
    assert "parallel-en-zh" in refusal(test)
    assert test.button(key="train_start").disabled
    test.selectbox(key="train_corpus").set_value("parallel-en-zh").run()
    assert not test.exception
    assert not test.error
    test.button(key="train_start").click().run()
    (made,) = store.runs()
    assert made.config.data == RECIPE.data
    assert made.config.training.batch_size == RECIPE.training.batch_size


def test_pairs_are_refused_to_a_decoder_and_the_way_back_works(store: Store, started: list[str]) -> None:
    test = train_page()
    test.selectbox(key="train_corpus").set_value("parallel-en-zh").run()
    assert not test.exception
    assert "recipe translate" in refusal(test)
    test.selectbox(key="train_corpus").set_value("stories-en").run()
    assert not test.exception
    assert not test.error
    test.button(key="train_start").click().run()
    (made,) = store.runs()
    assert made.config.data.rows == "documents"


def test_a_pasted_text_has_no_pairs(store: Store, started: list[str]) -> None:
    test = train_page()
    test.selectbox(key="train_recipe").set_value("translate").run()
    test.segmented_control(key="train_text_way").set_value("paste").run()
    test.text_area(key="train_paste").set_value("A line of a poem.\n" * 400).run()
    assert not test.exception
    assert "parallel-en-zh" in refusal(test)
