"""Rows with many numbers in a history: written whole, and few of them sent to who watches."""

import itertools
import json
import math
from pathlib import Path

from llm_core.runs import history, live, opened
from llm_core.runs.history import History, Row, decimate, thin_heavy
from llm_core.runs.run import Run
from llm_core.runs.store import Store
from llm_core.training.records import FixedText, Layers, Opened, OpenedRow, Text

NAMES = ["embedding", *(f"block {n}" for n in range(8)), "head"]


def looks(last: int, every: int = 50) -> list[int]:
    early = {
        step for step in range(1, last) if step.bit_count() == 1 or (step % 3 == 0 and (step // 3).bit_count() == 1)
    }
    return sorted({0, *early, *range(0, last + 1, every)})


def rows_of_a_run(last: int) -> list[Row]:
    close = set(looks(last))
    rows: list[Row] = []
    for step in range(last + 1):
        rows.append({"kind": "step", "step": step, "tokens": step * 3072, "seconds": step / 7, "loss": 1 + 1 / (step + 1), "learning_rate": 0.00123456, "gradient_norm": 0.987654321, "tokens_per_second": 12345.6789})  # fmt: skip
        if step in close:
            numbers = [1.23456 + n for n in range(10)]
            rows.append(history.row_of(Layers(step, NAMES, numbers, numbers, numbers)))
            rows.append(history.row_of(Text(step, [None, *[3.1234] * 159])))
        if step % 100 == 0:
            rows += [{"kind": "sample", "step": step, "prompt": f"p{n}", "text": "word " * 64} for n in range(3)]
    return rows


def opened_step(step: int) -> Opened:
    row = OpenedRow(["a", "b"], [None, 1.0])
    nothing: list[float | None] = [None]
    return Opened(
        step, 0.1, "constant", 1.0, 0.5, 2.0, 1.0, 0.5, ["head"], nothing, nothing, nothing, nothing, 1.0, 0.9, 1, 1, [row],
    )  # fmt: skip


def test_a_record_is_a_row_of_the_name_of_its_class(tmp_path: Path) -> None:
    fixed = FixedText(0, ["a"], [5], [None], [None])
    assert history.row_of(fixed)["kind"] == "fixed_text"
    assert history.row_of(Text(3, [math.inf, 1.0])) == {"kind": "text", "step": 3, "losses": [math.inf, 1.0]}
    with History(tmp_path) as lines:
        lines.append(history.row_of(Text(3, [math.inf, 1.0])))
    assert history.records(tmp_path) == [{"kind": "text", "step": 3, "losses": [None, 1.0]}]


def test_of_each_heavy_kind_some_120_rows_stay_the_first_and_the_last_among_them() -> None:
    rows = rows_of_a_run(10_000)
    thin = decimate(rows)
    assert len(thin) <= 2000
    for kind in ("layers", "text", "sample"):
        steps = [row["step"] for row in thin if row["kind"] == kind]
        assert steps[0] == 0
        assert steps[-1] == 10_000
        assert 60 <= len(steps) <= 123
    samples = [row for row in thin if row["kind"] == "sample"]
    assert all(sum(row["step"] == other["step"] for other in samples) == 3 for row in samples), "prompts stay together"


def test_what_stays_is_spread_evenly_early_and_late() -> None:
    rows = [row for row in rows_of_a_run(10_000) if row["kind"] == "text"]
    steps = [row["step"] for row in thin_heavy(rows)]
    roots = [math.sqrt(step) for step in steps]
    assert max(b - a for a, b in itertools.pairwise(roots)) < 3 * 100 / 119 + math.sqrt(50)
    assert sum(step <= 1000 for step in steps) >= 15
    assert sum(step > 5000 for step in steps) >= 20


def test_thinned_again_and_again_while_it_grows_the_beginning_does_not_fade() -> None:
    rows: list[Row] = []
    for step in range(0, 200_000, 50):
        rows = thin_heavy([*rows, {"kind": "text", "step": step, "losses": []}])
    steps = [row["step"] for row in rows]
    assert 50 <= len(steps) <= 121
    assert sum(step < 50_000 for step in steps) >= len(steps) // 4
    assert (steps[0], steps[-1]) == (0, 199_950)


def test_the_reply_for_a_run_of_ten_thousand_steps_is_bounded(store: Store, make: type[Run]) -> None:
    run = make()
    lines = "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows_of_a_run(10_000))
    (run.folder / history.FILE).write_text(lines, encoding="utf-8")
    reply = live.live(store, run.id)
    assert len(json.dumps(reply)) < 1_000_000 < len(lines)
    assert {"layers", "text", "step"} <= {row["kind"] for row in reply["rows"]}


def test_opened_steps_are_kept_by_their_number_the_latest_ones_alone(tmp_path: Path) -> None:
    for step in range(1, opened.MOST + 4):
        opened.keep(tmp_path, opened_step(step))
    assert opened.steps(tmp_path) == list(range(4, opened.MOST + 4))
    read = opened.read(tmp_path, 7)
    assert read is not None
    assert read["step"] == 7
    assert read["rows"] == [
        {"pieces": ["a", "b"], "losses": [None, 1.0], "read": None, "source": None, "wanted": None, "label": None, "label_loss": None}
    ]  # fmt: skip
    assert opened.read(tmp_path, 1) is None
    assert opened.read(tmp_path, -1) is None
    opened.take_back(tmp_path, 10)
    assert opened.steps(tmp_path) == list(range(4, 11))
    opened.take_back(tmp_path, None)
    assert opened.steps(tmp_path) == []
