"""What is asked of steering: what is kept, what a link says of an emptied field, and the feature of the place that was chosen."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from llm_core.interpret.components import Component
from llm_core.interpret.features.sparse_autoencoder import SparseAutoencoder
from llm_core.runs.inquired import SteeringQuestion
from llm_core.runs.inquiry import FOLDER
from llm_core.runs.store import Store
from pages.ui.inside.computed import ask
from pages.ui.inside.steering.steering_seen import Steer, seen
from pages.ui.state import INSIDE_FEATURE_PLACE_KEY, INSIDE_STEERED_AGAINST_KEY
from tests.pages.made_inside import TEXT, made
from tests.pages.shared_store import shared_store

PAGE = Path(__file__).parents[2] / "pages" / "inside.py"
MODEL = "9" * 16
SIZES = {"decoder.0.residual_after": 24, "decoder.1.residual_after": 12}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with shared_store(tmp_path_factory) as store:
        made(store.root, MODEL)
        folder = store.find(MODEL).folder / FOLDER
        folder.mkdir()
        for at, (place, size) in enumerate(SIZES.items()):
            decoder = np.eye(size, 16, dtype=np.float32) + 0.1
            made_here = SparseAutoencoder(Component.parse(place), 3, decoder.T.copy(), np.zeros(size, np.float32), decoder, np.zeros(16, np.float32))  # fmt: skip
            made_here.save(folder / f"{at}.autoencoder.safetensors")
            (folder / f"{at}.jsonl").write_text(f'{{"kind": "asked", "place": "{place}", "step": 1}}\n')
        yield store


def open_page(**query: str) -> AppTest:
    test = AppTest.from_file(PAGE, default_timeout=90)
    for name, value in {"run": MODEL, "text": TEXT, "view": "steering", **query}.items():
        test.query_params[name] = value
    test.run()
    assert not test.exception
    return test


def said_by(test: AppTest, name: str) -> str | None:
    found = test.query_params.get(name)
    return found if found is None or isinstance(found, str) else found[0]


def test_other_counted_words_write_no_text_anew(store: Store) -> None:
    question = SteeringQuestion(source="token", number=3, place="decoder.0.residual_after", tried=(), words=("cat",))
    steer = Steer(ask(MODEL, 1, TEXT), 4, question, 40, "add", "all")
    others = Steer(ask(MODEL, 1, TEXT), 4, question.model_copy(update={"words": ("dog",)}), 40, "add", "all")
    elsewhere = Steer(ask(MODEL, 1, TEXT), 4, question.model_copy(update={"number": 4}), 40, "add", "all")
    assert seen(steer) is seen(others)
    assert seen(steer) is not seen(elsewhere)


def test_an_emptied_field_is_empty_for_whoever_follows_the_link(store: Store) -> None:
    test = open_page(by="token", word="cat", word_against="dog")
    test.text_input(key=INSIDE_STEERED_AGAINST_KEY).set_value("").run()
    assert not test.exception
    assert said_by(test, "word_against") == ""
    link = {name: str(said_by(test, name)) for name in test.query_params}
    assert open_page(**link).text_input(key=INSIDE_STEERED_AGAINST_KEY).value == ""


def test_fields_that_are_empty_at_first_are_not_in_the_link(store: Store) -> None:
    test = open_page(view="geometry", shown="near", first="cat")
    assert (said_by(test, "first"), said_by(test, "second"), said_by(test, "near")) == ("cat", None, None)


def test_the_language_of_texts_is_in_the_link_of_each_view_that_reads_them(store: Store) -> None:
    for view, expected in (("probes", "zh"), ("neurons", "zh"), ("lens", None)):
        assert said_by(open_page(view=view, texts_in="zh"), "texts_in") == expected


def test_a_feature_is_chosen_with_its_place_and_counted_there(store: Store) -> None:
    test = open_page(by="feature", place="decoder.1.residual_after", feature="20", layer="0")
    (layer,) = [box for box in test.selectbox if box.label == "Layer"]
    assert (layer.value, layer.disabled) == (1, True)
    (number,) = [field for field in test.number_input if field.label == "Feature"]
    assert (number.value, number.max) == (11, SIZES["decoder.1.residual_after"] - 1)
    assert (said_by(test, "place"), said_by(test, "feature")) == ("decoder.1.residual_after", "11")
    test.selectbox(key=INSIDE_FEATURE_PLACE_KEY).set_value("decoder.0.residual_after").run()
    assert not test.exception
    assert said_by(test, "place") == "decoder.0.residual_after"
    assert said_by(open_page(by="feature", layer="1"), "place") == "decoder.1.residual_after"
