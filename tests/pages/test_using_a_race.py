"""A race put to use: one text, a whole file, and the same as Python."""

import csv
import io
import json
import shutil
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from llm_core.errors import UserError
from llm_core.runs.classified_file import find_runs, outcome, start
from llm_core.runs.raced import Race
from llm_core.runs.store import Store
from llm_core.runs.worker import work
from pages.ui.classify import use, use_file
from tests.pages.made_race import HARMFUL, made_race, write_shops

LINEAR = "tfidf_logistic_regression"


@pytest.fixture
def race(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Race:
    # None of these families needs torch, which takes seconds to import.
    monkeypatch.setattr(use, "inference", nullcontext)
    return made_race(store, write_shops(tmp_path / "shops.csv"))


def a_panel(run: str) -> None:
    from llm_core.runs.raced import open_race
    from pages.ui.classify import use
    from pages.ui.state import store

    use.show(open_race(store().find(run)))


def panel(race: Race) -> AppTest:
    test = AppTest.from_function(a_panel, args=(race.run.id,), default_timeout=60).run()
    assert not test.exception
    return test


def tables(test: AppTest) -> list[dict[str, Any]]:
    found = [json.loads(node.proto.json) for node in test.get("bidi_component")]
    return [data for data in found if "columns" in data]


def table(test: AppTest) -> dict[str, Any]:
    return tables(test)[0]


def test_every_family_says_what_a_typed_text_is(race: Race) -> None:
    test = panel(race)
    test.text_area[0].set_value(f"a great soup {HARMFUL}").run()
    shown = table(test)
    rows = {row["name"]: row["cells"] for row in shown["rows"]}
    assert set(rows) == {"majority", LINEAR}
    assert rows[LINEAR][1]["text"] == "good"
    expected = race.classifier(LINEAR).probabilities(["a great soup"])[0]
    assert [cell["value"] for cell in rows[LINEAR][2:]] == pytest.approx(expected.tolist())
    assert [column["title"] for column in shown["columns"][2:]] == list(race.names)


def test_a_page_that_is_opened_loads_no_classifier(race: Race, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = race.predictions(LINEAR)
    assert expected is not None
    for child in race.children.values():
        (child.folder / "classifier" / "classifier.json").unlink()
    rows = {row["name"]: row["cells"] for row in table(panel(race))["rows"]}
    assert [cell["value"] for cell in rows[LINEAR][2:]] == pytest.approx(expected[0].tolist())


def test_a_family_whose_classifier_did_not_come_along_is_left_out(race: Race) -> None:
    shutil.rmtree(race.children["majority"].folder / "classifier")
    test = panel(race)
    assert [row["name"] for row in table(test)["rows"]] == [LINEAR]
    test.text_area[0].set_value("a great soup").run()
    assert not test.error
    assert [row["name"] for row in table(test)["rows"]] == [LINEAR]


def test_an_empty_text_asks_for_one_and_a_long_one_is_taken(race: Race) -> None:
    test = panel(race)
    test.text_area[0].set_value("   ").run()
    assert not test.exception
    assert "Type a text" in test.caption[0].value
    test.text_area[0].set_value("great " * 3000).run()
    assert table(test)["rows"]


def test_of_many_classes_the_likeliest_are_shown() -> None:
    names = tuple(f"class {n}" for n in range(30))
    random = np.random.default_rng(0)
    rows = {"majority": random.dirichlet(np.ones(30)), LINEAR: random.dirichlet(np.ones(30))}
    columns, shown = use.table(names, rows)
    assert len(columns) == 2 + use.MOST_CLASSES
    most = np.maximum(*rows.values())
    kept = {names[at] for at in np.argsort(-most)[: use.MOST_CLASSES]}
    assert {column.title for column in columns[2:]} == kept
    assert shown[0].cells[1].text == names[int(rows["majority"].argmax())]


def test_before_a_family_has_finished_nothing_can_be_used(race: Race) -> None:
    for child in race.children.values():
        (child.folder / "result.json").unlink()
    from llm_core.runs.raced import open_race

    test = AppTest.from_function(a_panel, args=(open_race(race.run).run.id,), default_timeout=60).run()
    assert not test.exception
    assert not test.text_area


FILE = b'id,review\n1,"a great, great soup"\n2,\n3,=poor soup\n'


def worked_on(race: Race, store: Store, monkeypatch: pytest.MonkeyPatch, file: bytes = FILE) -> None:
    """The button pressed for a file, and the worker done."""
    monkeypatch.setattr(store, "start", lambda run, owner: None)
    use_file.begin(race, LINEAR, "../<b>texts.csv", file, None, "review")
    for run in find_runs(store, race.run):
        work(run)


def an_open_panel(run: str) -> None:
    import streamlit as st

    from llm_core.runs.raced import open_race
    from pages.ui.classify import use_file
    from pages.ui.state import store

    st.session_state["classify_file_open"] = True
    use_file.show(open_race(store().find(run)), "tfidf_logistic_regression")


def open_panel(race: Race) -> AppTest:
    test = AppTest.from_function(an_open_panel, args=(race.run.id,), default_timeout=60).run()
    assert not test.exception
    return test


def test_a_whole_file_is_classified_shown_and_taken_away(
    race: Race, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    worked_on(race, store, monkeypatch)
    test = open_panel(race)
    rows = next(data for data in tables(test) if any(column["kind"] == "long" for column in data["columns"]))["rows"]
    assert [[cell["text"] for cell in row["cells"]] for row in rows] == [
        ["2", "a great, great soup", "good"], ["4", "=poor soup", "bad"],
    ]  # fmt: skip
    (run,) = find_runs(store, race.run)
    lines = list(csv.DictReader(io.StringIO(outcome(run, race.names).csv())))
    assert [line["predicted"] for line in lines] == ["good", "", "bad"]
    assert [line["review"] for line in lines] == ["a great, great soup", "", "'=poor soup"]
    expected = race.classifier(LINEAR).probabilities(["a great, great soup", "=poor soup"])
    assert float(lines[0]["probability"]) == pytest.approx(expected[0].max(), rel=1e-6)
    assert float(lines[2]["probability of bad"]) == pytest.approx(expected[1][race.names.index("bad")], rel=1e-6)


def test_while_a_worker_is_at_it_the_page_watches_and_a_stopped_one_says_so(
    race: Race, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "start", lambda run, owner: None)
    use_file.begin(race, LINEAR, "texts.csv", FILE, None, "review")
    (run,) = find_runs(store, race.run)
    (watching,) = (json.loads(node.proto.json) for node in open_panel(race).get("bidi_component"))
    assert watching["run"] == run.id
    store.want(run, "stopped", owner="local")
    work(run)
    assert "was stopped" in open_panel(race).caption[-1].value


def test_a_file_without_texts_is_refused_and_leaves_nothing(
    race: Race, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "start", lambda run, owner: None)
    path = write_shops(race.run.folder / "texts.csv")
    for file, column, fault in (
        (b"review\n \n", "review", "no text in"), (path.read_bytes(), "nowhere", "no column"), (b"a,b\n\x00", "a", "brought.csv"),
    ):  # fmt: skip
        with pytest.raises(UserError, match=fault):
            start(store, race, "local", LINEAR, _file(race, file), None, column)
    assert find_runs(store, race.run) == []


def _file(race: Race, content: bytes) -> Path:
    path = race.run.folder / "brought.csv"
    path.write_bytes(content)
    return path


def test_predictions_of_another_table_are_refused(race: Race, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    worked_on(race, store, monkeypatch)
    (run,) = find_runs(store, race.run)
    with pytest.raises(UserError, match="does not fit its table"):
        outcome(run, (*race.names, "another"))
    (run.folder / "probabilities.safetensors").write_bytes(b"torn")
    with pytest.raises(UserError, match="cannot be read"):
        outcome(run, race.names)


def test_the_longest_column_is_taken_for_the_texts() -> None:
    assert use_file.longest(use_file.read("texts.csv", FILE, None)) == 1


def test_the_script_classifies_a_text_and_a_file(race: Race, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    path = tmp_path / "texts.csv"
    path.write_bytes(FILE)
    monkeypatch.setattr(sys, "argv", ["script", str(path)])
    exec(compile(use.as_python(race, LINEAR, "a 'great' \"soup\"\n"), "script", "exec"), {})
    expected = race.classifier(LINEAR).probabilities(["a 'great' \"soup\"\n"])[0]
    assert capsys.readouterr().out.split() == [word for name, p in zip(race.names, expected, strict=True) for word in (name, str(p))]  # fmt: skip
    lines = list(csv.DictReader(io.StringIO((tmp_path / "texts.predicted.csv").read_text(encoding="utf-8"))))
    assert [line["predicted"] for line in lines] == ["good", "bad"]
