"""The gate of a class: whoever has no pass gets nothing, by HTTP or by socket, before anything of the program sees it.

It stands around the whole server, Streamlit's own addresses too. A page is answered by the one that asks for the code,
everything else by 401, a socket by a refusal before it opens. A browser adds the pass by itself, also to what a page
elsewhere, or on another port of the same machine, has it send: a post or a socket from there is refused by its Origin,
all else by its Sec-Fetch headers. Over plain http browsers send those only to the machine itself, so that in a class a mere
GET from another port of the same machine gets through; that page cannot read the answer. One from another site has no
pass, which is SameSite=Lax.
"""

import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response

from llm_core.errors import UserError
from pages.ui.classroom import passes, standing
from pages.ui.classroom.attempts import Attempts
from pages.ui.classroom.join_page import CLOSED, JOIN, TOO_MANY, WRONG, join_page
from pages.ui.classroom.links import inside
from pages.ui.http import NO_STORE

LEAVE = "/leave"
_LARGEST_FORM = 10_000

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Gate:
    """Middleware around everything that this server answers."""

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        self._app = app
        self._attempts = Attempts()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        try:
            standing.classroom()  # also before a stranger, who has no pass to be read
            owner = passes.holder(connection.cookies)
            open_to_join = True
        except UserError as error:
            logging.getLogger(__name__).log(logging.ERROR, "Nobody is let in: %s", error)
            owner, open_to_join = None, False
        if scope["type"] == "websocket":
            if owner is not None and from_here(connection):
                await self._app(scope, receive, send)
            else:
                await receive()
                await send({"type": "websocket.close", "code": 1008})
            return
        request = Request(scope, receive)
        path = request.url.path
        if not from_here(request):
            answer: Response | None = Response(status_code=403, headers=NO_STORE)
        elif not open_to_join:
            answer = _page(503, "/", CLOSED, ask=False)
        elif path == JOIN:
            answer = await self._join(request) if request.method == "POST" else _at_the_door(owner)
        elif owner is None:
            answer = _stranger(request)
        elif path == LEAVE and request.method == "POST":
            answer = RedirectResponse(JOIN, 303, headers=NO_STORE)
            answer.delete_cookie(passes.cookie_name(standing.key()), httponly=True, samesite="lax")
        else:
            answer = None
        await (answer or self._app)(scope, receive, send)

    async def _join(self, request: Request) -> Response:
        address = request.client.host if request.client else None
        if (wait := self._attempts.wait(address)) > 0:
            return _too_many(wait)
        body = b""
        async for piece in request.stream():
            body += piece
            if len(body) > _LARGEST_FORM:
                return Response(status_code=413, headers=NO_STORE)
        # Others may have tried while this one was on its way; from here to the note of a wrong code nobody comes between.
        if (wait := self._attempts.wait(address)) > 0:
            return _too_many(wait)
        form = parse_qs(body.decode("utf-8", "replace"))
        then = inside(form.get("then", ["/"])[0]) or "/"
        class_ = standing.classroom()
        role = class_.role_of(form.get("code", [""])[0])
        if role is None:
            self._attempts.note(address)
            return _page(401, then, WRONG)
        known = passes.holder(request.cookies)
        # A browser that types the code of its role again stays who it is, and keeps its runs.
        owner = known if known is not None and known.startswith(f"{role}-") else passes.new_owner(role)
        key, expires = standing.key(), int(time.time()) + passes.SECONDS
        answer = RedirectResponse(then, 303, headers=NO_STORE)
        answer.set_cookie(
            passes.cookie_name(key), passes.sign(owner, expires, key, class_), max_age=passes.SECONDS,
            httponly=True, samesite="lax", secure=request.url.scheme == "https",
        )  # fmt: skip
        return answer


def from_here(connection: HTTPConnection) -> bool:
    """Whether a page of this server sent this, or a person by typing or following a link, or no browser at all."""
    headers = connection.headers
    origin = headers.get("origin")
    if origin is not None and not _same(origin, headers.get("host", "")):
        return False
    # A link that leads here may stand anywhere; what a page elsewhere only loads or sends may not.
    led_here = headers.get("sec-fetch-mode") == "navigate" and connection.scope.get("method") in ("GET", "HEAD")
    return led_here or headers.get("sec-fetch-site", "none") in ("same-origin", "none")


def _same(origin: str, host: str) -> bool:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower() != ""


def _at_the_door(owner: str | None) -> Response:
    return _page(200, "/") if owner is None else RedirectResponse("/", 303, headers=NO_STORE)


def _too_many(wait: float) -> Response:
    answer = _page(429, "/", TOO_MANY)
    answer.headers["Retry-After"] = str(int(wait) + 1)
    return answer


def _stranger(request: Request) -> Response:
    if request.method in ("GET", "HEAD") and "text/html" in request.headers.get("accept", ""):
        query = request.url.query
        return _page(401, inside(request.url.path + (f"?{query}" if query else "")) or "/")
    return Response(status_code=401, headers=NO_STORE)


def _page(status: int, then: str, fault: str | None = None, *, ask: bool = True) -> Response:
    return Response(join_page(then, fault, ask=ask), status, NO_STORE, "text/html")
