"""What routes share: how a request is read, guarded against pages elsewhere, and how one is answered or refused.

A page elsewhere can make a person's browser send requests here. It must not set this computer to work.
"""

import gzip
import json
import logging
from collections.abc import Callable
from typing import Any

from anyio import CapacityLimiter
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from llm_core.config import ConfigType, parse
from llm_core.errors import N_, UserError
from pages.ui.text import explain_in, known_language, translate

NO_STORE = {"Cache-Control": "no-store"}
KEPT_A_DAY = {"Cache-Control": "public, max-age=86400", "Content-Encoding": "identity"}
"""For scripts out of installed packages. Said to be encoded, so that nothing spends half a second on compressing them
anew for every browser."""

_LARGEST_REQUEST = 200_000
_WORTH_PACKING = 20_000

_looking = CapacityLimiter(6)
"""Threads of the server's pool that may look at models at once. Most of them wait for one another; what moves by itself
(`./live`) needs the others."""

FAILED = N_("The program failed while it looked; the log of the server says more.")


async def posted(request: Request) -> tuple[dict[str, Any], str] | Response:
    """The JSON object that was posted and the language it names, or the response that refuses what is none."""
    # A page elsewhere can post plain text here, but JSON only after asking, and it is not let.
    if request.headers.get("content-type", "").split(";")[0] != "application/json":
        return Response(status_code=415)
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > _LARGEST_REQUEST:
            return Response(status_code=413)
    try:
        values = json.loads(body)
        return values, known_language(values.pop("language"))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return Response(status_code=400)


async def answered(
    request: Request, kind: type[ConfigType], answer: Callable[[ConfigType], dict[str, Any]], deed: str
) -> Response:
    """What is said of the question, of that kind, that was posted with a language: JSON, or one sentence. `deed` is what
    the log calls that which failed."""
    found = await posted(request)
    if isinstance(found, Response):
        return found
    values, language = found

    def work() -> Response:
        try:
            return JSONResponse(answer(parse(kind, values)), headers=NO_STORE)
        except UserError as error:
            return refusal(error, language)
        except Exception:
            logging.getLogger(__name__).exception("%s failed", deed)
            return JSONResponse({"error": translate(FAILED, language)}, status_code=500, headers=NO_STORE)

    return await looked(request, work)


async def ordered(request: Request, carry_out: Callable[[dict[str, Any], str], dict[str, Any]]) -> Response:
    """What comes of the order, given as it was posted and the language that it names: JSON, or one sentence."""
    found = await posted(request)
    if isinstance(found, Response):
        return found
    values, language = found

    def work() -> Response:
        try:
            return JSONResponse(carry_out(values, language), headers=NO_STORE)
        except UserError as error:
            return refusal(error, language)

    return await run_in_threadpool(work)


async def looked(request: Request, work: Callable[[], Response]) -> Response:
    """The answer of work that looks at a model, made in a thread once few others look; not for one who has gone."""
    async with _looking:
        if await request.is_disconnected():
            return Response(status_code=499)
        return await run_in_threadpool(work)


class OnlyFromHere:
    """Around a route: what a page elsewhere has sent, also one of another port of this machine, is answered with 403
    before anything is done. Browsers say where a page is when they ask this machine itself, and over https."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        elsewhere = Headers(scope=scope).get("sec-fetch-site") in ("cross-site", "same-site")
        await (Response(status_code=403, headers=NO_STORE) if elsewhere else self._app)(scope, receive, send)


def language_of(request: Request) -> str:
    """The language that `?lang=` names."""
    return known_language(request.query_params.get("lang"))


def object_in(text: str) -> dict[str, Any]:
    """The JSON object in a query parameter, empty for other JSON. Raises ValueError or RecursionError for what is none."""
    values = json.loads(text)
    return values if isinstance(values, dict) else {}


def packed(reply: object, request: Request) -> Response:
    """JSON, a long one packed lightly. Left to itself the server packs every one as tightly as it can, for 30 ms of a
    whole history, while everybody else waits."""
    body = json.dumps(reply, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8", "replace")
    encoding = "identity"
    if len(body) > _WORTH_PACKING and "gzip" in request.headers.get("accept-encoding", ""):
        body, encoding = gzip.compress(body, 1), "gzip"
    headers = {**NO_STORE, "Content-Encoding": encoding, "Vary": "Accept-Encoding"}
    return Response(body, media_type="application/json", headers=headers)


def refusal(error: UserError, language: str) -> Response:
    """One sentence for a script that asked."""
    return JSONResponse({"error": explain_in(error, language)}, status_code=404, headers=NO_STORE)


def refusal_of_file(error: UserError, language: str, status: int = 404) -> Response:
    """One sentence in place of a file."""
    return Response(explain_in(error, language), status_code=status, media_type="text/plain", headers=NO_STORE)


def attachment(name: str) -> dict[str, str]:
    """Headers of a file to be saved under this name."""
    return {**NO_STORE, "Content-Disposition": f'attachment; filename="{name}"'}
