"""The gate of a class: who gets through, who gets the page that asks for the code, and who gets nothing."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import anyio
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from llm_core.runs import classroom
from llm_core.runs.classroom import Classroom
from llm_core.runs.store import Store
from pages.ui import who
from pages.ui.classroom.attempts import MOST
from pages.ui.classroom.gate import Gate
from pages.ui.classroom.join_page import join_page
from tests.pages.classes import OTHER, STUDENT, TEACHER, cookies, open_class

HERE = "http://testserver"
PAGE = {"accept": "text/html,application/xhtml+xml"}


def whoami(request: Request) -> Response:
    return PlainTextResponse(who.owner_of(request))


async def socket(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text(who.owner_of(websocket))
    await websocket.close()


@pytest.fixture
def opened(store: Store, monkeypatch: pytest.MonkeyPatch) -> Classroom:
    return open_class(store.root, monkeypatch)


@pytest.fixture
def client(opened: Classroom) -> Iterator[TestClient]:
    routes = [Route("/live", whoami, methods=["GET", "POST"]), Route("/", whoami), WebSocketRoute("/_stcore/stream", socket)]  # fmt: skip
    with TestClient(Starlette(routes=routes, middleware=[Middleware(Gate)]), follow_redirects=False) as client:
        yield client


def join(client: TestClient, code: str, **more: str) -> Response:
    return client.post("/join", data={"code": code, **more}, headers={"origin": HERE})  # type: ignore[return-value]


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("path", ["/live", "/", "/nothing", "/join/", "/JOIN", "//join", "/leave", "/join%2f.."])
def test_a_stranger_gets_nothing_by_any_method(client: TestClient, method: str, path: str) -> None:
    answer = client.request(method, path)
    assert (answer.status_code, answer.content) == (401, b"")


def test_a_stranger_who_asks_for_a_page_is_asked_for_the_code(client: TestClient) -> None:
    answer = client.get("/train?run=0123456789abcdef", headers=PAGE)
    assert answer.status_code == 401
    assert 'name="code"' in answer.text
    assert 'value="/train?run=0123456789abcdef"' in answer.text
    assert answer.headers["cache-control"] == "no-store"


def test_what_stands_in_an_address_is_never_part_of_the_page(client: TestClient) -> None:
    plain = client.get("/", headers=PAGE).content
    for path in ("/<script>", "/a/b", "/live/0123456789abcdef", "/train?x=" + "y" * 3000):
        assert client.get(path, headers=PAGE).content == plain
    assert b"<script" not in join_page('"><script>alert(1)</script>')


@pytest.mark.parametrize("role", ["student", "teacher"])
def test_a_code_lets_in_with_its_role_and_back_to_where_one_wanted(
    client: TestClient, opened: Classroom, role: str
) -> None:
    code = opened.student_code if role == "student" else opened.teacher_code
    answer = join(client, code, then="/train?run=1")
    assert (answer.status_code, answer.headers["location"]) == (303, "/train?run=1")
    said = answer.headers["set-cookie"].lower()
    assert "httponly" in said
    assert "samesite=lax" in said
    assert re.fullmatch(rf"{role}-[0-9a-f]{{16}}", client.get("/live").text)


def test_two_browsers_are_two_owners_and_one_that_joins_again_stays_itself(
    client: TestClient, opened: Classroom
) -> None:
    join(client, opened.student_code)
    first = client.get("/live").text
    join(client, opened.student_code)
    assert client.get("/live").text == first
    join(client, opened.teacher_code)
    assert client.get("/live").text.startswith("teacher-")
    client.cookies.clear()
    join(client, opened.student_code)
    assert client.get("/live").text not in (first, "")


@pytest.mark.parametrize("then", ["https://evil.example/", "//evil.example", "/\\evil.example", "/live\r\nX: 1", ""])
def test_joining_leads_to_no_other_place(client: TestClient, opened: Classroom, then: str) -> None:
    answer = join(client, opened.student_code, then=then)
    assert answer.headers["location"] == "/"
    assert "x" not in answer.headers


def test_a_wrong_code_says_so_and_gives_no_pass(client: TestClient, opened: Classroom) -> None:
    for code in ("", "zzzzzz", opened.student_code[:-1], "x" * 9_000):
        answer = join(client, code)
        assert answer.status_code == 401
        assert 'role="alert"' in answer.text
        assert "set-cookie" not in answer.headers
    assert client.get("/live").status_code == 401


def test_after_many_wrong_codes_even_the_right_one_waits(client: TestClient, opened: Classroom) -> None:
    statuses = [join(client, "zzzzzz").status_code for _ in range(MOST + 1)]
    assert statuses == [401] * MOST + [429]
    answer = join(client, opened.student_code)
    assert answer.status_code == 429
    assert 0 < int(answer.headers["retry-after"]) <= 61
    assert "set-cookie" not in answer.headers


def test_codes_that_are_tried_all_at_once_are_counted_as_well(opened: Classroom) -> None:
    """Every form is on its way before the first has come."""
    statuses: list[int] = []

    async def ended(scope: Scope, receive: Receive, send: Send) -> None:
        raise AssertionError("nobody gets here")

    async def try_all() -> None:
        gate, last_is_here = Gate(ended), anyio.Event()

        async def attempt(last: bool) -> None:
            async def receive() -> Message:
                if last:
                    last_is_here.set()
                await last_is_here.wait()
                return {"type": "http.request", "body": b"code=zzzzzz", "more_body": False}

            async def send(message: Message) -> None:
                if message["type"] == "http.response.start":
                    statuses.append(message["status"])

            scope = {"type": "http", "method": "POST", "path": "/join", "query_string": b"", "headers": [], "client": ("10.0.0.9", 1)}  # fmt: skip
            await gate(scope, receive, send)

        async with anyio.create_task_group() as group:
            for number in range(3 * MOST):
                group.start_soon(attempt, number == 3 * MOST - 1)

    with ThreadPoolExecutor(1) as thread:  # a browser test before may have left a loop in this one
        thread.submit(anyio.run, try_all).result()
    assert sorted(statuses) == [401] * MOST + [429] * 2 * MOST


def test_a_form_that_is_too_large_is_not_read(client: TestClient) -> None:
    assert join(client, "x" * 20_000).status_code == 413


def test_forged_foreign_expired_and_altered_passes_open_nothing(
    client: TestClient, store: Store, opened: Classroom, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    classroom.open_classroom(elsewhere)
    ((name, good),) = cookies(store.root, STUDENT).items()
    (foreign,) = cookies(elsewhere, TEACHER).values()
    (expired,) = cookies(store.root, STUDENT, -1).values()
    assert client.get("/live", headers={"cookie": f"{name}={good}"}).text == STUDENT
    for bad in (foreign, expired, good.replace("student", "teacher"), good.replace("bb.", "cc."), good[:-1], "", '"'):
        sent = {"cookie": f"{name}={bad}"}
        assert client.get("/live", headers=sent).status_code == 401
        with pytest.raises(WebSocketDisconnect), client.websocket_connect("/_stcore/stream", headers=sent):
            pass
    assert client.get("/live", headers={"cookie": f"another={good}"}).status_code == 401
    assert opened == classroom.read(store.root)


ELSEWHERE = ["http://evil.example", "null", "http://testserver:8502", "http://testserver.evil.example", "http://", "", "http://testserver@evil.example", "file://", "ws://testserver"]  # fmt: skip


@pytest.mark.parametrize("origin", ELSEWHERE)
def test_a_page_elsewhere_does_nothing_with_a_pass_that_the_browser_adds(
    client: TestClient, store: Store, origin: str
) -> None:
    client.cookies.update(cookies(store.root, TEACHER))
    sent = {"origin": origin}
    assert client.post("/live", headers=sent).status_code == 403
    assert client.get("/live", headers=sent).status_code == 403
    assert client.post("/leave", headers=sent).status_code == 403
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/_stcore/stream", headers=sent):
        pass


@pytest.mark.parametrize("origin", ELSEWHERE)
def test_a_page_elsewhere_makes_nobody_join(client: TestClient, opened: Classroom, origin: str) -> None:
    answer = client.post("/join", data={"code": opened.student_code}, headers={"origin": origin})
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_link_elsewhere_leads_here_but_nothing_else_is_loaded_from_there(
    client: TestClient, store: Store, site: str
) -> None:
    client.cookies.update(cookies(store.root, OTHER))
    led = {"sec-fetch-site": site, "sec-fetch-mode": "navigate"}
    assert client.get("/", headers=led).text == OTHER
    assert client.post("/live", headers=led).status_code == 403
    assert client.get("/live", headers=led | {"sec-fetch-mode": "no-cors"}).status_code == 403


def test_a_socket_opens_with_a_pass_and_without_one_does_not(client: TestClient, store: Store) -> None:
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/_stcore/stream", headers={"origin": HERE}):
        pass
    client.cookies.update(cookies(store.root, STUDENT))
    with client.websocket_connect("/_stcore/stream", headers={"origin": HERE}) as stream:
        assert stream.receive_text() == STUDENT


def test_who_leaves_is_a_stranger(client: TestClient, opened: Classroom) -> None:
    join(client, opened.student_code)
    assert client.get("/leave").status_code == 404  # a link does not throw anybody out
    answer = client.post("/leave", headers={"origin": HERE})
    assert (answer.status_code, answer.headers["location"]) == (303, "/join")
    assert client.get("/live").status_code == 401
    assert client.get("/join", headers=PAGE).status_code == 200


def test_a_class_that_cannot_be_read_lets_nobody_in(client: TestClient, store: Store, opened: Classroom) -> None:
    good = cookies(store.root, TEACHER)
    for damage, sent in (("{", good), ("{", {}), (None, good), (None, {})):
        client.cookies.clear()
        client.cookies.update(sent)
        file = store.root / classroom.FILE
        file.write_text(damage) if damage else file.unlink(missing_ok=True)
        for answer in (client.get("/live"), join(client, opened.teacher_code)):
            assert answer.status_code == 503
        with pytest.raises(WebSocketDisconnect), client.websocket_connect("/_stcore/stream"):
            pass
