"""Why: what the route says of one text, against the model's own sums; what the panel offers, and what is refused."""

import csv
import io
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient
from streamlit.testing.v1 import AppTest

from llm_core.inference.classifiers.base import save_classifier
from llm_core.inference.classifiers.encoder import EncoderClassifier
from llm_core.runs.raced import CLASSIFIER, Race, open_race
from llm_core.runs.store import Store
from llm_core.transfer.encoder import classifier_on
from pages.ui.classify import why
from pages.ui.classify.scored import scored
from pages.ui.classify.why_answer import LONGEST
from pages.ui.routes import ROUTES
from tests.pages.made_race import made_race, sure, write_shops
from tests.transfer.small_encoder import small_encoder

LINEAR = "tfidf_logistic_regression"
TEXT = "great soup, poor soup and great soup"


@pytest.fixture
def race(store: Store, tmp_path: Path) -> Race:
    """A race whose "encoder" is one with random weights, so that every kind of answer is there."""
    race = made_race(store, write_shops(tmp_path / "shops.csv"), {"encoder_lora": sure(0.8)})
    encoder = small_encoder()
    model = classifier_on(encoder, 2, 0)
    made = EncoderClassifier("encoder_lora", race.names, model, encoder.tokenizer, "truncate", 1)
    save_classifier(made, race.children["encoder_lora"].folder / CLASSIFIER)
    return open_race(store.find(race.run.id))


@pytest.fixture
def ask(race: Race) -> Callable[..., Any]:
    def asked(part: str, family: str = LINEAR, text: str = TEXT, status: int = 200, **values: Any) -> Any:
        question = {"run": race.run.id, "family": family, "text": text, "target": 1, "method": "integrated_gradients", "part": part, "language": "en", **values}  # fmt: skip
        response = TestClient(Starlette(routes=ROUTES)).post("/why", json=question)
        assert response.status_code == status, response.text
        return response.json()

    return asked


def by_word(reply: dict[str, Any], text: str = TEXT) -> dict[str, float]:
    return {text[start:end]: score for start, end, score in reply["words"]}


def test_of_a_linear_model_the_words_carry_its_own_weights(ask: Callable[..., Any], race: Race) -> None:
    reply = ask("words")
    assert reply["method"] == "weights"
    # Both words are known; "great" stands twice. The text's features have length 1.
    length = math.hypot(1, 1 + math.log(2)) if _sublinear(race) else math.hypot(1, 2)
    found = by_word(reply)
    assert found["soup"] == 0
    assert reply["complete"] is True
    assert sum(score for _, _, score in reply["words"]) + reply["rest"] == pytest.approx(reply["margin"] - reply["baseline"], abs=1e-5)  # fmt: skip
    great = race.names.index("good")
    sign = 1 if great == 1 else -1
    assert sign * found["great"] > 0 > sign * found["poor"]
    assert abs(found["poor"]) == pytest.approx(4 / length, rel=1e-3)
    rows = list(csv.DictReader(io.StringIO(reply["csv"])))
    assert [row["word"] for row in rows] == [TEXT[start:end] for start, end, _ in reply["words"]]


def _sublinear(race: Race) -> bool:
    """Whether two occurrences count less than twice one."""
    features = race.classifier(LINEAR).features(["great", "great great poor"]).toarray()  # type: ignore[attr-defined]
    row = features[1][features[1] > 0]
    return bool(row.max() / row.min() < 1.99)


def test_a_network_is_explained_by_the_method_that_was_chosen(ask: Callable[..., Any]) -> None:
    found = {method: ask("words", "encoder_lora", method=method) for method in why.METHODS}
    assert [reply["method"] for reply in found.values()] == list(why.METHODS)
    whole = found["integrated_gradients"]
    assert whole["complete"] is True
    total = sum(score for _, _, score in whole["words"]) + whole["rest"]
    assert total == pytest.approx(whole["margin"] - whole["baseline"] + whole["delta"], abs=1e-4)
    assert found["gradient_input"]["complete"] is None
    assert len({round(reply["margin"], 3) for reply in found.values()}) == 1


