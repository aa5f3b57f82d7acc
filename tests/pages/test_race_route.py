"""The route of a race: all rows and then only new ones, sentences in the language asked for, and what it refuses."""

import json
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

from llm_core.errors import UserError
from llm_core.runs.race import FAMILIES
from llm_core.runs.store import Store
from pages.ui.classify.race_route import race_route
from tests.pages import raced
from tests.pages.recorded import write_run
from tests.runs.fake_families import FakeFamily


def request(run: str, query: str = "") -> Request:
    scope: dict[str, Any] = {"type": "http", "query_string": query.encode(), "path_params": {"run": run}, "headers": []}
    return Request(scope)


def body(response: Response) -> Any:
    return json.loads(bytes(response.body))


def test_it_sends_all_rows_and_then_only_new_ones(store: Store, tmp_path: Path) -> None:
    run = raced.make_race(store, tmp_path)
    first = body(race_route(request(run.id)))
    assert (first["state"], first["lively"], first["poll_milliseconds"], first["reset"]) == (
        "finished",
        False,
        None,
        True,
    )
    assert tuple(first["lanes"]) == raced.FAMILIES
    assert [row["lane"] for row in first["rows"] if row["kind"] == "result"] == list(raced.FAMILIES)
    assert {row["kind"] for row in first["rows"]} == {"family", "progress", "result"}
    assert first["total"] == 60
    again = body(race_route(request(run.id, f"have={first['next']}")))
    assert (again["rows"], again["reset"], again["next"]) == ([], False, first["next"])
    with (run.folder / "history.jsonl").open("a") as file:
        file.write('{"kind":"progress","family":"lstm","seconds":9.0,"share":1.0,"inner_accuracy":0.5}\n')
    more = body(race_route(request(run.id, f"have={first['next']}")))
    assert [(row["seconds"], row["lane"]) for row in more["rows"]] == [(9.0, "lstm")], (
        "a row of before has no lane of its own"
    )
    # A reader that has more than there is holds another history.
    assert body(race_route(request(run.id, "have=99999999")))["reset"] is True


@pytest.mark.parametrize("have", ["x", "-1", "1e9", "", "٣", "9" * 40])
def test_an_offset_that_is_none_sends_everything(store: Store, tmp_path: Path, have: str) -> None:
    run = raced.make_race(store, tmp_path)
    assert len(body(race_route(request(run.id, f"have={have}")))["rows"]) > len(FAMILIES) / 2


def test_a_race_under_way_says_how_long_it_still_takes_and_when_to_ask_again(store: Store, tmp_path: Path) -> None:
    run = raced.make_race(store, tmp_path, finished=False)
    reply = body(race_route(request(run.id)))
    assert (reply["state"], reply["lively"], reply["rows"]) == ("waiting", True, [])
    assert reply["poll_milliseconds"] <= 1000


def test_why_a_family_failed_comes_in_the_language_that_was_asked_for(store: Store, tmp_path: Path) -> None:
    def fail(part: int) -> None:
        raise UserError("The disk is full. Free some space and resume; the last checkpoint is safe.")

    run = raced.make_race(store, tmp_path, broken=FakeFamily("lstm", before=fail))
    english, chinese = (
        [
            row["text"]
            for row in body(race_route(request(run.id, f"lang={code}")))["rows"]
            if row.get("state") == "failed"
        ]
        for code in ("en", "zh")
    )
    assert english == ["The disk is full. Free some space and resume; the last checkpoint is safe."]
    assert chinese != english


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "0" * 16, "a" * 500, "a\0b", "", "CON", "headlines-xx"])
def test_what_is_no_race_is_refused_in_one_sentence(store: Store, name: str) -> None:
    response = race_route(request(name))
    assert response.status_code == 404
    assert body(response)["error"]


def test_a_run_of_another_kind_is_refused(store: Store) -> None:
    write_run(store.root / "0123456789abcdef", until=3)
    response = race_route(request("0123456789abcdef"))
    assert response.status_code == 404
    assert "no race" in body(response)["error"]


@pytest.mark.parametrize("told", [{"template": "{x:>1000000}", "values": {"x": 1}}, {"template": "{"}, {"template": "a", "values": [1]}])  # fmt: skip
def test_a_sentence_that_this_program_does_not_write_is_left_out(
    store: Store, tmp_path: Path, told: dict[str, Any]
) -> None:
    run = raced.make_race(store, tmp_path)
    with (run.folder / "history.jsonl").open("a") as file:
        file.write(json.dumps({"kind": "family", "family": "lstm", "state": "failed", **told}) + "\n")
    assert body(race_route(request(run.id)))["rows"][-1]["text"] == ""
