"""Features as a person meets them: figures beside their control, who speaks, what is lost without, and what is looked for."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from llm_core.interpret.features.autoencoder_report import features_of_texts, without_each
from llm_core.interpret.features.sparse_autoencoder import load_autoencoder
from llm_core.interpret.reading import read
from llm_core.interpret.target import Target
from llm_core.runs import inquiry
from llm_core.runs.features import AUTOENCODER, TABLE
from llm_core.runs.inquired import FeaturesQuestion, InquiryConfig
from llm_core.runs.inquiries import features
from llm_core.runs.inquiry_subject import Subject
from llm_core.runs.store import Store
from pages.ui.charts import DARK, LIGHT
from pages.ui.inside.features import feature_rows
from pages.ui.state import INSIDE_FEATURE_PLACE_KEY
from tests.pages.made_inside import made
from tests.pages.shared_store import shared_store

PAGE = Path(__file__).parents[2] / "pages" / "inside.py"
MODEL = "f" * 16
TEXT = "the cat sees the dog"
PLACE = "decoder.0.residual_after"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with shared_store(tmp_path_factory) as store, pytest.MonkeyPatch.context() as patch:
        made(store.root, MODEL)
        for name, value in (("LOOKED_AT", 8), ("JUDGED", 6), ("_LABELLED", 24)):
            patch.setattr(f"llm_core.runs.inquiries.features.{name}", value)
        _answer(store)
        yield store


def config() -> InquiryConfig:
    return InquiryConfig(run=MODEL, step=1, question=FeaturesQuestion(place=PLACE, features=24, k=3, steps=5))


def _answer(store: Store) -> None:
    """What a worker would leave, as it comes with a bundled model."""
    run = store.find(MODEL)
    folder = run.folder / inquiry.FOLDER
    folder.mkdir()
    model, tokenizer = store.model(run, 1)
    subject = Subject(store, run, 1, model, tokenizer, folder, ())
    quick = FeaturesQuestion(place=PLACE, features=24, k=3, steps=5, texts=12)
    rows = [row for row in features.answer(quick, subject) if isinstance(row, dict)]
    (folder / f"{config().digest}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for name in (AUTOENCODER, TABLE):
        (folder / name).rename(folder / f"{config().digest}.{name}")


def open_page(**query: str) -> AppTest:
    test = AppTest.from_file(PAGE, default_timeout=90)
    asked = {"run": MODEL, "text": TEXT, "view": "features", "features": "24", "k": "3", "steps": "5"}
    for name, value in {**asked, **query}.items():
        test.query_params[name] = value
    test.run()
    assert not test.exception
    assert not test.error
    return test


def drawn(test: AppTest, name: str) -> dict[str, Any]:
    parts = [json.loads(node.proto.json) for node in test.get("bidi_component")]
    (data,) = [data for data in parts if str(data.get("name", "")) == name]
    return data


def table(test: AppTest, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(drawn(test, f"terrarium-features-{MODEL}-1-{PLACE}-{name}")["table"])))


def test_what_speaks_at_a_token_and_what_is_lost_without_it(store: Store) -> None:
    test = open_page(token="4", target="1", against="2")
    known = inquiry.known(store, config())
    assert known is not None
    report = feature_rows.report_of(known, "learnt")
    assert report is not None
    assert [metric.value for metric in test.metric][2] == "3.00"
    assert f"{100 * report['dead']:.3g}" in test.metric[3].value
    model, tokenizer = store.model(store.find(MODEL), 1)
    reading = read(model, tokenizer, TEXT)
    found = load_autoencoder(known.file(AUTOENCODER))
    (strengths,) = features_of_texts(model, found, [reading])
    active = [int(feature) for feature in np.argsort(-strengths[4]) if strengths[4, feature] > 0]
    assert [int(row["feature"]) for row in table(test, "active")] == active
    changes = without_each(model, found, reading, Target(4, 1, 2), active)
    np.testing.assert_allclose([float(row["change"]) for row in table(test, "without")], changes, rtol=1e-3)
    assert test.number_input(key="inside_feature_number").value == active[0]
    assert "".join(test.query_params["place"]) == PLACE


def test_a_feature_is_chosen_by_its_number_and_stands_in_the_link(store: Store) -> None:
    test = open_page()
    test.number_input(key="inside_feature_number").set_value(7).run()
    assert not test.exception
    assert "".join(test.query_params["feature"]) == "7"
    card = drawn(test, f"terrarium-feature-{MODEL}-1-{PLACE}-7-histogram")
    assert sum(int(row["tokens"]) for row in csv.DictReader(io.StringIO(card["table"]))) > 0
    assert "direction(7)" in card["code"]


def test_a_feature_of_another_autoencoder_is_not_the_chosen_one(store: Store) -> None:
    test = open_page(feature="7", place=PLACE)
    assert "".join(test.query_params["feature"]) == "7", "a link names it together with its place"
    test.selectbox(key=INSIDE_FEATURE_PLACE_KEY).set_value("decoder.1.attention").run()
    assert "feature" not in test.query_params
    test.selectbox(key=INSIDE_FEATURE_PLACE_KEY).set_value(PLACE).run()
    usual = open_page(place=PLACE).number_input(key="inside_feature_number").value
    assert test.number_input(key="inside_feature_number").value == usual != 7


def test_features_are_looked_for_by_what_a_grammar_knows(store: Store) -> None:
    test = open_page()
    known = inquiry.known(store, config())
    assert known is not None
    label = next(each for each in feature_rows.labels_of(known) if each.about == "position")
    test.selectbox(key="inside_feature_label").set_value(f"{label.about}.{label.label}").run()
    assert not test.exception
    rows = table(test, "search")
    assert [int(row["feature"]) for row in rows] == list(label.features)
    assert [float(row["area"]) for row in rows] == list(label.areas)


def test_another_place_is_asked_about_and_not_made_up(store: Store) -> None:
    test = open_page(place="decoder.1.attention")
    (asked,) = [json.loads(node.proto.json) for node in test.get("bidi_component") if "inquiry/" in node.proto.json]
    other = InquiryConfig(run=MODEL, step=1, question=FeaturesQuestion(place="decoder.1.attention", features=24, k=3, steps=5))  # fmt: skip
    assert asked["address"] == f"inquiry/{other.digest}"
    assert not test.metric


def test_pictures_grow_with_the_rows(store: Store) -> None:
    known = inquiry.known(store, config())
    assert known is not None
    half = inquiry.Answer(tuple(row for row in known.rows if row.get("of") == "learnt"), False, None, "")
    for colors in (LIGHT, DARK):
        assert len(feature_rows.figure(config(), half, str, colors).data) == 1
        assert len(feature_rows.figure(config(), known, str, colors).data) == 2
    assert feature_rows.points(config(), half) == 5
    assert len(feature_rows.csv(config(), known).splitlines()) == 11
    told = feature_rows.told_by(feature_rows.labels_of(known), least=0.5)
    assert all(feature in label.features for feature, label in told.items())
    learnt = feature_rows.report_of(known, "learnt")
    assert learnt is not None
    drawn_densities = feature_rows.densities(learnt["density"], learnt["density"], str, LIGHT)
    assert sum(drawn_densities.data[0].y) == sum(value > 0 for value in learnt["density"])
