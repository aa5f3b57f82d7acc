"""The server: `streamlit run app.py`. Mounts the pages, the routes, and the screen for what nobody expected."""

import logging
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import streamlit as st
from starlette.middleware import Middleware

from llm_core.errors import UserError
from pages.ui.classroom.announcement import announcement
from pages.ui.classroom.gate import Gate
from pages.ui.classroom.standing import in_class, open_class
from pages.ui.faults import show_fault
from pages.ui.own_names import OwnNames
from pages.ui.routes import ROUTES
from pages.ui.state import store

# The browser itself is told to load nothing from anywhere else, whatever a text or a name contains.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' data: blob:; worker-src 'self' blob:; "
    "frame-src 'self' data: blob:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
)

Scope = dict[str, Any]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Headers:
    """Adds the policy to every answer."""

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Callable[[], Awaitable[Any]], send: Send) -> None:
        async def send_with_headers(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                extra = [(b"content-security-policy", POLICY.encode()), (b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"same-origin")]  # fmt: skip
                message = {**message, "headers": [*message["headers"], *extra]}
            await send(message)

        await self._app(scope, receive, send_with_headers if scope["type"] == "http" else send)


class Style:
    """Puts the style sheet into the page itself, so that it holds from the first thing that is drawn: one that comes
    later moves everything, and a click that has begun meets another place."""

    ROOT = b'<div id="root">'
    STYLE = Path(__file__).with_name("assets") / "style.css"

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Callable[[], Awaitable[Any]], send: Send) -> None:
        if scope["type"] != "http" or not dict(scope["headers"]).get(b"accept", b"").startswith(b"text/html"):
            await self._app(scope, receive, send)
            return
        # Whole and as plain text: neither packed, nor a part, nor the word that nothing has changed.
        left_out = (b"accept-encoding", b"if-none-match", b"if-modified-since", b"range")
        headers = [(name, value) for name, value in scope["headers"] if name not in left_out]
        start: dict[str, Any] = {}
        body = b""

        async def send_with_style(message: dict[str, Any]) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                start = message
                return
            body += message.get("body", b"")
            if message.get("more_body"):
                return
            styled = body.replace(self.ROOT, b"<style>" + self.STYLE.read_bytes() + b"</style>" + self.ROOT, 1)
            stale = (b"content-length", b"etag", b"last-modified")
            kept = [(name, value) for name, value in start["headers"] if name.lower() not in stale]
            await send(start | {"headers": [*kept, (b"content-length", str(len(styled)).encode())]})
            await send({"type": "http.response.body", "body": styled})

        await self._app(scope | {"headers": headers, "extensions": {}}, receive, send_with_style)


def on_script_error(error: Exception) -> bool:
    """One sentence for a person; the rest goes to the log."""
    logging.getLogger("terrarium").error("A page failed", exc_info=error)
    show_fault(error)
    return True


@asynccontextmanager
async def lifespan(app: st.App) -> AsyncIterator[None]:
    """Once the port is known: give turns to the runs that wait, and in a class say on the terminal how to join."""
    store().serve()
    if in_class():
        sys.stdout.write(
            announcement(open_class(), int(st.get_option("server.port")), st.get_option("server.sslCertFile"))
        )
        sys.stdout.flush()
    yield


middleware = [Middleware(Headers), Middleware(Style)]
if in_class():
    try:
        open_class()
    except UserError as error:
        raise SystemExit(str(error)) from None
    middleware.insert(1, Middleware(Gate))
else:
    middleware.insert(1, Middleware(OwnNames))

app = st.App(
    "pages/navigation.py", routes=ROUTES, middleware=middleware, lifespan=lifespan, on_script_error=on_script_error,
)  # fmt: skip
