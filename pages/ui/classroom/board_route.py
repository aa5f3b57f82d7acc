"""What moves on the page Class and in the bar on all pages of a class, without a script run: `./class/runs`,
`./class/shown`, and `./class/show`, by which the teacher shows a view to all."""

import threading
import time
from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from llm_core.errors import UserError
from llm_core.runs import classroom as kept
from llm_core.runs import people
from llm_core.runs.listing import Summary
from llm_core.runs.owners import STUDENT, TEACHER, is_teacher
from llm_core.runs.small_curve import SmallCurves
from pages.ui.classroom import standing
from pages.ui.classroom.links import inside_of
from pages.ui.http import NO_STORE, language_of, ordered, refusal
from pages.ui.runs.ways import address_of
from pages.ui.state import store
from pages.ui.who import owner_of

MOST_RUNS = 60
RECENT = 24 * 3600.0
"""Seconds for which a run that has ended still stands on the board."""
POLL_MILLISECONDS = 2000
SHOWN_MILLISECONDS = 4000
_MOMENT = 1.0

_curves = SmallCurves()
_lock = threading.Lock()
_seen: tuple[float, list[dict[str, Any]]] = 0.0, []


def board_route(request: Request) -> Response:
    """The runs of the class with their small curves, and which of them this reader may stop."""
    try:
        owner = owner_of(request)
        class_ = standing.classroom()
    except UserError as error:
        return refusal(error, language_of(request))
    teacher = is_teacher(owner)
    runs = [
        {name: value for name, value in row.items() if name != "owner"}
        | {"mine": row["owner"] == owner, "controls": teacher or row["owner"] == owner}
        for row in _rows()
    ]
    reply = {"runs": runs, "frozen": class_.frozen, "poll_milliseconds": POLL_MILLISECONDS}
    return JSONResponse(reply, headers=NO_STORE)


def _rows() -> list[dict[str, Any]]:
    """The same for all readers, as it was a moment ago: a whole class may ask at once."""
    global _seen
    with _lock:
        if time.monotonic() >= _seen[0] + _MOMENT:
            names = people.names(store().root)
            _seen = time.monotonic(), [_row(one, names) for one in chosen(store().listing.summaries(), time.time())]
        return _seen[1]


def chosen(summaries: Sequence[Summary], now: float) -> list[Summary]:
    """What is under way or paused, newest first, and then the trainings that ended lately."""
    lively = [one for one in summaries if one.status.under_way or one.status.state == "paused"]
    known = {one.id for one in lively}
    ended = [
        one for one in summaries
        if one.fixed.kind == "train" and one.id not in known
        and now - max(one.fixed.created, one.status.heartbeat) < RECENT
    ]  # fmt: skip
    return (lively + ended)[:MOST_RUNS]


def _row(one: Summary, names: dict[str, str]) -> dict[str, Any]:
    status, owner = one.status, one.fixed.owner
    place = store().queue.place(one.id) if status.state == "waiting" else None
    return {
        "run": one.id, "href": address_of(one.fixed.kind, one.id), "name": one.name, "owner": owner, "kind": one.fixed.kind, "state": status.state, "lively": status.under_way,
        "place": place[0] if place else None, "step": status.step, "steps": status.steps, "loss": one.loss,
        "curve": [[step, round(loss, 4)] for step, loss in _curves.points(store().root / one.id)],
        "person": names.get(owner, ""), "tag": tag(owner), "teacher": is_teacher(owner),
    }  # fmt: skip


def tag(owner: str) -> str:
    """A few characters that tell people without a name apart."""
    return owner.removeprefix(STUDENT).removeprefix(TEACHER)[:4]


def shown_route(request: Request) -> Response:
    """What the teacher shows to all, as a link inside this program, and whether this reader may change it."""
    try:
        teacher = is_teacher(owner_of(request))
        class_ = standing.classroom()
    except UserError as error:
        return refusal(error, language_of(request))
    reply = {"link": class_.shown, "times": class_.shown_times, "teacher": teacher, "poll_milliseconds": SHOWN_MILLISECONDS}  # fmt: skip
    return JSONResponse(reply, headers=NO_STORE)


async def show_route(request: Request) -> Response:
    """Show the posted `link` to all, or nothing where it is null."""

    def carry_out(values: dict[str, Any], _language: str) -> dict[str, Any]:
        class_ = show(values.get("link"), request.headers.get("host", ""), owner_of(request))
        return {"link": class_.shown, "times": class_.shown_times}

    return await ordered(request, carry_out)


def show(link: object, host: str, owner: str) -> kept.Classroom:
    """Show a view to all, or nothing for None. host: the name and port under which the teacher sees this server.

    Raises UserError for a link that leads elsewhere, and for one who is no teacher.
    """
    shown = inside_of(link, host) if isinstance(link, str) else None
    if link is not None and shown is None:
        raise UserError("Only a link to a page of this server can be shown. Copy it from the address bar of that page.")
    return kept.change(store().root, owner, shown=shown)