def test_a_family_that_asks_for_no_word_has_no_reasons(ask: Callable[..., Any]) -> None:
    reply = ask("words", "majority")
    assert reply["method"] == "occlusion"
    assert not any(score for _, _, score in reply["words"])
    assert ask("flips", "majority")["deletions"]["found"] == []


def test_the_nearest_training_texts_are_training_texts_with_their_labels(ask: Callable[..., Any], race: Race) -> None:
    training = race.prepared.training
    for family, by in ((LINEAR, "words"), ("encoder_lora", "vectors")):
        reply = ask("nearest", family, text=training.texts[3])
        assert reply["by"] == by
        first = reply["found"][0]
        assert first["text"] == training.texts[3]
        assert first["cosine"] == pytest.approx(1, abs=1e-6)
        assert (first["label"], first["row"]) == (training.labels[3], training.rows[3])
    assert ask("nearest", text="nowhere else")["found"] == []


def test_what_flips_it_does_flip_it(ask: Callable[..., Any], race: Race) -> None:
    classifier = race.classifier(LINEAR)
    called = int(classifier.probabilities([TEXT])[0].argmax())
    reply = ask("flips")
    assert set(reply) == {"deletions", "opposites"}
    for kind in reply.values():
        for one in kind["found"]:
            text = TEXT
            for start, end, replacement in sorted(one["edits"], reverse=True):
                text = text[:start] + replacement + text[end:]
            after = classifier.probabilities([text])[0]
            assert after.argmax() == one["label"] != called
            assert after.max() == pytest.approx(one["probability"])
    deleted = {TEXT[start:end] for one in reply["deletions"]["found"] for start, end, _ in one["edits"]}
    assert deleted == {"great"}
    assert reply["deletions"]["smallest"]


def test_parts_are_answered_again_without_work(ask: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    first = ask("words")
    monkeypatch.setattr(Race, "classifier", lambda self, family: pytest.fail("it was worked out twice"))
    assert ask("words") == first


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"run": "0123456789abcdef"}, "no run"), ({"family": "lstm"}, "has not finished"), ({"target": 7}, "no class 7"),
        ({"target": -1}, "at least 0"), ({"method": "magic"}, "must be one of"), ({"run": "../x"}, "no run"),
        ({"extra": 1}, "no setting extra"),
    ],
)  # fmt: skip
def test_a_question_that_makes_no_sense_is_refused_in_a_sentence(
    values: dict[str, Any], says: str, ask: Callable[..., Any]
) -> None:
    assert says in ask("words", status=404, **values)["error"]


def test_a_text_that_is_too_long_and_a_page_elsewhere_are_refused(ask: Callable[..., Any]) -> None:
    ask("words", text="a" * (LONGEST + 1), status=404)
    response = TestClient(Starlette(routes=ROUTES)).post("/why", json={}, headers={"sec-fetch-site": "cross-site"})
    assert response.status_code == 403


@pytest.mark.parametrize("text", ["", " ", "x", "\ud800 \u202e <script>", "好" * 300, "=1+1 great"])
def test_any_text_is_answered(text: str, ask: Callable[..., Any]) -> None:
    for family in (LINEAR, "encoder_lora", "majority"):
        reply = ask("words", family, text=text.encode("utf-8", "replace").decode())
        assert np.isfinite([score for _, _, score in reply["words"]]).all()
        assert "\n=" not in reply["csv"]


def a_panel(run: str) -> None:
    from llm_core.runs.raced import open_race
    from pages.ui.classify import why
    from pages.ui.state import store

    why.show(open_race(store().find(run)))


def panel(race: Race) -> AppTest:
    test = AppTest.from_function(a_panel, args=(race.run.id,), default_timeout=20).run()
    assert not test.exception
    return test


def data_of(test: AppTest) -> dict[str, Any]:
    (node,) = test.get("bidi_component")
    found: dict[str, Any] = json.loads(node.proto.json)
    return found


def test_the_panel_begins_with_a_text_that_was_called_wrong(race: Race) -> None:
    found = scored(race)
    assert found is not None
    test = panel(race)
    data = data_of(test)
    place = found.texts.index(data["text"])
    families = [family["name"] for family in data["families"]]
    assert families == why.usual_families(found)
    assert families[0] == LINEAR
    assert not all(found.right(family)[place] for family in families)
    assert data["target"] == int(found.predicted[found.ranked[0]][place])
    assert found.names[found.labels[place]] in test.text[0].value


