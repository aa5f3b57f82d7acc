"""What has been measured of the heads of a run, for its pages and, while it grows, for the route `./heads/<run>`.

The numbers themselves come from runs of kind "head_scores" or from beside a bundled model (`llm_core.runs.head_scores`).
The browser asks the route for them, so that a measuring fills table and curves without a script run.
"""

import threading
from collections import OrderedDict
from functools import lru_cache
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from llm_core.data.table_writing import as_table
from llm_core.errors import UserError
from llm_core.runs import head_scores, history
from llm_core.runs.live import live
from llm_core.runs.owners import may_change
from llm_core.runs.run import Run
from pages.ui.attention.head_rows import Floats, HeadRows, Measured, read_rows
from pages.ui.attention.head_words import baseline_name
from pages.ui.attention.shape import Shape, shape_of
from pages.ui.http import NO_STORE, attachment, language_of, refusal
from pages.ui.state import store
from pages.ui.text import explain_in
from pages.ui.who import owner_of

COLUMNS = ("step", "part", "layer", "head", "score", "mean", "low", "high", "texts", "items", "baseline", "baseline_name")  # fmt: skip
_MOST_KEPT = 16
_kept: OrderedDict[tuple[Any, ...], HeadRows] = OrderedDict()
_lock = threading.Lock()


def rows_of(run: Run) -> HeadRows:
    """All that is known of the heads of a run's models. Raises UserError for a model without attention."""
    return _rows(run, head_scores.find_runs(store(), run))


def _rows(run: Run, measurings: list[Run]) -> HeadRows:
    shape = shape_of(run)
    # What was read is read anew only when something has been written since.
    seen = tuple((one.id, one.status().state, _stamp(one.folder / history.FILE)) for one in measurings)
    key = run.folder, seen, _stamp(run.folder / head_scores.FILE)
    with _lock:
        if key in _kept:
            return _kept[key]
    rows = _fitting(read_rows(head_scores.find_rows(store(), run)), shape)
    with _lock:
        _kept[key] = rows
        while len(_kept) > _MOST_KEPT:
            _kept.popitem(last=False)
    return rows


def _stamp(file: Path) -> tuple[int, int]:
    """Changes when the file does."""
    try:
        about = file.stat()
    except OSError:
        return 0, 0
    return about.st_mtime_ns, about.st_size


def _fitting(rows: HeadRows, shape: Shape) -> HeadRows:
    """Only what is about heads that the model has."""
    size = shape.layers, shape.heads
    return HeadRows(tuple(each for each in rows.measured if each.part in shape.parts and each.mean.shape == size))


def losses(run: Run) -> tuple[tuple[int, float], ...]:
    """Steps and held-out losses of a run, in nats per token; none for a model that was brought in."""
    return _losses(run.id, _stamp(run.folder / history.FILE))


@lru_cache(maxsize=32)
def _losses(run: str, stamp: tuple[int, int]) -> tuple[tuple[int, float], ...]:
    rows = live(store(), run)["rows"]
    return tuple(
        (row["step"], row["loss"])
        for row in rows
        if row.get("kind") == "evaluation" and isinstance(row.get("loss"), (int, float))
    )


def loss_at(run: Run, step: int) -> float | None:
    """The last held-out loss that was taken up to a step."""
    return next((loss for at, loss in reversed(losses(run)) if at <= step), None)


def heads_route(request: Request) -> Response:
    """The scores of a run's heads, unless the browser has just these, and how a measuring of them stands."""
    language = language_of(request)
    try:
        run = store().find(request.path_params["run"])
        measurings = head_scores.find_runs(store(), run)
        rows = _rows(run, measurings)
    except UserError as error:
        return refusal(error, language)
    kept = run.steps()
    measuring = _measuring(measurings[0], len(kept), language, owner_of(request)) if measurings else None
    lively = bool(measuring and measuring["lively"])
    reply: dict[str, Any] = {
        "version": rows.version, "measuring": measuring, "snapshots": len(kept),
        "measured": len(set(rows.steps) & set(kept)),
        "poll_milliseconds": 700 if lively else 5000 if run.status().under_way else None,
    }  # fmt: skip
    if not rows.version or request.query_params.get("have") != rows.version:
        reply |= {"scores": _columns(rows, language), "shape": _shapes(rows), "losses": losses(run)}
    return JSONResponse(reply, headers=NO_STORE)


def heads_csv_route(request: Request) -> Response:
    """Every score of every head at every step as a table."""
    language = language_of(request)
    try:
        run = store().find(request.path_params["run"])
        table = as_csv(rows_of(run))
    except UserError as error:
        return refusal(error, language)
    return Response(table, media_type="text/csv", headers=attachment(f"terrarium-heads-{run.id}.csv"))


def as_csv(rows: HeadRows) -> str:
    """A row for each score of each head at each step."""
    return as_table(
        COLUMNS,
        (
            (
                each.step, each.part, layer, head, each.score, mean, float(each.low[layer, head]), float(each.high[layer, head]),
                each.texts, each.items, each.baseline, each.baseline_name,
            )
            for each in rows.measured
            for layer, line in enumerate(each.mean.tolist())
            for head, mean in enumerate(line)
        ),
    )  # fmt: skip


def _measuring(measuring: Run, steps: int, language: str, owner: str) -> dict[str, Any]:
    """How a measuring of so many steps stands for this owner: `progress` is the share that is done, `remaining` the
    seconds still."""
    status = measuring.status()
    message = explain_in(UserError(status.template, **status.values), language) if status.template else ""
    progress = status.progress if status.state == "running" else None
    # Its seconds are those up to the end of the last whole step.
    whole = int((progress or 0.0) * steps + 1e-6)
    remaining = status.seconds / whole * steps * (1 - (progress or 0.0)) if whole else None
    return {
        "run": measuring.id, "state": status.state, "lively": status.under_way, "progress": progress,
        "remaining": remaining, "message": message, "controls": may_change(measuring, owner),
    }  # fmt: skip


def _shapes(rows: HeadRows) -> dict[str, tuple[int, ...]]:
    return {each.part: each.mean.shape for each in rows.measured}


def _columns(rows: HeadRows, language: str) -> dict[str, dict[str, dict[str, list[Any]]]]:
    """Part, then score, to columns over steps; each row of `mean`, `low` and `high` has all heads, layer after layer."""
    columns: dict[str, dict[str, dict[str, list[Any]]]] = {}
    for each in rows.measured:
        row = _row(each, language)
        into = columns.setdefault(each.part, {}).setdefault(each.score, {name: [] for name in row})
        for name, value in row.items():
            into[name].append(value)
    return columns


def _row(each: Measured, language: str) -> dict[str, Any]:
    return {
        "step": each.step, "mean": _flat(each.mean), "low": _flat(each.low), "high": _flat(each.high),
        "texts": each.texts, "items": each.items, "baseline": each.baseline,
        "baseline_name": baseline_name(each, language) if each.baseline is not None else "",
    }  # fmt: skip


def _flat(table: Floats) -> list[float | None]:
    """Four digits are all that a picture shows; JSON has no NaN."""
    return [None if value != value else round(value, 4) for value in table.ravel().tolist()]
