"""The route `./race/<run>`: what moves while a race runs, so that its lanes cost no script run."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from llm_core.errors import UserError
from llm_core.runs.race_watch import watch
from pages.ui.http import NO_STORE, language_of, refusal
from pages.ui.state import store, warm_up
from pages.ui.text import explain_in


def race_route(request: Request) -> Response:
    """How a race stands, with the rows after the byte that `?have=` names."""
    warm_up()
    language = language_of(request)
    text = request.query_params.get("have", "0")
    offset = int(text) if text.isascii() and text.isdigit() and len(text) <= 15 else 0
    try:
        reply = watch(store(), request.path_params["run"], offset)
    except UserError as error:
        return refusal(error, language)
    message = reply["message"]
    reply["message"] = explain_in(UserError(message["template"], **message["values"]), language) if message else ""
    for row in reply["rows"]:
        if row.get("template"):
            row["text"] = explain_in(UserError(str(row["template"]), **row.get("values", {})), language)
    return JSONResponse(reply, headers=NO_STORE)