def linked(race: Race, **query: str) -> AppTest:
    test = AppTest.from_function(a_panel, args=(race.run.id,), default_timeout=20)
    test.query_params.update(query)
    test.run()
    assert not test.exception
    return test


def address(test: AppTest) -> dict[str, str]:
    return {name: value if isinstance(value, str) else value[0] for name, value in test.query_params.items()}


def test_a_link_opens_what_was_explained(race: Race) -> None:
    found = scored(race)
    assert found is not None
    query = {"why": f"row.{found.rows[3]}", "why_families": "encoder_lora", "why_class": "1", "why_method": "occlusion"}
    test = linked(race, **query)
    data = data_of(test)
    assert (data["text"], [one["name"] for one in data["families"]]) == (found.texts[3], ["encoder_lora"])
    assert (data["target"], data["method"]) == (1, "occlusion")
    called = int(found.predicted[found.ranked[0]][3])
    assert address(test) == {name: value for name, value in query.items() if name != "why_class" or called != 1}
    test.text_area(key="classify_why_text").set_value("great <b>soup</b>").run()
    assert address(test)["why"] == "text.great <b>soup</b>"
    again = linked(race, **address(test))
    assert data_of(again)["text"] == "great <b>soup</b>"
    assert data_of(again)["method"] == "occlusion"


@pytest.mark.parametrize(
    "query",
    [
        {"why": "row.99999"}, {"why": "row.<b>"}, {"why": "great"}, {"why_families": "../x"}, {"why_families": f"{LINEAR},{LINEAR}"},
        {"why_class": "7"}, {"why_method": "magic"},
    ],
)  # fmt: skip
def test_what_a_link_cannot_mean_is_as_the_panel_begins(query: dict[str, str], race: Race) -> None:
    usual, test = panel(race), linked(race, **query)
    assert data_of(test) == data_of(usual)
    assert address(test) == address(usual)


def test_a_text_too_long_for_an_address_is_left_out_of_it(race: Race) -> None:
    test = panel(race)
    assert address(test)["why"].startswith("row.")
    test.text_area(key="classify_why_text").set_value("soup " * 1000).run()
    assert not test.exception
    assert "why" not in address(test)


def test_buttons_bring_the_next_text_of_their_kind(race: Race) -> None:
    found = scored(race)
    assert found is not None
    test = panel(race)
    seen = []
    for _ in range(2):
        test.button(key="classify_why_unsure").click().run()
        assert not test.exception
        seen.append(data_of(test)["text"])
    assert seen == [found.texts[place] for place in why.unsure(found)[:2]]


def test_a_typed_text_and_other_families_are_explained(race: Race) -> None:
    test = panel(race)
    test.text_area[0].set_value("my own words").run()
    test.multiselect[0].set_value([LINEAR, "majority"]).run()
    assert not test.exception
    data = data_of(test)
    assert data["text"] == "my own words"
    assert [family["name"] for family in data["families"]] == [LINEAR, "majority"]
    assert not test.text, "a text that is typed has no label"
    test.text_area[0].set_value("  ").run()
    assert not test.get("bidi_component")


def test_before_a_family_has_finished_nothing_is_seen(store: Store, tmp_path: Path) -> None:
    race = made_race(store, write_shops(tmp_path / "shops.csv"))
    for child in race.children.values():
        (child.folder / "result.json").unlink()
    test = panel(open_race(store.find(race.run.id)))
    assert not test.subheader
    assert not test.get("bidi_component")


@pytest.mark.parametrize("method", list(why.METHODS))
def test_the_same_as_python_is_sound(method: str) -> None:
    code = why.python("0123456789abcdef", 'a "text"\n', [LINEAR, "encoder_lora"], 1, method)
    compile(code, "why.py", "exec")
    assert 'a "text"\\n' in code


def test_the_same_as_python_runs(race: Race, capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(why.python(race.run.id, TEXT, [LINEAR, "encoder_lora"], 1, "gradient_input"), "why.py", "exec"), {})
    printed = capsys.readouterr().out
    assert "gradient_input" in printed
    assert "great" in printed
