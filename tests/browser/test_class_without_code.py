"""Without the code a real server in a class tells nothing: no run by any address, any method or any socket."""

import http.client
import json
import re
import socket
from urllib.parse import urlencode

import pytest
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from streamlit.runtime import Runtime

from llm_core.runs import classroom
from tests.browser.conftest import Server
from tests.pages.recorded import write_run

SECRET = "A run that nobody outside may see"
RUN = "00000000000000c1"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")


@pytest.fixture(scope="module")
def closed(class_server: Server) -> tuple[Server, str]:
    """A server in a class, and the id of a run that it has."""
    write_run(class_server.runs / RUN, until=50, state="stopped", name=SECRET, owner="student-0123456789abcdef")
    return class_server, RUN


@pytest.fixture(scope="module")
def routes() -> list[BaseRoute]:
    """Everything that the server answers, Streamlit's own addresses too, as the server itself puts it together."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Runtime, "_instance", None)
        from app import app

        return list(app._build_starlette_app().routes)


def paths(routes: list[BaseRoute], run: str) -> list[str]:
    """An address of each route, about that run where it can be."""
    found = [
        "/",
        "/" + run,
        "/runs/" + run,
        "/.classroom.json",
        "/.classroom.key",
        f"/media/{run}.zip",
        "/join/../live",
        "//live",
    ]
    for route in routes:
        assert isinstance(route, Mount | Route | WebSocketRoute)
        found.append(re.sub(r"\{[^}]*\}", run, route.path) or "/")
    return found


def told(server: Server, method: str, path: str, headers: dict[str, str]) -> tuple[int, bytes, str]:
    """Status, body, and all of the answer's headers as text."""
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=20)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read(), str(answer.getheaders())
    finally:
        connection.close()


def upgraded(server: Server, path: str, **headers: str) -> str:
    """The first line that the server answers to a socket that wants to open."""
    host, port = server.url.removeprefix("http://").split(":")
    asked = {"Host": f"{host}:{port}", "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "c29tZXRoaW5nIG5ldyBoZQ==", **headers}  # fmt: skip
    with socket.create_connection((host, int(port)), timeout=20) as stream:
        stream.sendall(
            (f"GET {path} HTTP/1.1\r\n" + "".join(f"{n}: {v}\r\n" for n, v in asked.items()) + "\r\n").encode()
        )
        return stream.recv(4096).decode("latin-1").split("\r\n")[0]


def test_no_address_tells_a_stranger_of_a_run(closed: tuple[Server, str], routes: list[BaseRoute]) -> None:
    server, run = closed
    asked = paths(routes, run)
    assert {"/live", f"/live/{run}", "/_stcore/health", "/_stcore/stream", "/write"} <= set(asked)
    assert len(asked) > 40
    for path in asked:
        for method in METHODS:
            for accept in ("*/*", "text/html") if method == "GET" else ("*/*",):
                status, body, headers = told(server, method, path, {"Accept": accept})
                assert status == 401, (method, path)
                page = accept == "text/html"
                assert (b'name="code"' in body) if page else body == b"", (method, path)
                assert b"<script" not in body
                for secret in (SECRET, run):
                    assert secret.encode() not in body, (method, path)
                    assert secret not in headers, (method, path)


def test_no_socket_opens_for_a_stranger(closed: tuple[Server, str], routes: list[BaseRoute]) -> None:
    server, run = closed
    for path in paths(routes, run):
        for more in (
            {},
            {"Origin": server.url},
            {"Origin": "http://evil.example"},
            {"Cookie": "terrarium_000000000000=x"},
        ):
            assert upgraded(server, path, **more).startswith("HTTP/1.1 403"), (path, more)


def test_with_the_code_run_and_socket_are_there_but_not_for_a_page_elsewhere(closed: tuple[Server, str]) -> None:
    server, run = closed
    opened = classroom.read(server.runs)
    assert opened is not None
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=20)
    form = {"Content-Type": "application/x-www-form-urlencoded", "Origin": server.url}
    connection.request("POST", "/join", urlencode({"code": opened.student_code}), form)
    answer = connection.getresponse()
    assert answer.status == 303
    cookie = {"Cookie": str(answer.getheader("set-cookie")).split(";")[0]}
    connection.close()
    status, body, _ = told(server, "GET", f"/live/{run}", cookie)
    assert (status, json.loads(body)["name"]) == (200, SECRET)
    assert upgraded(server, "/_stcore/stream", **cookie, Origin=server.url).startswith("HTTP/1.1 101")
    assert upgraded(server, "/_stcore/stream", **cookie, Origin="http://evil.example").startswith("HTTP/1.1 403")
    assert told(server, "GET", "/live", cookie | {"Origin": "http://evil.example"})[0] == 403


def test_the_terminal_says_how_to_join_and_without_a_class_there_is_no_gate(
    closed: tuple[Server, str], server: Server
) -> None:
    opened = classroom.read(closed[0].runs)
    assert opened is not None
    log = (closed[0].runs.parent / "server.log").read_text()
    assert opened.student_code in log
    assert opened.teacher_code in log
    assert f":{closed[0].url.split(':')[-1]}" in log
    assert told(server, "GET", "/_stcore/health", {})[0] == 200
