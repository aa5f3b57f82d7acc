"""Under which names this server may be asked where there is no class and nobody types a code.

Whoever owns a name can have it lead to this machine, and a page of that name is then at home here: it may read and change
everything (DNS rebinding). A number leads to nothing but itself, and `localhost` belongs to the machine.
"""

import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

import streamlit as st
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from llm_core.errors import N_
from pages.ui.http import NO_STORE
from pages.ui.text import LANGUAGES, translate

_STRANGE = N_(
    "This server answers to a number and to localhost only, so that no page elsewhere can use it under a name of its own. "
    "To open it under a name, start it with --server.allowedHosts and that name."
)


class OwnNames:
    """Middleware around everything that this server answers: under a name that is not its own nothing, by HTTP or socket."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or is_own(Headers(scope=scope).get("host", ""), _given()):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        else:
            said = "\n".join(translate(_STRANGE, code) for code in LANGUAGES)
            await Response(said, 403, NO_STORE, "text/plain")(scope, receive, send)


def is_own(host: str, given: Iterable[str]) -> bool:
    """Whether a Host header, with any port, names this machine: a number, `localhost`, or a name that was given, in which
    `*.` stands for all names below it and `*` for all there are."""
    try:
        name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return False
    if not name or any(letter in host for letter in "@/\\?#"):
        return False
    for pattern in ("localhost", *(each.strip().lower().rstrip(".") for each in given)):
        if pattern in (name, "*") or (pattern.startswith("*.") and name.endswith(pattern[1:])):
            return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _given() -> list[str]:
    """The names that whoever started this server has given it."""
    address = st.get_option("server.address")
    return [*st.get_option("server.allowedHosts"), *([address] if address else [])]
