"""What pre-training is worth: the page shows the figures that were measured, and has them measured where a person asks."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from llm_core.runs.pretraining import Measured, find_runs, of_file
from llm_core.runs.store import Store
from pages.ui.charts import LIGHT
from pages.ui.classify import pretraining
from pages.ui.classify.pretraining import figure, sentence

KNOWN, RANDOM, COUNTED = [0.8, 0.9, 0.85], [0.5, 0.55, 0.6], [0.5, 0.5, 0.5]
VALUES: dict[str, Any] = {
    "labelled": 100, "tested": 500, "seeds": 3, "never_labelled": {"en": 0.997, "zh": 1.0}, "machine": "a machine",
    "ceiling": {"en": 0.95, "zh": 0.95},
    "trials": [
        [language, start, seed, accuracy]
        for language in ("en", "zh")
        for start, found in (("pretrained", KNOWN), ("random", RANDOM), ("tfidf", COUNTED))
        for seed, accuracy in enumerate(found)
    ],
}  # fmt: skip


@pytest.fixture
def figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Measured:
    path = tmp_path / "pretraining.json"
    path.write_text(json.dumps(VALUES), encoding="utf-8")
    monkeypatch.setattr(pretraining, "FIGURES", path)
    found = of_file(path)
    assert found is not None
    return found


def a_page() -> None:
    from pages.ui.classify import pretraining

    pretraining.show()


def english(template: str) -> str:
    return template


@pytest.mark.parametrize("content", [None, "{", json.dumps(VALUES)])
def test_the_section_offers_to_measure_with_figures_and_without(
    content: str | None, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "figures.json"
    if content is not None:
        path.write_text(content)
    monkeypatch.setattr(pretraining, "FIGURES", path)
    test = AppTest.from_function(a_page, default_timeout=20).run()
    assert not test.exception
    assert "100 labelled" in test.markdown[0].value
    (node,) = test.get("bidi_component")
    data = json.loads(node.proto.json)
    assert (data["address"], data["ready"]) == ("pretraining", True)
    assert "some minutes" in data["labels"]["measure"]
    found = pretraining.known()[1]
    assert (found is None) == (content is None or content == "{")


def test_a_press_begins_and_another_stops(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[str] = []
    monkeypatch.setattr(store, "start", lambda run, owner: started.append(run.id))
    pretraining._obey({"command": "measure"})
    pretraining._obey({"command": "measure"})
    (run,) = find_runs(store)
    assert started == [run.id]
    pretraining._obey({"command": "stop"})
    assert run.status().state == "stopped"
    for nonsense in (None, "measure", {"command": "delete"}, {}):
        pretraining._obey(nonsense)
    assert len(find_runs(store)) == 1


def test_what_came_with_the_program_is_drawn_until_there_is_more(figures: Measured, store: Store) -> None:
    run, found = pretraining.known()
    assert run is None
    assert found == figures
    rows = list(csv.DictReader(io.StringIO(pretraining.csv(figures))))
    assert [float(row["accuracy"]) for row in rows if row["start"] == "random" and row["language"] == "zh"] == RANDOM


def test_the_picture_has_mean_spread_and_every_run(figures: Measured) -> None:
    made = figure(figures, english, LIGHT)
    bars = [trace for trace in made.data if trace.type == "bar"]
    marks = [trace for trace in made.data if trace.type == "scatter"]
    assert len(bars) == len(marks) == 6
    for bar, expected in zip(bars, [KNOWN, RANDOM, COUNTED] * 2, strict=True):
        assert bar.x[0] == pytest.approx(np.mean(expected))
        assert bar.error_x.array[0] == pytest.approx(np.std(expected, ddof=1))
    assert [list(mark.x) for mark in marks[:3]] == [KNOWN, RANDOM, COUNTED]
    assert len({trace.marker.symbol for trace in marks}) == 3, "not told apart by colour alone"


def test_the_sentence_has_mean_and_standard_deviation(figures: Measured) -> None:
    said = sentence(figures, english)
    assert "85.0 % ± 5.0 %" in said
    assert "55.0 % ± 5.0 %" in said
    assert "99.7 %" in said
    half = replace(figures, accuracies={"en": {"pretrained": KNOWN}}, ceiling={"en": 0.95})
    assert sentence(half, english) == "", "one alone is compared with nothing"
    assert len(figure(half, english, LIGHT).data) == 2
