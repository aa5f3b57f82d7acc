"""The sweep and the range test that come with the program: of the grammar as it is, small, and what the page says of them."""

from pathlib import Path

import pytest

from benchmarks.build_sweeps import base
from llm_core.data.generated import grammar_digest
from llm_core.evaluate.learning_rate import suggest
from llm_core.runs import history
from llm_core.runs.run import children_of
from llm_core.runs.store import BUNDLED_SWEEPS, Store
from llm_core.runs.sweep import open_range_test, open_sweep, scaling_of, sweep_of


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "runs")


def test_both_are_there_read_only_and_small(store: Store) -> None:
    runs = store.bundled_sweeps()
    assert [(run.id, run.kind) for run in runs] == [("rate-range", "range_test"), ("width-and-rate", "sweep")]
    for run in runs:
        assert run.read_only
        assert run.owner == ""
        assert run.status().state == "finished"
    assert sum(path.stat().st_size for path in BUNDLED_SWEEPS.rglob("*") if path.is_file()) < 300_000
    assert not store.root.exists()


def test_they_are_of_the_settings_and_the_grammar_as_they_are(store: Store) -> None:
    """Build them anew (`python -m benchmarks.build_sweeps`) where this fails."""
    sweep = store.find("width-and-rate")
    assert open_sweep(sweep).base == base()
    assert open_range_test(store.find("rate-range")).base == base()
    children = children_of(sweep)
    assert len(children) == len(open_sweep(sweep).cells)
    for child in children:
        assert child.grammar == grammar_digest(child.config.data)


def test_every_training_has_a_curve_and_an_end_and_the_loss_falls_with_the_width(store: Store) -> None:
    found = sweep_of(store.find("width-and-rate"))
    assert {one.state for one in found.trained} == {"finished"}
    for one in found.trained:
        assert len(one.points) > 50
        assert one.looks[-1][1] == one.loss
    settings = found.settings
    best = [min(end for cell, end in zip(settings.cells, found.ends, strict=True) if cell[1] == width and end) for width in (8, 16, 32, 64)]  # fmt: skip
    assert best == sorted(best, reverse=True)
    assert found.floor is not None
    assert all(end is not None and end > found.floor for end in found.ends)
    assert scaling_of(found).curve.exponent > 0


def test_the_range_test_suggests_a_rate_at_which_the_sweep_does_well(store: Store) -> None:
    rows = [row for row in history.records(store.find("rate-range").folder) if row["kind"] == "rate"]
    suggested = suggest([row["learning_rate"] for row in rows], [row["smoothed"] for row in rows])
    found = sweep_of(store.find("width-and-rate"))
    of_width = {rate: end for (rate, width), end in zip(found.settings.cells, found.ends, strict=True) if width == 32 and end}  # fmt: skip
    nearest = min(of_width, key=lambda rate: abs(rate - suggested.rate))
    assert of_width[nearest] <= sorted(of_width.values())[2], "among the better half"
