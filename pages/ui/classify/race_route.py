"""The route `./race/<run>`: what moves while a race runs, so that its lanes cost no script run."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from llm_core.errors import UserError
from llm_core.runs.race_watch import watch
from llm_core.runs.sentences import sentence_in
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
    reply["message"] = _said(reply["message"], language)
    for row in reply["rows"]:
        row["text"] = _said(row, language)
    return JSONResponse(reply, headers=NO_STORE)


def _said(told: Mapping[str, Any] | None, language: str) -> str:
    """The sentence in what has a template and its values; empty where there is none."""
    sentence = sentence_in(told or {})
    return "" if sentence is None else explain_in(sentence, language)
