"""The page of a class and its routes: all see all runs, and only the teacher decides."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient
from streamlit.testing.v1 import AppTest

from llm_core.runs import classroom, people
from llm_core.runs.store import Store
from pages.ui.classroom import board_route
from pages.ui.classroom.board_route import show_route, shown_route, tag
from pages.ui.state import CLASS_FROZEN_KEY, CLASS_LINK_KEY, CLASS_NAME_KEY
from tests.pages.classes import OTHER, STUDENT, TEACHER, cookies, open_class, sit_at
from tests.pages.recorded import write_run

RUN, OLD = "00000000000000a1", "00000000000000a2"
NAME = "<img src=x onerror=alert(1)>"
BOARD = Path(__file__).parents[2] / "pages" / "board.py"


@pytest.fixture
def client(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    open_class(store.root, monkeypatch)
    monkeypatch.setattr(board_route, "_seen", (0.0, []))
    write_run(store.root / RUN, steps=1000, until=400, state="paused", name=NAME, owner=STUDENT)
    people.call(store.root, STUDENT, STUDENT, NAME)
    routes = [
        Route("/class/runs", board_route.board_route), Route("/class/shown", shown_route),
        Route("/class/show", show_route, methods=["POST"]),
    ]  # fmt: skip
    with TestClient(Starlette(routes=routes), base_url="http://192.168.1.5:8501") as client:
        yield client


def asked(client: TestClient, store: Store, owner: str, path: str = "/class/runs") -> Any:
    client.cookies.clear()
    client.cookies.update(cookies(store.root, owner))
    return client.get(path).json()


def test_all_see_all_runs_with_their_curves_and_stop_only_their_own(client: TestClient, store: Store) -> None:
    for owner, mine, controls in ((STUDENT, True, True), (OTHER, False, False), (TEACHER, False, True)):
        (run,) = asked(client, store, owner)["runs"]
        assert (run["run"], run["name"], run["person"]) == (RUN, NAME, NAME)
        assert (run["mine"], run["controls"]) == (mine, controls)
        assert run["curve"][-1][0] == 399
        assert run["href"] == f"./train?run={RUN}"
        assert "owner" not in run
    client.cookies.clear()
    assert client.get("/class/runs").status_code == 404


def test_the_board_is_put_together_once_for_a_whole_class(
    client: TestClient, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[int] = []
    real = board_route.chosen
    monkeypatch.setattr(board_route, "chosen", lambda *given: looked.append(1) or real(*given))
    monkeypatch.setattr(board_route, "_MOMENT", 60.0)
    for _ in range(30):
        asked(client, store, OTHER)
    assert len(looked) == 1


def test_what_is_under_way_stands_first_and_what_ended_long_ago_is_gone(client: TestClient, store: Store) -> None:
    write_run(store.root / OLD, steps=10, name="finished", owner=OTHER)
    summaries = store.listing.summaries(fresh=True)
    newest = max(one.fixed.created for one in summaries)
    assert [one.id for one in board_route.chosen(summaries, newest)] == [RUN, OLD]
    assert [one.id for one in board_route.chosen(summaries, newest + board_route.RECENT + 60)] == [RUN]
    assert len(board_route.chosen(list(summaries) * 100, newest)) == board_route.MOST_RUNS


def test_the_teacher_shows_a_view_to_all_and_a_student_does_not(client: TestClient, store: Store) -> None:
    link = f"http://192.168.1.5:8501/train?run={RUN}&lang=zh"
    asked(client, store, OTHER)
    assert client.post("/class/show", json={"language": "en", "link": link}).status_code == 404
    assert asked(client, store, OTHER, "/class/shown")["link"] is None
    assert asked(client, store, TEACHER, "/class/shown")["teacher"] is True
    told = client.post("/class/show", json={"language": "en", "link": link}).json()
    assert told == {"link": f"/train?run={RUN}", "times": 1}
    said = asked(client, store, OTHER, "/class/shown")
    assert (said["link"], said["times"], said["teacher"]) == (f"/train?run={RUN}", 1, False)
    asked(client, store, TEACHER)
    client.post("/class/show", json={"language": "en", "link": None})
    assert asked(client, store, OTHER, "/class/shown")["link"] is None


@pytest.mark.parametrize(
    "link",
    ["https://evil.example/", "//evil.example", "javascript:alert(1)", "http://192.168.1.5:1/train", 3, {"a": 1}],
)
def test_no_other_place_is_shown(client: TestClient, store: Store, link: object) -> None:
    asked(client, store, TEACHER)
    answer = client.post("/class/show", json={"language": "en", "link": link})
    assert "Only a link to a page of this server" in answer.json()["error"]
    assert asked(client, store, OTHER, "/class/shown")["link"] is None


def test_a_page_elsewhere_cannot_post_what_is_shown(client: TestClient, store: Store) -> None:
    asked(client, store, TEACHER)
    body = '{"language": "en", "link": "/train"}'
    assert client.post("/class/show", content=body, headers={"content-type": "text/plain"}).status_code == 415


def page(store: Store, monkeypatch: pytest.MonkeyPatch, owner: str) -> AppTest:
    sit_at(monkeypatch, cookies(store.root, owner))
    test = AppTest.from_file(BOARD, default_timeout=30).run()
    assert not test.exception
    return test


def test_a_student_reads_their_limits_and_gives_themselves_a_name(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = open_class(store.root, monkeypatch)
    test = page(store, monkeypatch, STUDENT)
    said = " ".join(each.value for each in test.markdown)
    assert tag(STUDENT) in said
    assert "5,000 steps" in said
    assert [each.key for each in test.toggle] == []
    assert opened.teacher_code not in str(test)
    test.text_input(key=CLASS_NAME_KEY).set_value("Ada").run()
    assert people.names(store.root) == {STUDENT: "Ada"}


def test_the_teacher_freezes_sets_limits_and_shows(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    open_class(store.root, monkeypatch)
    test = page(store, monkeypatch, TEACHER)
    test.toggle(key=CLASS_FROZEN_KEY).set_value(True).run()
    test.number_input(key="train_Limits_steps").set_value(77)
    next(button for button in test.button if button.label == "Set the limits").click().run()
    test.text_input(key=CLASS_LINK_KEY).set_value("./inside?view=lens")
    test.button(key="class_show").click().run()
    assert not test.exception
    class_ = classroom.read(store.root)
    assert class_ is not None
    assert (class_.frozen, class_.limits.steps, class_.shown) == (True, 77, "/inside?view=lens")
    test.text_input(key=CLASS_LINK_KEY).set_value("https://evil.example")
    test.button(key="class_show").click().run()
    assert "Only a link" in test.error[0].value
