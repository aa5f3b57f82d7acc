"""Small curves of many runs: few points, the right means, and only what is new is read again."""

import json
from pathlib import Path
from typing import Any

import pytest

from llm_core.runs import history
from llm_core.runs.small_curve import MOST_POINTS, SmallCurves


def add(folder: Path, *rows: dict[str, Any]) -> None:
    with (folder / history.FILE).open("a") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


def steps(first: int, last: int) -> list[dict[str, Any]]:
    return [{"kind": "step", "step": step, "loss": float(step)} for step in range(first, last + 1)]


def test_a_short_curve_is_told_as_it_is(tmp_path: Path) -> None:
    add(
        tmp_path,
        {"kind": "evaluation", "step": 1, "loss": 9.0},
        *steps(1, 5),
        {"kind": "step", "step": 6, "loss": None},
    )
    assert SmallCurves().points(tmp_path) == [(step, float(step)) for step in range(1, 6)]
    assert SmallCurves().points(tmp_path / "nothing") == []


@pytest.mark.parametrize("count", [MOST_POINTS, MOST_POINTS + 1, 959, 960, 961, 5000])
def test_a_long_curve_keeps_its_ends_its_order_and_its_mean(tmp_path: Path, count: int) -> None:
    add(tmp_path, *steps(1, count))
    points = SmallCurves().points(tmp_path)
    assert MOST_POINTS / 2 < len(points) <= MOST_POINTS
    assert points[-1][0] == count
    # Losses equal their steps: each mean stands in the middle of its stretch.
    for (before, _), (step, loss) in zip([(0, 0.0), *points], points, strict=False):
        assert before < step
        assert loss == pytest.approx((before + 1 + step) / 2)


def test_a_curve_that_grows_is_what_one_reading_of_all_would_give(tmp_path: Path) -> None:
    growing = SmallCurves()
    for first in range(1, 900, 100):
        add(tmp_path, *steps(first, first + 99))
        assert growing.points(tmp_path) == SmallCurves().points(tmp_path)


def test_what_a_resumed_run_takes_back_goes(tmp_path: Path) -> None:
    curves = SmallCurves()
    add(tmp_path, *steps(1, 9))
    curves.points(tmp_path)
    add(tmp_path, {"resumed_at": 4}, {"kind": "step", "step": 5, "loss": 0.5})
    assert curves.points(tmp_path) == [(1, 1.0), (2, 2.0), (3, 3.0), (4, 4.0), (5, 0.5)]


def test_a_history_that_was_made_anew_is_read_anew(tmp_path: Path) -> None:
    curves = SmallCurves()
    add(tmp_path, *steps(1, 9))
    curves.points(tmp_path)
    (tmp_path / history.FILE).unlink()
    add(tmp_path, *steps(1, 2))
    assert curves.points(tmp_path) == [(1, 1.0), (2, 2.0)]
