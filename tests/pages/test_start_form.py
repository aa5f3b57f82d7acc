"""The form before the start: a variation lays its settings, a refused setting is put right by a button, and what a training
costs is told."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from llm_core.config import TrainingConfig, TransformerConfig
from llm_core.models.work import Work
from llm_core.runs.speed import Point, Speed, write_speed
from llm_core.runs.store import Store
from pages.ui.forms import form_key
from pages.ui.recipes import recipes
from tests.pages.shared_store import shared_store

NAVIGATION = str(Path(__file__).parents[2] / "pages" / "navigation.py")
WIDTH, HEADS = form_key(TransformerConfig, "width"), form_key(TransformerConfig, "heads")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with shared_store(tmp_path_factory) as shared:
        yield shared


def train_page(language: str = "en") -> AppTest:
    test = AppTest.from_file(NAVIGATION, default_timeout=20)
    test.query_params["lang"] = language
    test.run()
    return test.switch_page("train.py").run()


def captions(test: AppTest) -> str:
    return "\n".join(each.value for each in test.caption)


def test_a_variation_lays_its_settings_says_what_it_shows_and_takes_them_back(store: Store) -> None:
    test = train_page()
    recipe = recipes()["gpt"].config
    test.selectbox(key="train_variation").set_value("rate-high").run()
    assert test.session_state[form_key(TrainingConfig, "learning_rate")] == pytest.approx(0.1)
    assert "Learning rate 0.01 → 0.1" in captions(test).replace("\\", "")
    assert "overshoots" in captions(test)
    test.selectbox(key="train_variation").set_value("wide").run()
    assert test.session_state[form_key(TrainingConfig, "learning_rate")] == recipe.training.learning_rate
    assert test.number_input(key=WIDTH).value == 256
    test.selectbox(key="train_recipe").set_value("lstm").run()
    assert test.selectbox(key="train_variation").value == ""
    assert "→" not in captions(test)
    assert not test.exception


def test_a_button_sets_the_nearest_width_that_works(store: Store) -> None:
    test = train_page()
    test.number_input(key=WIDTH).set_value(100).run()
    assert test.button(key="train_start").disabled
    offered = {each.key: each for each in test.button if str(each.key).startswith("start_way_")}
    assert {"start_way_model.width_96", "start_way_model.width_104", "start_way_model.heads_2"} <= set(offered)
    offered["start_way_model.width_96"].click().run()
    assert test.number_input(key=WIDTH).value == 96
    assert not test.error
    assert not test.button(key="train_start").disabled
    assert list(store.root.iterdir()) == []


def test_a_text_that_the_recipe_cannot_read_offers_the_recipe_that_can(store: Store) -> None:
    test = train_page()
    test.selectbox(key="train_corpus").set_value("parallel-en-zh").run()
    assert test.button(key="train_start").disabled
    test.button(key="start_way_recipe_translate").click().run()
    assert test.selectbox(key="train_recipe").value == "translate"
    assert not test.error
    assert not test.button(key="train_start").disabled


def test_a_context_longer_than_a_pasted_text_is_put_right_before_the_start(store: Store) -> None:
    test = train_page()
    test.segmented_control(key="train_text_way").set_value("paste").run()
    test.text_area(key="train_paste").set_value("A line of a poem.\n" * 8).run()
    assert test.button(key="train_start").disabled
    (way,) = [each for each in test.button if str(each.key).startswith("start_way_model.context_")]
    way.click().run()
    assert not test.error
    assert "different tokens" in captions(test)
    assert not test.button(key="train_start").disabled
    assert list(store.root.iterdir()) == []


def test_the_cost_is_told_in_both_languages_and_before_any_measurement(store: Store) -> None:
    first = captions(train_page())
    assert "parameters; training takes" in first
    assert "not been measured" in first
    points = tuple(
        Point("step", "decoder next_token", 1, Work(1e9 * size, 1e7 * size, 500), 0.1 * size) for size in (1, 2, 3)
    )
    write_speed(store.root, Speed(points, {"prepare text": 1e-6, "count": 1e-6}, 300_000_000, measured=True))
    for language, words in (("en", "on this computer"), ("zh", "在这台电脑上")):
        assert words in captions(train_page(language))
    (store.root / ".speed.json").unlink()
