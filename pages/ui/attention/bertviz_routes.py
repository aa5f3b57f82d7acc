"""Routes for bertviz's views: the frame that a page shows, the same as a file, the arrays as a table, and the libraries
that the frame takes from here."""

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

from pydantic import Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from llm_core.config import parse
from llm_core.data.table_writing import as_table
from llm_core.errors import UserError
from pages.ui.attention import bertviz_data, bertviz_file
from pages.ui.attention.bertviz_scripts import LIBRARIES, library
from pages.ui.attention.looking import Looking
from pages.ui.attention.route import Asked
from pages.ui.attention.seen import seen
from pages.ui.attention.shape import shape_of
from pages.ui.classroom.standing import in_class
from pages.ui.http import (
    FAILED,
    KEPT_A_DAY,
    NO_STORE,
    attachment,
    language_of,
    object_in,
    posted,
    refusal_of_file,
)
from pages.ui.state import store
from pages.ui.text import explain_in, translate


class AskedView(Asked):
    """A `Looking` at one of bertviz's views as it comes from a browser; `begin` is the first token to be drawn."""

    step: int
    view: Literal["head_view", "model_view", "neuron_view"]
    begin: int = Field(default=0, ge=0, le=100_000)

    def looking_at(self) -> Looking:
        """The same as pages write it. Raises UserError for a head that is not there."""
        shape = shape_of(store().find(self.run))
        if self.part not in shape.parts or self.layer >= shape.layers or self.head >= shape.heads:
            raise UserError("This model has no head {name}.", name=f"{self.part}.{self.layer}.{self.head}")
        return replace(self.looking(self.step), view=self.view)


def words(language: str) -> dict[str, str]:
    """Every word of a view in this language."""
    return {name: translate(template, language) for name, template in bertviz_file.WORDS.items()}


def file_name(looking: Looking) -> str:
    """The name, without its ending, of what is taken away."""
    return f"terrarium-{looking.view.replace('_', '-')}-{looking.run}"


async def frame_route(request: Request) -> Response:
    """POST an `AskedView` and a language as JSON; answers with the document of the frame, or one that says why not."""
    found = await posted(request)
    if isinstance(found, Response):
        return found
    return await run_in_threadpool(_frame, *found)


def _frame(values: dict[str, Any], language: str) -> Response:
    status = 200
    try:
        asked = parse(AskedView, values)
        looking = asked.looking_at()
        text = bertviz_file.framed(
            seen(looking), looking.view, begin=asked.begin, name=file_name(looking), words=words(language), language=language,
            whole=in_class(),
        )  # fmt: skip
    except UserError as error:
        status, text = 404, bertviz_file.refusal(explain_in(error, language), language)
    except Exception:
        logging.getLogger(__name__).exception("Looking at attention failed")
        status, text = 500, bertviz_file.refusal(translate(FAILED, language), language)
    return Response(text.encode("utf-8", "replace"), status_code=status, media_type="text/html", headers=NO_STORE)


def file_route(request: Request) -> Response:
    """The view that `?looking=` names as a file that stands alone."""

    def make(asked: AskedView, looking: Looking, language: str) -> str:
        return bertviz_file.standalone(
            seen(looking), looking.view, part=looking.part, layer=looking.layer, head=looking.head, begin=asked.begin,
            name=file_name(looking), words=words(language), language=language,
        )  # fmt: skip

    return _file(request, "html", make)


def table_route(request: Request) -> Response:
    """What that view shows as CSV; with a byte-order mark, so that spreadsheets read it as UTF-8."""

    def make(asked: AskedView, looking: Looking, _language: str) -> str:
        attentions = {str(name): attention for name, attention in seen(looking).parts.items()}
        rows = bertviz_data.rows(attentions[looking.part], looking.view, looking.layer, looking.head, asked.begin)
        return "\ufeff" + as_table(bertviz_data.COLUMNS, rows)

    return _file(request, "csv", make)


def _file(request: Request, suffix: str, make: Callable[[AskedView, Looking, str], str]) -> Response:
    language = language_of(request)
    try:
        values = object_in(request.query_params.get("looking", ""))
    except (ValueError, RecursionError):
        return Response(status_code=400)
    try:
        asked = parse(AskedView, values)
        looking = asked.looking_at()
        text = make(asked, looking, language)
    except UserError as error:
        return refusal_of_file(error, language)
    headers = attachment(f"{file_name(looking)}.{suffix}")
    return Response(text.encode("utf-8", "replace"), media_type=f"text/{suffix}", headers=headers)


def library_route(request: Request) -> Response:
    """A library out of its installed package: nothing is fetched from elsewhere."""
    name = request.path_params["name"]
    if name not in LIBRARIES:
        return Response(status_code=404)
    return FileResponse(library(name), media_type="text/javascript", headers=KEPT_A_DAY)


BERTVIZ_ROUTES = [
    Route("/bertviz", frame_route, methods=["POST"]),
    Route("/bertviz.html", file_route),
    Route("/bertviz.csv", table_route),
]
LIBRARY_ROUTE = Route("/vendor/{name}.min.js", library_route)
