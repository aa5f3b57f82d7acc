"""The route `./sweep/<run>`: the pictures of a sweep, or of a range test, as they are now, so that what grows costs no
script run."""

import hashlib
import json
from collections.abc import Callable
from functools import partial
from typing import Any

import plotly.graph_objects as go
from starlette.requests import Request
from starlette.responses import Response

from llm_core.errors import UserError
from llm_core.evaluate.learning_rate import Suggestion, suggest
from llm_core.runs import history
from llm_core.runs.live import ask_again
from llm_core.runs.owners import may_change
from llm_core.runs.run import Run
from llm_core.runs.sweep import ScalingOf, Sweep, open_range_test, scaling_of, sweep_of
from pages.ui.charts import DARK, LIGHT, Colors
from pages.ui.http import language_of, packed, refusal
from pages.ui.state import store, warm_up
from pages.ui.sweep import figures, told
from pages.ui.sweep.drawings import Drawings, Drawn
from pages.ui.sweep.words import cell_name
from pages.ui.text import explain_in, translate
from pages.ui.who import owner_of


def sweep_route(request: Request) -> Response:
    """How a sweep stands, with its pictures unless the browser has just these (`?have=`)."""
    warm_up()
    code = language_of(request)
    try:
        run = store().find(request.path_params["run"])
        if run.kind != "sweep":
            open_range_test(run)
        status = run.status()
        drawn = _drawn(run, status.state, code)
    except UserError as error:
        return refusal(error, code)
    message = explain_in(UserError(status.template, **status.values), code) if status.template else ""
    place = store().queue.place(run.id) if status.state == "waiting" else None
    reply = {
        "run": run.id, "kind": run.kind, "state": status.state, "lively": status.under_way, "seconds": None if run.read_only else status.seconds,
        "remaining": status.remaining_seconds if status.under_way else None, "progress": status.progress, "message": message,
        "place": place[0] if place else None, "waiting": place[1] if place else None,
        "controls": may_change(run, owner_of(request)), "version": drawn["version"], "poll_milliseconds": ask_again(status) if status.state != "finished" else None,
    }  # fmt: skip
    if request.query_params.get("have") != drawn["version"]:
        reply |= drawn
    return packed(reply, request)


def _drawn(run: Run, state: str, code: str) -> Drawn:
    """The pictures of about this moment: drawn once, however many watch."""
    over = state == "finished"
    try:
        about = (run.folder / history.FILE).stat()
        seen = (about.st_size, about.st_mtime_ns, over)
    except OSError:
        seen = (0, 0, over)

    def draw() -> Drawn:
        version = hashlib.sha256(repr((str(run.folder), seen, code)).encode()).hexdigest()[:16]
        return {"version": version} | (_sweep(run, code) if run.kind == "sweep" else _range_test(run, over, code))

    return _drawings.get((run.folder, code), state, seen, draw)


_drawings = Drawings()


def _sweep(run: Run, code: str) -> Drawn:
    sweep, words = sweep_of(run), partial(translate, code=code)
    axes = tuple(axis.setting for axis in sweep.settings.axes)
    pictures = {"curves": _both(partial(figures.curves, sweep, words)), "ends": _both(partial(figures.ends, sweep, words))}  # fmt: skip
    found = _scaling(sweep)
    if isinstance(found, ScalingOf):
        pictures["scaling"] = _both(partial(figures.scaling, sweep, found, words))
    own = not run.read_only
    return {
        "figures": pictures, "points": sum(len(one.points) for one in sweep.trained), "done": sum(one.state not in ("waiting", "running") for one in sweep.trained),
        "all": len(sweep.trained), "sentences": told.sentences(sweep, found, code), "csv": told.table(sweep),
        "trainings": {
            one.run: {"name": cell_name(axes, sweep.settings.cells[one.cell], words), "loss": told.loss_name(sweep.end(one)), "open": own}
            for one in sweep.trained if one.run
        },
    }  # fmt: skip


def _scaling(sweep: Sweep) -> ScalingOf | UserError | None:
    """The curve; why there is none, once the sweep has come far enough to have one; None where nobody expects one."""
    if all(axis.setting == "training.learning_rate" for axis in sweep.settings.axes):
        return None
    try:
        return scaling_of(sweep)
    except UserError as error:
        return error if all(one.state not in ("waiting", "running") for one in sweep.trained) else None


def _range_test(run: Run, over: bool, code: str) -> Drawn:
    settings, words = open_range_test(run), partial(translate, code=code)
    rows = [row for row in history.records(run.folder) if row.get("kind") == "rate"]
    whole = [row for row in rows if all(isinstance(row.get(name), int | float) for name in ("learning_rate", "loss", "smoothed"))]  # fmt: skip
    points = [(float(row["learning_rate"]), float(row["loss"]), float(row["smoothed"])) for row in whole]
    found: Suggestion | UserError | None = None
    if over:
        try:
            found = suggest([rate for rate, *_losses in points], [smoothed for *_rest, smoothed in points])
        except UserError as error:
            found = error
    marked = (found.rate, found.lowest) if isinstance(found, Suggestion) else None
    return {
        "figures": {"rates": _both(partial(figures.rates, points, marked, words))} if points else {}, "points": len(points), "done": len(points), "all": settings.steps,
        "sentences": told.suggestion(found, code), "csv": told.rate_table(points), "trainings": {},
    }  # fmt: skip


def _both(make: Callable[[Colors], go.Figure]) -> dict[str, Any]:
    drawn = {look: json.loads(make(colors).to_json()) for look, colors in (("light", LIGHT), ("dark", DARK))}
    for each in drawn.values():
        each["layout"].pop("template", None)
    return drawn
