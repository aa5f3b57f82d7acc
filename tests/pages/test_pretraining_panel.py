"""What pre-training is worth: the page shows the figures that were measured, and nothing where there are none."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from pages.ui.charts import LIGHT
from pages.ui.classify import pretraining
from pages.ui.classify.pretraining import Measured, figure, measured, sentence

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
    found = measured(path)
    assert found is not None
    monkeypatch.setattr(pretraining, "measured", lambda: found)
    return found


def a_page() -> None:
    from pages.ui.classify import pretraining

    pretraining.show()


def test_the_section_says_how_many_words_were_never_labelled(figures: Measured) -> None:
    test = AppTest.from_function(a_page, default_timeout=20).run()
    assert not test.exception
    assert "99.7 %" in test.markdown[0].value
    assert "100 labelled" in test.markdown[0].value
    (node,) = test.get("bidi_component")
    data = json.loads(node.proto.json)
    rows = list(csv.DictReader(io.StringIO(data["table"])))
    assert [float(row["accuracy"]) for row in rows if row["start"] == "random" and row["language"] == "zh"] == RANDOM


def test_the_picture_has_mean_spread_and_every_run(figures: Measured) -> None:
    made = figure(figures, LIGHT)
    bars = [trace for trace in made.data if trace.type == "bar"]
    marks = [trace for trace in made.data if trace.type == "scatter"]
    assert len(bars) == len(marks) == 6
    for bar, expected in zip(bars, [KNOWN, RANDOM, COUNTED] * 2, strict=True):
        assert bar.x[0] == pytest.approx(np.mean(expected))
        assert bar.error_x.array[0] == pytest.approx(np.std(expected, ddof=1))
    assert [list(mark.x) for mark in marks[:3]] == [KNOWN, RANDOM, COUNTED]
    assert len({trace.marker.symbol for trace in marks}) == 3, "not told apart by colour alone"


def test_the_sentence_has_mean_and_standard_deviation(figures: Measured) -> None:
    assert "85.0 % ± 5.0 %" in sentence(figures)
    assert "55.0 % ± 5.0 %" in sentence(figures)


@pytest.mark.parametrize("content", [None, "{", ""])
def test_without_figures_there_is_no_section(
    content: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"none-{len(content or '')}.json"
    if content is not None:
        path.write_text(content)
    monkeypatch.setattr(pretraining, "measured", lambda: measured(path))
    test = AppTest.from_function(a_page, default_timeout=20).run()
    assert not test.exception
    assert not test.subheader
