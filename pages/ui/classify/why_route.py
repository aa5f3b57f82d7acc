"""The route `./why`: what carried a decision, for one family at a time; the browser asks for one part after another."""

import logging
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from llm_core.config import parse
from llm_core.errors import N_, UserError
from pages.ui.classify.why_answer import Asked, answer
from pages.ui.http import NO_STORE, from_elsewhere, posted, refusal
from pages.ui.text import translate

FAILED = N_("The program failed while it looked; the log of the server says more.")


async def why_route(request: Request) -> Response:
    """POST an `Asked` and a language as JSON; answers with one part, or with one sentence."""
    if from_elsewhere(request):
        return Response(status_code=403)
    found = await posted(request)
    if isinstance(found, Response):
        return found
    return await run_in_threadpool(_answer, *found)


def _answer(values: dict[str, Any], language: str) -> Response:
    try:
        return JSONResponse(answer(parse(Asked, values)), headers=NO_STORE)
    except UserError as error:
        return refusal(error, language)
    except Exception:
        logging.getLogger(__name__).exception("Explaining a decision failed")
        return JSONResponse({"error": translate(FAILED, language)}, status_code=500, headers=NO_STORE)
