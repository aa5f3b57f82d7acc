"""The routes of the page Runs: the table, what people change in it, settings compared, the trash, the disk, and zips."""

import time
from collections.abc import Iterable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from llm_core.config import parse
from llm_core.data.table_writing import as_table
from llm_core.errors import UserError
from llm_core.runs import disk, trash
from llm_core.runs.archive import export
from llm_core.runs.differences import SettingRow, differences
from llm_core.runs.files import size_of
from llm_core.runs.owners import is_teacher
from llm_core.runs.run import Run
from pages.ui.http import NO_STORE, attachment, language_of, ordered, refusal, refusal_of_file
from pages.ui.runs import rows
from pages.ui.runs.changes import Change, carry_out
from pages.ui.runs.rows import LONGEST_SEARCH, ORDERS, Query
from pages.ui.state import store, warm_up
from pages.ui.subject import BUNDLED_NAMES
from pages.ui.text import explain_in, translate
from pages.ui.who import owner_of

MOST_COMPARED = 12


def query_in(request: Request) -> Query:
    """What the address asks for; whatever it cannot mean is left out."""
    asked = request.query_params
    page = asked.get("page", "0")
    return Query(
        search=asked.get("q", "")[:LONGEST_SEARCH], kind=asked.get("kind", "")[:40], state=asked.get("state", "")[:20],
        tag=asked.get("tag", "")[:40], owner=owner_of(request) if asked.get("own") == "1" else "",
        order=ORDERS.get(asked.get("sort", ""), "created"), down=asked.get("down", "1") != "0",
        page=int(page) if page.isascii() and page.isdigit() and len(page) < 7 else 0,
    )  # fmt: skip


def runs_route(request: Request) -> Response:
    """One page of the table; or the runs that belong to the one that `?parent=` names, or those that `?only=` does."""
    warm_up()
    language = language_of(request)
    try:
        asker = owner_of(request)
        parent = request.query_params.get("parent")
        if parent is not None:
            return JSONResponse(rows.children(store(), parent, asker, language), headers=NO_STORE)
        only = request.query_params.get("only")
        if only is not None:
            return JSONResponse(rows.only(store(), only.split(","), asker, language), headers=NO_STORE)
        return JSONResponse(rows.rows(store(), query_in(request), asker, language), headers=NO_STORE)
    except UserError as error:
        return refusal(error, language)


async def change_route(request: Request) -> Response:
    """Carry out what was posted, as the owner whose browser sent it."""
    return await ordered(
        request, lambda values, language: carry_out(store(), parse(Change, values), owner_of(request), language)
    )


def differences_route(request: Request) -> Response:
    """All settings of the runs that `?runs=` names, and which of them differ."""
    language = language_of(request)
    try:
        runs = _named(request)
    except UserError as error:
        return refusal(error, language)
    found = [
        {
            "name": row.name, "title": translate(row.title, language) if row.title else "",
            "description": translate(row.description, language) if row.description else "",
            "unit": translate(row.unit, language) if row.unit else "", "values": _shown(row), "differs": row.differs,
        }
        for row in differences(runs)
    ]  # fmt: skip
    problems = [explain_in(run.problem, language) for run in runs if run.problem is not None]
    names = [_name(run, language) for run in runs]
    return JSONResponse({"runs": [run.id for run in runs], "names": names, "rows": found, "problems": problems}, headers=NO_STORE)  # fmt: skip


def differences_csv(request: Request) -> Response:
    """The settings that differ as a table."""
    language = language_of(request)
    try:
        runs = _named(request)
    except UserError as error:
        return refusal_of_file(error, language)
    lines = [(row.name, *(_text(value) for value in _shown(row))) for row in differences(runs) if row.differs]
    table = as_table(("setting", *(_name(run, language) for run in runs)), lines)
    return Response(table, media_type="text/csv", headers=attachment("terrarium-settings.csv"))


def runs_csv(request: Request) -> Response:
    """All rows that the search and the filters leave, as a table."""
    language = language_of(request)
    columns = ("run", "name", "kind", "recipe", "text", "state", "step", "loss", "bytes", "tags", "created")
    try:
        found = rows.all_rows(store(), query_in(request), language)
    except UserError as error:
        return refusal_of_file(error, language)
    lines = [
        (
            one.id, rows.shown_name(one, language), one.fixed.kind, one.fixed.recipe, one.fixed.corpus, one.status.state,
            str(one.status.step), "" if one.loss is None else repr(one.loss), _text(store().listing.size(one)),
            ", ".join(one.tags), time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(one.fixed.created)),
        )
        for one in found
    ]  # fmt: skip
    return Response(as_table(columns, lines), media_type="text/csv", headers=attachment("terrarium-runs.csv"))


def trash_route(request: Request) -> Response:
    """What lies in the trash."""
    language = language_of(request)
    try:
        asker = owner_of(request)
    except UserError as error:
        return refusal(error, language)
    found = []
    for one in trash.in_trash(store()):
        mine = one.run.owner == asker or is_teacher(asker)
        found.append({"run": one.run.id, "name": one.run.name, "kind": one.run.kind, "at": one.at, "size": size_of(one.run.folder), "may_change": mine})  # fmt: skip
    return JSONResponse({"rows": found}, headers=NO_STORE)


def disk_route(request: Request) -> Response:
    """What everything takes on the disk, in bytes."""
    try:
        asker = owner_of(request)
    except UserError as error:
        return refusal(error, language_of(request))
    measuring = disk.measure_apart(store())
    found = disk.use(store())
    values = {"runs": found.runs, "texts": found.texts, "unneeded": found.unneeded, "trash": found.trash, "free": found.free}  # fmt: skip
    return JSONResponse(values | {"measuring": measuring, "may_change": is_teacher(asker)}, headers=NO_STORE)


def zip_route(request: Request) -> Response:
    """A run as a zip; with `?texts=0` without the texts that were brought for it."""
    try:
        run = store().find(request.path_params["run"])
        pieces = export(run, texts=request.query_params.get("texts") != "0")
    except UserError as error:
        return refusal_of_file(error, language_of(request))
    return StreamingResponse(pieces, media_type="application/zip", headers=attachment(f"terrarium-{run.id}.zip"))


def _named(request: Request) -> list[Run]:
    named = list(dict.fromkeys(filter(None, request.query_params.get("runs", "").split(","))))
    return [store().find(reference) for reference in named[:MOST_COMPARED]]


def _name(run: Run, language: str) -> str:
    return translate(run.name, language) if run.read_only and run.name in BUNDLED_NAMES else run.name


def _shown(row: SettingRow) -> list[Any]:
    """A value for each run: null where the setting is empty, and a dash where the run has no such setting."""
    return [value if there else "–" for value, there in zip(row.values, row.present, strict=True)]


def _text(value: object) -> str:
    return "" if value is None else str(value)


RUNS_ROUTES: Iterable[Route] = (
    Route("/runs.json", runs_route),
    Route("/runs.csv", runs_csv),
    Route("/runs/change", change_route, methods=["POST"]),
    Route("/runs/differences.json", differences_route),
    Route("/runs/differences.csv", differences_csv),
    Route("/runs/trash.json", trash_route),
    Route("/runs/disk.json", disk_route),
    Route("/runs/{run}.zip", zip_route),
)
