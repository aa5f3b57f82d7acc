"""The results of a race: the right numbers reach the browser, a winner is called so only when the test says so, cells open
the texts behind them, and what is taken away is whole."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import metrics
from streamlit.testing.v1 import AppTest

from llm_core.errors import UserError
from llm_core.evaluate.classification import predict
from llm_core.runs.raced import Race, open_race
from llm_core.runs.store import Store
from pages.ui.classify import confusion, errors, results, slices, standing, text_list
from pages.ui.classify.scored import Scored, scored
from tests.pages.made_race import made_race, sure, write_shops

LINEAR = "tfidf_logistic_regression"


@pytest.fixture
def race(store: Store, tmp_path: Path) -> Race:
    return made_race(store, write_shops(tmp_path / "shops.csv"), {"lstm": sure(0.6)})


@pytest.fixture
def three(store: Store, tmp_path: Path) -> Race:
    return made_race(store, write_shops(tmp_path / "three.csv", classes=3), {"lstm": sure(0.8)})


def looked_at(race: Race) -> Scored:
    found = scored(race)
    assert found is not None
    return found


def a_section(run: str, view: str, **chosen: object) -> None:
    import streamlit as st

    from llm_core.runs.raced import open_race
    from pages.ui.classify import results
    from pages.ui.state import CLASSIFY_RESULTS_FOR_KEY, CLASSIFY_VIEW_KEY, store

    if "begun" not in st.session_state:
        st.session_state["begun"] = True
        st.session_state[CLASSIFY_RESULTS_FOR_KEY] = run
        st.session_state[CLASSIFY_VIEW_KEY] = view
        st.session_state.update(chosen)
    results.show(open_race(store().find(run)))


def section(race: Race, view: str, **chosen: Any) -> AppTest:
    test = AppTest.from_function(a_section, args=(race.run.id, view), kwargs=chosen, default_timeout=60).run()
    assert not test.exception
    return test


def components(test: AppTest) -> list[dict[str, Any]]:
    return [json.loads(node.proto.json) for node in test.get("bidi_component")]


def tables(test: AppTest) -> list[dict[str, Any]]:
    return [data for data in components(test) if "columns" in data]


def rows_of(table: dict[str, Any]) -> dict[str, list[str]]:
    return {row["name"]: [cell["text"] for cell in row["cells"]] for row in table["rows"]}


def lines(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def truth(race: Race, family: str) -> tuple[Any, Any]:
    """Labels and predictions of the test part, read from the folder."""
    probabilities = race.predictions(family)
    assert probabilities is not None
    return race.prepared.test.labels, probabilities


def test_before_a_family_has_finished_the_section_says_what_will_be_there(store: Store, tmp_path: Path) -> None:
    race = made_race(store, write_shops(tmp_path / "shops.csv"))
    for child in race.children.values():
        (child.folder / "result.json").unlink()
    test = section(race, "families")
    assert "as soon as the first" in test.info[0].value


def test_the_table_of_families_has_the_numbers_of_scikit_learn(race: Race) -> None:
    (table,) = tables(section(race, "families"))
    rows = rows_of(table)
    assert next(iter(rows)) == LINEAR, "the best family comes first"
    for family, cells in rows.items():
        labels, probabilities = truth(race, family)
        right = metrics.accuracy_score(labels, probabilities.argmax(1))
        macro = metrics.f1_score(labels, probabilities.argmax(1), average="macro")
        cell = next(row for row in table["rows"] if row["name"] == family)["cells"]
        assert (cell[1]["value"], cell[2]["value"]) == pytest.approx((right, macro))
        assert cells[1].endswith("%")
    exact = {line["family"]: line for line in lines(standing.csv(looked_at(race)))}
    for family in rows:
        labels, probabilities = truth(race, family)
        assert float(exact[family]["macro_recall"]) == pytest.approx(metrics.recall_score(labels, probabilities.argmax(1), average="macro"))  # fmt: skip
        assert (
            float(exact[family]["accuracy_low"])
            <= float(exact[family]["accuracy"])
            <= float(exact[family]["accuracy_high"])
        )


def test_a_clear_winner_is_called_so_and_a_close_one_is_not(store: Store, tmp_path: Path) -> None:
    path = write_shops(tmp_path / "shops.csv", rows=600)
    clear = standing.verdict(looked_at(made_race(store, path, {"lstm": sure(0.5)})))
    assert "is better than every other family" in clear
    close = standing.verdict(looked_at(made_race(store, path, {"lstm": sure(0.89)})))
    assert "no evidence that it is better than: LSTM." in close


def test_two_families_are_compared_by_the_texts_that_only_one_gets_right(race: Race) -> None:
    test = section(race, "families", classify_family="lstm")
    labels, linear = truth(race, LINEAR)
    right, other = linear.argmax(1) == labels, truth(race, "lstm")[1].argmax(1) == labels
    sentence = test.markdown[-1].value
    assert f"TF-IDF + logistic regression alone is right on {(right & ~other).sum()} texts" in sentence
    assert f"LSTM alone on {(other & ~right).sum()}:" in sentence


def test_folds_have_a_column_where_there_are_any(store: Store, tmp_path: Path, race: Race) -> None:
    (table,) = tables(section(race, "families"))
    assert len(table["columns"]) == 6
    folded = made_race(store, write_shops(tmp_path / "folded.csv"), folds=True)
    (table,) = tables(section(folded, "families"))
    assert [column["title"] for column in table["columns"]][3] == "Over the folds"
    assert rows_of(table)[LINEAR][3] == "75.0 %"


def test_every_cell_of_the_confusion_matrix_opens_its_texts(three: Race) -> None:
    labels, probabilities = truth(three, LINEAR)
    called = probabilities.argmax(1)
    test = section(three, "confusion", classify_family=LINEAR)
    known = confusion.cells(metrics.confusion_matrix(labels, called))
    assert test.selectbox(key="classify_cell").value == known[0], "the most frequent mistake is shown first"
    for cell in known:
        test.session_state["classify_cell"] = cell
        test.run()
        label, guess = map(int, cell.split("."))
        behind = np.flatnonzero((labels == label) & (called == guess))
        shown = next(data for data in tables(test) if any(column["kind"] == "long" for column in data["columns"]))
        assert {int(row["name"]) for row in shown["rows"]} == set(behind.tolist())
        for row in shown["rows"]:
            number, text, *_rest = (content["text"] for content in row["cells"])
            assert text == three.prepared.test.texts[int(row["name"])]
            assert int(number) == three.prepared.test.rows[int(row["name"])]


def test_a_click_on_a_cell_chooses_it_and_nothing_else_does(race: Race) -> None:
    script = AppTest.from_function(a_click, default_timeout=60)
    for cell, chosen in (([1, 0, 5, 60], "1.0"), ("1.0", None), ([1], None), (["1", "0"], None), (None, None)):
        script.session_state["given"] = cell
        script.session_state["classify_cell"] = None
        script.run()
        assert script.session_state["classify_cell"] == chosen


def a_click() -> None:
    import streamlit as st

    from pages.ui.classify import confusion

    confusion.choose(st.session_state["given"])


def test_a_cell_that_is_not_there_falls_back_to_one_that_is(race: Race) -> None:
    test = section(race, "confusion", classify_cell="7.7")
    assert test.selectbox(key="classify_cell").value in confusion.cells(
        metrics.confusion_matrix(*_called(race, LINEAR))
    )


def _called(race: Race, family: str) -> tuple[Any, Any]:
    labels, probabilities = truth(race, family)
    return labels, probabilities.argmax(1)


def test_the_table_of_classes_has_the_numbers_of_scikit_learn(three: Race) -> None:
    found = looked_at(three)
    theirs = metrics.precision_recall_fscore_support(*_called(three, "lstm"), labels=range(3), zero_division=0)
    ours = lines(confusion.classes_csv(found, "lstm"))
    for at, line in enumerate(ours):
        assert [float(line[name]) for name in ("precision", "recall", "f1", "texts")] == pytest.approx([column[at] for column in theirs])  # fmt: skip
    matrix = lines(confusion.csv(metrics.confusion_matrix(*_called(three, "lstm")), found.names))
    assert [line["label"] for line in matrix] == list(found.names)


def test_areas_are_those_of_scikit_learn(three: Race) -> None:
    test = section(three, "curves", classify_class=1)
    table = next(data for data in tables(test))
    labels, probabilities = truth(three, "lstm")
    assert float(rows_of(table)["lstm"][1]) == pytest.approx(metrics.roc_auc_score(labels == 1, probabilities[:, 1]), abs=1e-4)  # fmt: skip
    assert float(rows_of(table)["lstm"][2]) == pytest.approx(metrics.roc_auc_score(labels, probabilities / probabilities.sum(1, keepdims=True), multi_class="ovr"), abs=1e-4)  # fmt: skip
    test.segmented_control(key="classify_curve").set_value("precision_recall").run()
    assert not test.exception
    table = next(data for data in tables(test))
    assert float(rows_of(table)["lstm"][1]) == pytest.approx(metrics.average_precision_score(labels == 1, probabilities[:, 1]), abs=1e-4)  # fmt: skip


def test_calibration_says_how_far_it_is_off_and_in_which_direction(race: Race) -> None:
    test = section(race, "calibration", classify_family="lstm")
    sentence = test.markdown[0].value
    labels, called = _called(race, "lstm")
    right = metrics.accuracy_score(labels, called)
    assert f"off by {100 * (0.9 - right):.1f} %" in sentence
    assert "too sure of itself" in sentence
    assert f"on the {len(labels)} texts of the test part, which no family has learned from" in test.caption[-1].value
    predicted = truth(race, "lstm")[1]
    losses = {row["name"]: row["cells"][4]["value"] for row in tables(test)[0]["rows"]}
    assert losses["lstm"] == pytest.approx(
        metrics.log_loss(labels, predicted / predicted.sum(1, keepdims=True)), rel=1e-6
    )


def test_the_threshold_tells_what_it_gives(race: Race, three: Race) -> None:
    test = section(race, "threshold", classify_family=LINEAR, classify_class=1)
    labels, probabilities = truth(race, LINEAR)
    for threshold in (50, 97):
        test.slider(key="classify_threshold").set_value(threshold).run()
        assert not test.exception
        called = probabilities[:, 1] >= threshold / 100
        theirs = metrics.precision_recall_fscore_support(labels == 1, called, average="binary", zero_division=0)[:3]
        shown = [float(metric.value.rstrip(" %")) / 100 for metric in test.metric]
        assert shown == pytest.approx([*theirs, metrics.accuracy_score(labels == 1, called)], abs=0.001)
    said = test.caption[-1].value
    assert f"on the {len(labels)} texts of the test part, which no family has learned from" in said
    assert "there and" in said, "a threshold chosen on one half is scored on the other"
    assert "parts two classes" in section(three, "threshold").info[0].value


@pytest.mark.parametrize(("by", "chosen", "parts"), [("length", {}, None), ("word", {"classify_word": "indeed"}, 2), ("column", {"classify_column": "shop"}, 2)])  # fmt: skip
def test_slices_hold_all_texts_and_a_click_opens_what_is_wrong(race: Race, by: Any, chosen: dict[str, str], parts: int | None) -> None:  # fmt: skip
    test = section(race, "slices", classify_slice=by, classify_family=LINEAR, classify_part=0, **chosen)
    assert not test.exception
    (picture,) = (data for data in components(test) if "figures" in data)
    found = lines(picture["table"])
    assert parts is None or len(found) == parts
    assert sum(int(line["texts"]) for line in found) == len(race.prepared.test)
    labels, called = _called(race, LINEAR)
    assert sum(int(line["right"]) for line in found) == (labels == called).sum()
    shown = tables(test)
    wrong = {int(row["name"]) for data in shown for row in data["rows"]}
    assert len(wrong) == int(found[0]["texts"]) - int(found[0]["right"])
    assert all(labels[at] != called[at] for at in wrong)
    if by == "column":
        assert {line["part"] for line in found} == {"'=shop", "corner"}, "a formula is written as text"


def test_without_a_word_the_slices_ask_for_one(race: Race) -> None:
    assert "Type a word" in section(race, "slices", classify_slice="word").caption[0].value


def test_turned_labels_are_listed_as_likely_errors(race: Race) -> None:
    test = section(race, "errors", classify_family=LINEAR)
    (table,) = tables(test)
    prepared = race.prepared.test
    listed = {int(row["name"]) for row in table["rows"]}
    turned = {at for at, text in enumerate(prepared.texts) if ("great" in text) != (prepared.names[prepared.labels[at]] == "good")}  # fmt: skip
    assert listed == turned
    assert turned


def test_where_no_label_is_contradicted_it_says_so(store: Store, tmp_path: Path) -> None:
    race = made_race(store, write_shops(tmp_path / "shops.csv"), {"lstm": sure(1.0)})
    assert "contradicts no label" in section(race, "errors", classify_family="lstm").info[0].value
    # Whoever never looks at a text has no doubts about it.
    assert "says the same of every text" in section(race, "errors", classify_family="majority").info[0].value


def test_texts_that_are_taken_away_are_whole_and_run_nothing(race: Race) -> None:
    found = looked_at(race)
    everything = list(range(len(found.texts)))
    taken = lines(text_list.csv(found, LINEAR, everything, found.predicted[LINEAR].tolist()))
    assert [line["text"].removeprefix("'") for line in taken] == list(found.texts)
    assert not any(line["text"].startswith("=") for line in taken)
    assert [int(line["row"]) for line in taken] == list(found.rows)


def test_only_the_open_view_is_computed(race: Race, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    views = {name: results.View(view.title, _noting(name, shown)) for name, view in results.VIEWS.items()}
    monkeypatch.setattr(results, "VIEWS", views)
    section(race, "calibration")
    assert shown == ["calibration"]


def _noting(name: str, shown: list[str]) -> Callable[[Scored, str], None]:
    return lambda _scored, _family: shown.append(name)


def test_a_link_opens_what_was_seen_and_refuses_what_is_none(race: Race) -> None:
    script = AppTest.from_function(a_linked_section, args=(race.run.id,), default_timeout=60)
    script.query_params.update({"view": "threshold", "family": "lstm", "class": "0", "threshold": "73"})
    script.run()
    assert not script.exception
    assert script.selectbox(key="classify_family").value == "lstm"
    assert script.slider(key="classify_threshold").value == 73
    assert script.selectbox(key="classify_class").value == 0
    assert dict(script.query_params) == {"view": "threshold", "family": "lstm", "class": "0", "threshold": "73"}
    script = AppTest.from_function(a_linked_section, args=(race.run.id,), default_timeout=60)
    script.query_params.update({"view": "<b>", "family": "../x", "cell": "x", "class": "99", "threshold": "-1"})
    script.run()
    assert not script.exception
    assert dict(script.query_params) == {}


def a_linked_section(run: str) -> None:
    from llm_core.runs.raced import open_race
    from pages.ui.classify import results
    from pages.ui.state import store

    results.show(open_race(store().find(run)))


def test_predictions_that_do_not_fit_are_refused_in_a_sentence(race: Race) -> None:
    from safetensors.numpy import save

    folder = race.children["lstm"].folder
    (folder / "predictions.safetensors").write_bytes(save({"test": np.zeros((3, 2), dtype=np.float32)}))
    with pytest.raises(UserError, match="do not fit the test part"):
        scored(open_race(race.run))
    test = section(race, "families")
    assert "do not fit" in test.error[0].value


CODES: dict[str, Callable[[Scored], str]] = {
    "standing": standing.python,
    "confusion": lambda found: confusion.python(found, LINEAR),
    "errors": lambda found: errors.python(found, LINEAR),
    "slices": lambda found: _slice_code(found),
}


def _slice_code(found: Scored) -> str:
    chosen = slices.parts(found, LINEAR, "length")
    assert chosen is not None
    return chosen[2]


@pytest.mark.parametrize("name", ["standing", "confusion", "curves", "calibration", "threshold", "slices", "errors"])
def test_the_same_as_python_runs_and_says_the_same(race: Race, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    from pages.ui.classify import calibration, curves, threshold

    codes = CODES | {
        "curves": lambda found: curves.python(found, "roc", 1),
        "calibration": lambda found: calibration.python(found, LINEAR),
        "threshold": lambda found: threshold.python(found, LINEAR, 1, 50),
    }
    exec(compile(codes[name](looked_at(race)), name, "exec"), {})
    said = capsys.readouterr().out
    labels, probabilities = truth(race, LINEAR)
    right = metrics.accuracy_score(labels, predict(probabilities))
    expected = {
        "standing": str(right), "confusion": str(metrics.confusion_matrix(labels, predict(probabilities))[0, 0]),
        "curves": str(metrics.roc_auc_score(labels, probabilities[:, 1]))[:8], "calibration": str(metrics.log_loss(labels, probabilities / probabilities.sum(1, keepdims=True)))[:6],
        "threshold": str(metrics.precision_score(labels, probabilities[:, 1] >= 0.5))[:8], "slices": "Interval(", "errors": "number",
    }  # fmt: skip
    assert expected[name] in said
