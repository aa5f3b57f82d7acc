"""A race put to use: one text, a whole file, and the same as Python."""

import csv
import io
import json
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from llm_core.errors import UserError
from llm_core.runs.raced import Race
from llm_core.runs.store import Store
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


def table(test: AppTest) -> dict[str, Any]:
    found = [json.loads(node.proto.json) for node in test.get("bidi_component")]
    return next(data for data in found if "columns" in data)


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


FILES = {
    "texts.csv": b'id,review\n1,"a great, great soup"\n2,\n3,=poor soup\n',
    "texts.tsv": b"id\treview\n1\ta great, great soup\n2\t\n3\t=poor soup\n",
    "texts.jsonl": b'{"id": 1, "review": "a great, great soup"}\n{"id": 2}\n{"id": 3, "review": "=poor soup"}\n',
}


@pytest.mark.parametrize("name", FILES)
def test_a_whole_file_is_classified_and_every_row_comes_back(race: Race, name: str) -> None:
    found = use_file.read(name, FILES[name], None)
    place = found.columns.index("review")
    kept = np.array([0, 2])
    texts = [str(found.rows[at][place]) for at in kept]
    probabilities = race.classifier(LINEAR).probabilities(texts)
    done = use_file.Classified((), found, place, kept, race.names, probabilities)
    lines = list(csv.DictReader(io.StringIO(use_file.csv(done))))
    assert [line["predicted"] for line in lines] == ["good", "", "bad"]
    assert [line["review"] for line in lines] == ["a great, great soup", "", "'=poor soup"]
    assert float(lines[0]["probability"]) == pytest.approx(probabilities[0].max())
    assert float(lines[2]["probability of bad"]) == pytest.approx(probabilities[1][race.names.index("bad")])


def test_a_file_without_texts_or_with_too_many_is_refused_in_a_sentence(race: Race, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    found = use_file.read("texts.csv", FILES["texts.csv"], None)
    with pytest.raises(UserError, match="no text in 'review'"):
        use_file.check(found, np.array([], dtype=np.int64), "review")
    monkeypatch.setattr(use_file, "MOST_TEXTS", 1)
    with pytest.raises(UserError, match="has 2 texts; a page classifies at most 1"):
        use_file.check(found, np.array([0, 2]), "review")
    with pytest.raises(UserError):
        use_file.read("texts.csv", b"a,b\n\x00", None)


def test_the_script_classifies_a_text_and_a_file(race: Race, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    path = tmp_path / "texts.csv"
    path.write_bytes(FILES["texts.csv"])
    monkeypatch.setattr(sys, "argv", ["script", str(path)])
    exec(compile(use.as_python(race, LINEAR, "a 'great' \"soup\"\n"), "script", "exec"), {})
    expected = race.classifier(LINEAR).probabilities(["a 'great' \"soup\"\n"])[0]
    assert capsys.readouterr().out.split() == [word for name, p in zip(race.names, expected, strict=True) for word in (name, str(p))]  # fmt: skip
    lines = list(csv.DictReader(io.StringIO((tmp_path / "texts.predicted.csv").read_text(encoding="utf-8"))))
    assert [line["predicted"] for line in lines] == ["good", "bad"]
