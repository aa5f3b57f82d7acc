"""The races that come with the program: they fit their tables, say what they predicted, and can be used at once."""

from pathlib import Path

import pytest
from sklearn.metrics import accuracy_score, f1_score

from llm_core.data.table_examples import EXAMPLES
from llm_core.runs import history
from llm_core.runs.race_watch import watch
from llm_core.runs.raced import open_race
from llm_core.runs.store import BUNDLED_RACES, Store

NAMES = ("headlines-en", "headlines-zh")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "runs")


def test_there_is_one_for_each_language_and_none_is_large(store: Store) -> None:
    runs = store.bundled_races()
    assert tuple(run.id for run in runs) == NAMES
    for run in runs:
        assert run.read_only
        assert run.status().state == "finished"
        assert sum(path.stat().st_size for path in run.folder.rglob("*") if path.is_file()) < 2_000_000
    assert not store.root.exists()


@pytest.mark.parametrize("name", NAMES)
def test_its_figures_are_those_of_its_predictions_on_the_table_as_it_is(store: Store, name: str) -> None:
    race = open_race(store.find(name))
    assert race.settings.table.file == name
    test = race.prepared.test  # a table that has changed is told here: build the races anew
    assert tuple(race.results) == race.settings.order
    for family, result in race.results.items():
        probabilities = race.predictions(family)
        assert probabilities is not None
        called = probabilities.argmax(axis=1)
        assert result["accuracy"] == pytest.approx(accuracy_score(test.labels, called))
        assert result["macro_f1"] == pytest.approx(f1_score(test.labels, called, average="macro"))
        # Nothing but what the grammar leaves open, and luck, can lie above the ceiling.
        assert result["accuracy"] < EXAMPLES[name].ceiling + 0.03
    best = max(result["accuracy"] for result in race.results.values())
    assert best > EXAMPLES[name].ceiling - 0.05


@pytest.mark.parametrize("name", NAMES)
def test_its_lanes_are_drawn_and_some_of_its_classifiers_answer(store: Store, name: str) -> None:
    found = watch(store, name)
    assert (found["state"], found["poll_milliseconds"]) == ("finished", None)
    assert [row["family"] for row in found["rows"] if row["kind"] == "result"] == list(found["lanes"])
    assert not [row for row in history.records(store.find(name).folder) if row.get("state") == "failed"]
    race = open_race(store.find(name))
    assert {"majority", "tfidf_logistic_regression"} < set(race.usable)
    text = race.prepared.test.texts[:20]
    for family in race.usable:
        predicted = race.predictions(family)
        assert predicted is not None
        assert race.classifier(family).probabilities(text) == pytest.approx(predicted[:20], abs=1e-3)


def test_what_is_no_bundled_race_is_not_found_by_a_path() -> None:
    assert Store().find(str(BUNDLED_RACES / NAMES[0]), paths=True).read_only
