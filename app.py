"""The server: `streamlit run app.py`. Mounts the pages, the routes, and the screen for what nobody expected."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import streamlit as st
from starlette.middleware import Middleware

from pages.ui.faults import show_fault
from pages.ui.routes import ROUTES

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


def on_script_error(error: Exception) -> bool:
    """One sentence for a person; the rest goes to the log."""
    logging.getLogger("terrarium").error("A page failed", exc_info=error)
    show_fault(error)
    return True


app = st.App("pages/navigation.py", routes=ROUTES, middleware=[Middleware(Headers)], on_script_error=on_script_error)
