"""HTTP routes that app.py mounts beside the pages: what moves, what can be taken away, and scripts for the browser.

They read and compute; only `/runs/change` and `/class/show` change anything. None does either for a page elsewhere.
Whatever names a run goes through `Store.find`, which lets nothing but ids through.
"""

import csv
import io
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from llm_core.errors import UserError
from llm_core.runs import history
from llm_core.runs.listing import Summary
from llm_core.runs.live import live
from llm_core.runs.sentences import sentence_in
from pages.ui import charts
from pages.ui.attention import files as attention_files
from pages.ui.attention.bertviz_routes import BERTVIZ_ROUTES, LIBRARY_ROUTE
from pages.ui.attention.measured import heads_csv_route, heads_route
from pages.ui.attention.route import patterns_route
from pages.ui.classify.pretraining import pretraining_route
from pages.ui.classify.race_route import race_route
from pages.ui.classify.sizes import sizes_route
from pages.ui.classify.why_route import why_route
from pages.ui.classroom.board_route import board_route, show_route, shown_route
from pages.ui.fill_mask.route import fill_csv_route, fill_route
from pages.ui.generate.beams import beams_route
from pages.ui.generate.next_token import next_route
from pages.ui.generate.pair import crossed_route
from pages.ui.generate.samples import samples_route
from pages.ui.http import KEPT_A_DAY, NO_STORE, OnlyFromHere, attachment, language_of, packed, refusal
from pages.ui.inside.inquiry_route import inquiry_route
from pages.ui.runs.routes import RUNS_ROUTES
from pages.ui.runs.ways import SHOWN, address_of
from pages.ui.state import store, warm_up
from pages.ui.sweep.route import sweep_route
from pages.ui.text import explain_in
from pages.ui.train import diagnosis
from pages.ui.train.labels import line_names
from pages.ui.train.opened import opened_route
from pages.ui.truth import truth_route
from pages.ui.writing import csv_route, write_route

COLUMNS = ("kind", "step", "tokens", "seconds", "loss", "learning_rate", "gradient_norm", "tokens_per_second", "perplexity", "bits_per_character")  # fmt: skip


def live_run(request: Request) -> Response:
    """What a run has said since a byte offset, and how it stands."""
    warm_up()
    language = language_of(request)
    try:
        reply = live(store(), request.path_params["run"], _offset(request))
    except UserError as error:
        return refusal(error, language)
    message = reply["message"]
    template, values = (message["template"], message["values"]) if message else ("", {})
    reply["message"] = explain_in(UserError(template, **values), language)
    reply["diagnosis"] = diagnosis.told(reply["diagnosis"], language)
    for row in reply["rows"]:
        if row.get("kind") == "no_floor":
            reason = sentence_in(row)
            row["text"] = "" if reason is None else explain_in(reason, language)
    return packed(reply, request)


def live_list(request: Request) -> Response:
    """What is under way or paused and has a page that shows it: trainings, races, sweeps and range tests."""
    warm_up()
    shown = [
        one for one in store().listing.summaries()
        if one.fixed.kind in SHOWN and not one.fixed.broken and (one.status.under_way or one.status.state == "paused")
    ]  # fmt: skip
    return JSONResponse({"runs": [_line(one) for one in shown[:20]]}, headers=NO_STORE)


def _line(one: Summary) -> dict[str, Any]:
    status, kind = one.status, one.fixed.kind
    place = store().queue.place(one.id) if status.state == "waiting" else None
    return {
        "run": one.id, "href": address_of(kind, one.id), "name": one.name, "kind": kind, "state": status.state,
        "place": place[0] if place else None, "step": status.step, "steps": status.steps, "progress": status.progress, "loss": one.loss,
    }  # fmt: skip


def history_csv(request: Request) -> Response:
    """The whole history of a run as a table."""
    try:
        run = store().find(request.path_params["run"])
    except UserError as error:
        return refusal(error, language_of(request))
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(row for row in history.records(run.folder) if row.get("kind") in ("step", "evaluation"))
    return Response(text.getvalue(), media_type="text/csv", headers=attachment(f"terrarium-{run.id}.csv"))


def history_html(request: Request) -> Response:
    """The curve as one page that needs nothing else, Plotly inside."""
    language = language_of(request)
    try:
        run = store().find(request.path_params["run"])
        names = line_names(run, language)
    except UserError as error:
        return refusal(error, language)
    figure = charts.curve(history.records(run.folder), names.__getitem__)
    page = figure.to_html(include_plotlyjs=True, full_html=True, config={"displaylogo": False})
    return Response(page, media_type="text/html", headers=attachment(f"terrarium-{run.id}.html"))


def plotly_script(request: Request) -> Response:
    """plotly.min.js out of the installed package: nothing is fetched from elsewhere."""
    spec = find_spec("plotly")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    path = Path(spec.submodule_search_locations[0]) / "package_data" / "plotly.min.js"
    return FileResponse(path, media_type="text/javascript", headers=KEPT_A_DAY)


def _offset(request: Request) -> int:
    text = request.query_params.get("from", "0")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 15 else 0


_ROUTES = [
    Route("/live", live_list),
    Route("/live/{run}", live_run),
    Route("/opened/{run}/{step:int}", opened_route),
    Route("/history/{run}.csv", history_csv),
    Route("/history/{run}.html", history_html),
    Route("/race/{run}", race_route),
    Route("/why", why_route, methods=["POST"]),
    Route("/sizes/{run}", sizes_route),
    Route("/sweep/{run}", sweep_route),
    Route("/pretraining", pretraining_route),
    Route("/inquiry/{digest}", inquiry_route),
    Route("/heads/{run}.csv", heads_csv_route),
    Route("/heads/{run}", heads_route),
    Route("/write", write_route, methods=["POST"]),
    Route("/next", next_route, methods=["POST"]),
    Route("/beams", beams_route, methods=["POST"]),
    Route("/crossed", crossed_route, methods=["POST"]),
    Route("/samples", samples_route, methods=["POST"]),
    Route("/patterns", patterns_route, methods=["POST"]),
    Route("/attention.csv", attention_files.csv_route),
    Route("/attention.html", attention_files.html_route),
    Route("/fill", fill_route, methods=["POST"]),
    Route("/fill.csv", fill_csv_route),
    Route("/written.csv", csv_route),
    Route("/truth", truth_route),
    Route("/class/runs", board_route),
    Route("/class/shown", shown_route),
    Route("/class/show", show_route, methods=["POST"]),
    *RUNS_ROUTES,
    *BERTVIZ_ROUTES,
]
# Libraries may be had from anywhere: the frame that bertviz draws in has no origin.
ROUTES = [
    Route("/vendor/plotly.min.js", plotly_script),
    LIBRARY_ROUTE,
    *(Route(each.path, each.endpoint, methods=each.methods, middleware=[Middleware(OnlyFromHere)]) for each in _ROUTES),
]
