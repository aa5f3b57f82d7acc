"""Rows and opened steps that others bring: what this program writes is let in, what a reader would fall over is not."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from llm_core.interpret.attention.head_rows import Heads, Scored
from llm_core.runs.history import row_of
from llm_core.runs.row_check import is_opened_step, is_row
from llm_core.runs.store import BUNDLED_MODELS, BUNDLED_RACES, BUNDLED_SWEEPS
from llm_core.training.range_test import Rate
from llm_core.training.records import Evaluation, FixedText, Layers, Opened, OpenedRow, Sample, Step, Text

ROWS: tuple[dict[str, Any], ...] = (
    row_of(Step(step=1, tokens=8, seconds=0.1, loss=2.0, learning_rate=1e-3, gradient_norm=1.0, tokens_per_second=80.0)),
    row_of(Evaluation(1, 8, 0.1, 2.0, None, None, whole=True, measures={"accuracy": 0.5})),
    row_of(Sample(1, "a", "b")),
    row_of(Layers(1, ["embedding", "head"], [1.0, None], [1.0, 2.0], [0.1, None])),
    row_of(FixedText(0, ["a", "b"], [1, 2], [None, 1.5], [None, 0.7])),
    row_of(Text(1, [None, 2.0])),
    row_of(Heads(1, "decoder", "previous", [[0.5, 0.1]], [[0.4, 0.0]], [[0.6, 0.2]], 4, 2, None, "")),
    row_of(Scored(1, 1, 2, 0.5)),
    row_of(Rate(1, 1e-3, 2.0, 2.0, 0.1)),
    {"kind": "baseline", "name": "unigram", "loss": 3.0},
    {"kind": "cell", "cell": 0, "seed": 1, "run": 16 * "a", "state": "running", "at": 0},
    {"kind": "cell", "cell": 0, "seed": 1, "run": 16 * "a", "state": "finished", "loss": 2.0},
    {"kind": "point", "cell": 0, "seed": 1, "at": 3, "loss": 2.0},
    {"kind": "look", "cell": 0, "seed": 1, "at": 3, "loss": None},
    {"kind": "branched", "from": 16 * "a", "step": 3, "tokens": 8, "seconds": 1.0},
    {"kind": "family", "family": "centroid", "lane": "centroid", "run": 16 * "a", "state": "running", "budget": 2.0},
    {"kind": "opened", "step": 3},
    {"kind": "resumed", "resumed_at": -1},
)  # fmt: skip
OPENED: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(Opened(
    step=3, learning_rate=1e-3, schedule="cosine", share=0.5, progress=0.1, gradient_norm=1.0, clipping=None, cut=1.0,
    names=["embedding"], gradient=[1.0], weight=[2.0], update=[0.1], relative=[0.05], loss_before=2.0, loss_after=None,
    rows_in_batch=2, asked=4, rows=[OpenedRow(["a", "b"], [None, 2.0], read=["a", "?"], wanted=[None, "N"])],
))))  # fmt: skip
SPOILED = (
    ("step", {"loss": "2"}), ("step", {"step": None}), ("evaluation", {"measures": {"accuracy": "<b>"}}),
    ("evaluation", {"measures": [1]}), ("sample", {"text": 3}), ("sample", {"reference": []}),
    ("layers", {"names": ["embedding"]}), ("layers", {"gradient": None}), ("layers", {"update": ["x", 1.0]}),
    ("fixed_text", {"unigram": [1.0]}), ("fixed_text", {"pieces": "ab"}), ("fixed_text", {"ids": [-1, 2]}),
    ("text", {"losses": 2.0}), ("text", {"losses": [1e999]}), ("heads", {"mean": [0.5]}), ("heads", {"part": 1}),
    ("heads", {"low": []}), ("heads", {"baseline": "x"}), ("scored", {"step": "1"}), ("rate", {"learning_rate": 0}),
    ("rate", {"smoothed": "x"}), ("baseline", {"loss": None}), ("cell", {"state": None}), ("cell", {"cell": "0"}),
    ("point", {"at": 1.5}), ("look", {"seed": None}), ("branched", {"step": True}), ("family", {"family": None}),
)  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["kind"])
def test_what_this_program_writes_is_let_in(row: dict[str, Any]) -> None:
    assert is_row(json.loads(json.dumps(row)))


@pytest.mark.parametrize(("kind", "changes"), SPOILED, ids=str)
def test_a_row_that_a_reader_would_fall_over_is_not(kind: str, changes: dict[str, Any]) -> None:
    row = next(row for row in ROWS if row["kind"] == kind)
    assert not is_row(row | changes)


def test_all_rows_that_come_with_the_program_are_let_in() -> None:
    files = [path for place in (BUNDLED_MODELS, BUNDLED_RACES, BUNDLED_SWEEPS) for path in place.glob("*/*.jsonl")]
    assert len(files) > 10
    for path in files:
        wrong = [line for line in path.read_text(encoding="utf-8").splitlines() if not is_row(json.loads(line))]
        assert not wrong, (Path(path).parent.name, wrong[:1])


def test_an_opened_step_is_one() -> None:
    assert is_opened_step(OPENED, 3)
    assert not is_opened_step(OPENED, 4)
    row = OPENED["rows"][0]
    for changes in (
        {"names": "embedding"}, {"relative": []}, {"gradient_norm": "1"}, {"rows": None}, {"rows": [5]},
        {"rows": [row | {"losses": [1.0]}]}, {"rows": [row | {"read": ["a"]}]}, {"rows": [row | {"pieces": [1, 2]}]},
        {"rows": [row | {"label_loss": "x"}]},
    ):  # fmt: skip
        assert not is_opened_step(OPENED | changes, 3), changes
