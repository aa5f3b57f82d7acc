"""History: append-only, torn lines, resuming, thinning."""

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_core.runs.history import FILE, History, decimate, read, records, settle


def step(number: int, loss: float = 1.0) -> dict[str, object]:
    return {"kind": "step", "step": number, "loss": loss}


def test_rows_come_back_in_order_and_offsets_go_on_at_line_ends(tmp_path: Path) -> None:
    with History(tmp_path) as history:
        history.append(step(1))
        history.append({"kind": "sample", "step": 1, "text": "雪\n\u2028🙂"})
        first, offset = read(tmp_path)
        history.append(step(2))
    assert first == [step(1), {"kind": "sample", "step": 1, "text": "雪\n\u2028🙂"}]
    assert read(tmp_path, offset) == ([step(2)], (tmp_path / FILE).stat().st_size)


def test_a_torn_last_line_waits_and_is_skipped_once_the_run_goes_on(tmp_path: Path) -> None:
    whole = json.dumps(step(1)) + "\n"
    (tmp_path / FILE).write_text(whole + '{"kind":"step","st')
    assert read(tmp_path) == ([step(1)], len(whole))
    with History(tmp_path) as history:
        history.append(step(2))
    assert records(tmp_path) == [step(1), step(2)]
    assert (tmp_path / FILE).read_text().startswith(whole + '{"kind":"step","st\n'), "nothing is cut"


@given(st.binary(max_size=200))
def test_any_bytes_can_be_read(tmp_path_factory: pytest.TempPathFactory, junk: bytes) -> None:
    folder = tmp_path_factory.mktemp("history")
    (folder / FILE).write_bytes(junk + b"\n" + json.dumps(step(7)).encode() + b"\n")
    rows, offset = read(folder)
    assert rows[-1] == step(7)
    assert offset == (folder / FILE).stat().st_size


def test_a_missing_file_and_an_offset_beyond_the_end_have_no_rows(tmp_path: Path) -> None:
    assert read(tmp_path) == ([], 0)
    with History(tmp_path) as history:
        history.append(step(1))
    end = (tmp_path / FILE).stat().st_size
    assert read(tmp_path, 10**9) == ([], end)
    assert read(tmp_path, -5) == ([], end)


def test_resuming_takes_back_what_came_after_its_step() -> None:
    lived = [step(1), step(2), {"kind": "baseline", "loss": 2.0}, step(3), {"resumed_at": 2}, step(3, 9.0)]
    assert settle(lived) == [step(1), step(2), lived[2], {"resumed_at": 2}, step(3, 9.0)]
    assert [r["step"] for r in settle([step(1), {"resumed_at": 0}, step(1, 5.0)]) if "step" in r] == [1]


def test_what_is_not_a_finite_number_is_written_as_null(tmp_path: Path) -> None:
    with History(tmp_path) as history:
        history.append(step(1, math.inf) | {"norm": math.nan})
    assert records(tmp_path) == [{"kind": "step", "step": 1, "loss": None, "norm": None}]


def test_thinning_keeps_ends_spikes_and_other_kinds() -> None:
    rows = [step(i, 1 / (i + 1)) for i in range(50_000)]
    rows[31_234]["loss"] = 77.0
    rows.insert(25_000, {"kind": "evaluation", "step": 25_000, "loss": 2.0})
    thin = decimate(rows)
    assert len(thin) <= 2000
    assert thin[0] == rows[0]
    assert thin[-1] == rows[-1]
    assert any(row["loss"] == 77.0 for row in thin)
    assert any(row["kind"] == "evaluation" for row in thin)
    assert decimate(thin) == thin


def test_thinning_holds_its_bound_for_any_mixture() -> None:
    for steps, others in ((0, 5000), (3000, 3000), (1500, 600), (5000, 999)):
        rows = [step(i) for i in range(steps)] + [{"kind": "evaluation", "step": i} for i in range(others)]
        assert len(decimate(rows)) <= 2000


def test_measures_of_a_look_are_kept_however_a_history_is_thinned(tmp_path: Path) -> None:
    look = {"kind": "evaluation", "step": 5, "loss": 1.0, "measures": {"accuracy": 0.5, "skill.place": math.nan}}
    with History(tmp_path) as history:
        history.append(step(1))
        history.append(look)
        for number in range(6, 400):
            history.append(step(number))
    thinned = decimate(records(tmp_path), 20)
    assert len(thinned) < 30
    assert look | {"measures": {"accuracy": 0.5, "skill.place": None}} in thinned
