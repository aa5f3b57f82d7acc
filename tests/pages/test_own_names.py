"""Without a class the server answers to numbers, to localhost and to names that it was given, and to nothing else."""

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from pages.ui import own_names
from pages.ui.own_names import OwnNames, is_own

OWN = ["localhost", "LOCALHOST:8501", "localhost.:8501", "127.0.0.1:8501", "127.0.0.1", "[::1]:8501", "[::1]", "192.168.1.5:8501"]  # fmt: skip
STRANGE = [
    "evil.example", "evil.example:8501", "localhost.evil.example", "127.0.0.1.evil.example:8501", "evillocalhost", "evil@127.0.0.1",
    "evil.example/@localhost", "localhost/", "", ":8501", "[::1", "[evil.example]", "xn--localhost-x", "0.0.0.0.evil",
]  # fmt: skip


def deed(request: Request) -> Response:
    return PlainTextResponse("done")


async def socket(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text("open")
    await websocket.close()


@pytest.fixture
def client() -> TestClient:
    routes = [Route("/runs/change", deed, methods=["GET", "POST"]), WebSocketRoute("/_stcore/stream", socket)]
    return TestClient(Starlette(routes=routes, middleware=[Middleware(OwnNames)]))


@pytest.mark.parametrize("host", OWN)
def test_its_own_names_and_numbers_are_answered_with_any_port(client: TestClient, host: str) -> None:
    assert client.get("/runs/change", headers={"host": host}).text == "done"
    with client.websocket_connect("/_stcore/stream", headers={"host": host}) as stream:
        assert stream.receive_text() == "open"


@pytest.mark.parametrize("host", STRANGE)
def test_under_a_name_that_others_may_own_nothing_is_done(client: TestClient, host: str) -> None:
    for method in ("GET", "POST"):
        answer = client.request(method, "/runs/change", headers={"host": host, "origin": f"http://{host}"})
        assert answer.status_code == 403
        assert "--server.allowedHosts" in answer.text
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/_stcore/stream", headers={"host": host}):
        pass


def test_a_name_that_was_given_is_its_own(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    options = {"server.address": "box.lan", "server.allowedHosts": ["School.example", "*.class.example"]}
    monkeypatch.setattr(own_names.st, "get_option", options.__getitem__)
    for host in ("box.lan:8501", "school.example", "a.class.example:443"):
        assert client.get("/runs/change", headers={"host": host}).status_code == 200
    for host in ("class.example.evil", "evilclass.example", "evil.example"):
        assert client.get("/runs/change", headers={"host": host}).status_code == 403
    assert is_own("anything.example", ["*"])


def test_the_server_has_it_where_there_is_no_class(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TERRARIUM_CLASSROOM", raising=False)
    import app

    assert OwnNames in [each.cls for each in app.middleware]
