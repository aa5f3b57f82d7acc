"""The routes: what moves, what can be taken away, and what they refuse."""

import csv
import io
import json
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.testclient import TestClient

from llm_core.runs.store import Store
from pages.ui import routes
from tests.pages.recorded import write_run

RUN = "0123456789abcdef"


def request(run: str = RUN, query: str = "") -> Request:
    scope: dict[str, Any] = {"type": "http", "query_string": query.encode(), "path_params": {"run": run}, "headers": []}
    return Request(scope)


def body(response: Response) -> Any:
    return json.loads(bytes(response.body))


def test_the_live_route_sends_all_rows_and_then_only_new_ones(store: Store) -> None:
    folder = write_run(store.root / RUN, steps=300, until=100)
    first = body(routes.live_run(request()))
    assert [row["step"] for row in first["rows"] if row["kind"] == "step"] == list(range(100))
    assert first["samples"]
    assert body(routes.live_run(request(query=f"from={first['next']}")))["rows"] == []
    with (folder / "history.jsonl").open("a") as file:
        file.write(
            '{"kind":"step","step":100,"loss":3.0,"learning_rate":0.001,"gradient_norm":1.0,"tokens_per_second":1}\n'
        )
    more = body(routes.live_run(request(query=f"from={first['next']}")))
    assert [row["step"] for row in more["rows"]] == [100]


def test_a_long_history_comes_thinned(store: Store) -> None:
    write_run(store.root / RUN, steps=9000)
    assert len(body(routes.live_run(request()))["rows"]) <= 2000


def test_a_message_comes_in_the_language_that_was_asked_for(store: Store) -> None:
    folder = write_run(store.root / RUN, until=10, state="running")
    assert body(routes.live_run(request()))["state"] == "interrupted"
    (folder / "exit.json").write_text(json.dumps({"pid": None, "returncode": -9}))
    english = body(routes.live_run(request()))["message"]
    assert english.startswith("The worker was killed")
    assert body(routes.live_run(request(query="lang=zh")))["message"] != english


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "0123456789ABCDEF", "a" * 500, "a\0b", "..%2f..", "", "CON"])
@pytest.mark.parametrize("route", [routes.live_run, routes.history_csv, routes.history_html])
def test_what_is_no_run_is_refused_in_one_sentence(store: Store, route: Any, name: str) -> None:
    response = route(request(name))
    assert response.status_code == 404
    assert body(response)["error"].endswith(".")


@pytest.mark.parametrize("offset", ["-1", "x", "9" * 40, "1e9", "٣"])
def test_a_strange_offset_is_taken_for_the_beginning_or_the_end(store: Store, offset: str) -> None:
    write_run(store.root / RUN, until=5)
    assert routes.live_run(request(query=f"from={offset}")).status_code == 200


def test_runs_under_way_are_listed_and_finished_ones_are_not(store: Store) -> None:
    write_run(store.root / RUN, until=10, state="paused", name="<b>mine</b>")
    write_run(store.root / "fedcba9876543210", until=10)
    listed = body(routes.live_list(request()))["runs"]
    assert [(row["run"], row["name"], row["state"]) for row in listed] == [(RUN, "<b>mine</b>", "paused")]


def test_the_table_has_every_row(store: Store) -> None:
    write_run(store.root / RUN, steps=120)
    rows = list(csv.DictReader(io.StringIO(bytes(routes.history_csv(request()).body).decode())))
    assert sum(row["kind"] == "step" for row in rows) == 120
    assert float(rows[0]["loss"]) > 0


def test_the_page_to_take_away_needs_nothing_else(store: Store) -> None:
    write_run(store.root / RUN, name="</script><img src=x onerror=alert(1)>")
    page = bytes(routes.history_html(request()).body).decode()
    assert "Plotly.newPlot" in page
    assert "onerror=alert(1)" not in page
    assert 'src="http' not in page


def test_the_page_to_take_away_names_the_order_of_its_baseline(store: Store) -> None:
    write_run(store.root / RUN)
    assert "5-gram" in bytes(routes.history_html(request()).body).decode()
    assert "\\u5143" in bytes(routes.history_html(request(query="lang=zh")).body).decode()


def test_the_page_of_a_broken_run_is_refused_in_one_sentence(store: Store) -> None:
    (write_run(store.root / RUN, until=5) / "run.json").write_text("{", encoding="utf-8")
    response = routes.history_html(request())
    assert response.status_code == 404
    assert "cannot be opened" in body(response)["error"]


def test_plotly_comes_from_the_installed_package() -> None:
    assert routes.plotly_script(request()).status_code == 200


def test_the_reason_why_there_is_no_floor_comes_in_the_language_that_was_asked_for(store: Store) -> None:
    write_run(store.root / RUN, until=100)
    for language, says in (("en", "the longest text has 300 tokens"), ("zh", "300")):
        (row,) = [row for row in body(routes.live_run(request(query=f"lang={language}")))["rows"] if row["kind"] == "no_floor"]  # fmt: skip
        assert says in row["text"]
    assert "There" not in row["text"]


@pytest.mark.parametrize("told", [{"template": "{x:>1000000}", "values": {"x": 1}}, {"template": "{"}, {"template": "{y}"}, {"template": "a", "values": [1]}, {}])  # fmt: skip
def test_a_reason_that_this_program_does_not_write_is_left_out(store: Store, told: dict[str, Any]) -> None:
    with (write_run(store.root / RUN, until=5) / "history.jsonl").open("a") as file:
        file.write(json.dumps({"kind": "no_floor", **told}) + "\n")
    response = routes.live_run(request())
    assert response.status_code == 200
    assert body(response)["rows"][-1]["text"] == ""


def test_floor_and_skills_reach_the_browser_however_long_the_history_is(store: Store) -> None:
    write_run(store.root / RUN, steps=60_000, corpus="stories-en")
    rows = body(routes.live_run(request()))["rows"]
    assert {row["name"] for row in rows if row["kind"] == "baseline"} == {"uniform", "ngram", "floor"}
    looked = [row for row in rows if row["kind"] == "evaluation"]
    assert all(0 <= row["measures"]["skill.place"] <= 1 for row in looked)


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_no_route_does_anything_for_a_page_elsewhere(site: str) -> None:
    client = TestClient(Starlette(routes=routes.ROUTES))
    for route in routes.ROUTES:
        path = (
            route.path.replace("{run}", RUN).replace("{step:int}", "1").replace("{digest}", RUN).replace("{name}", "d3")
        )
        for method in sorted(route.methods or ()):
            answer = client.request(method, path, headers={"sec-fetch-site": site})
            # A frame without an origin takes its libraries from here.
            assert (answer.status_code == 403) == (not path.startswith("/vendor/")), (method, path)


@pytest.mark.parametrize("headers", [{}, {"sec-fetch-site": "same-origin"}, {"sec-fetch-site": "none"}])
def test_routes_answer_the_pages_of_this_server_and_what_is_no_browser(store: Store, headers: dict[str, str]) -> None:
    assert TestClient(Starlette(routes=routes.ROUTES)).get("/live", headers=headers).json() == {"runs": []}
