"""The page Runs and its routes: what is listed, searched, changed and compared, and who may."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient
from streamlit.testing.v1 import AppTest

from llm_core.runs import trash
from llm_core.runs.store import Store
from pages.ui.routes import ROUTES
from pages.ui.runs import changes, rows
from pages.ui.runs.changes import Change
from pages.ui.runs.rows import Query
from tests.pages.recorded import write_run

ONE, TWO, THREE = (f"{number:016x}" for number in (1, 2, 3))


@pytest.fixture
def client(store: Store) -> TestClient:
    return TestClient(Starlette(routes=ROUTES))


def listed(store: Store, query: Query, asker: str = "local") -> list[str]:
    """The ids of one's own runs that fit."""
    store.listing.forget()
    store.listing.summaries(fresh=True)
    return [row["run"] for row in rows.rows(store, query, asker, "en")["rows"] if not row["bundled"]]


def change(client: TestClient, deed: str, *runs: str, **more: Any) -> Any:
    return client.post("/runs/change", json={"deed": deed, "runs": runs, "language": "en", **more})


def test_own_runs_come_first_and_what_comes_along_is_read_only(store: Store, client: TestClient) -> None:
    write_run(store.root / ONE, until=20, name="<b>mine</b>")
    reply = client.get("/runs.json").json()
    assert reply["rows"][0]["name"] == "<b>mine</b>"
    bundled = {row["run"]: row for row in reply["rows"] if row["bundled"]}
    assert {"stories-en", "headlines-en"} <= set(bundled)
    assert not any(row["may_change"] for row in bundled.values())
    assert bundled["headlines-en"]["children"] > 0
    children = client.get("/runs.json?parent=headlines-en").json()["rows"]
    assert len(children) == bundled["headlines-en"]["children"]


def test_a_server_that_has_just_begun_and_one_that_knows_the_runs_say_the_same(store: Store) -> None:
    for number in range(1, 4):
        write_run(store.root / f"{number:016x}", until=5, name=f"run {number}")
    first = rows.rows(store, Query(), "local", "en")
    assert first["measuring"]
    store.listing.summaries(fresh=True)
    later = rows.rows(store, Query(), "local", "en")
    assert [row["name"] for row in first["rows"]] == [row["name"] for row in later["rows"]]
    assert (first["total"], first["kinds"]) == (later["total"], later["kinds"])


def test_every_word_of_a_search_is_found_in_names_texts_tags_and_ids(store: Store) -> None:
    write_run(store.root / ONE, until=5, name="Amber Moon")
    write_run(store.root / TWO, until=5, name="Birch", corpus="stories-en", state="paused")
    changes.carry_out(store, Change(deed="tag", runs=(TWO,), tags=("Night shift",)), "local", "en")
    for search, found in (
        ("moon AMBER", [ONE]),
        ("night", [TWO]),
        ("stories-en birch", [TWO]),
        (TWO, [TWO]),
        ("moon birch", []),
    ):
        assert listed(store, Query(search=search)) == found, search
    assert listed(store, Query(state="paused")) == [TWO]
    assert listed(store, Query(tag="Night shift")) == [TWO]
    assert listed(store, Query(kind="race")) == []
    assert listed(store, Query(owner="somebody")) == []


def test_rows_are_sorted_and_what_is_not_known_comes_last(store: Store) -> None:
    write_run(store.root / ONE, steps=100, until=10, name="b")
    write_run(store.root / TWO, steps=100, until=90, name="a")
    (write_run(store.root / THREE, steps=100, until=50, name="c") / "status.json").unlink()
    assert listed(store, Query(order="name", down=False)) == [TWO, ONE, THREE]
    assert listed(store, Query(order="loss", down=False)) == [TWO, ONE, THREE]
    assert listed(store, Query(order="loss")) == [ONE, TWO, THREE]
    assert listed(store, Query(order="step"))[0] == TWO


def test_pages_hold_fifty_rows(store: Store) -> None:
    for number in range(1, 53):
        write_run(store.root / f"{number:016x}", until=1)
    assert len(listed(store, Query())) == 50
    assert len(listed(store, Query(page=1))) == 2


def test_a_broken_run_is_listed_with_what_is_wrong(store: Store, client: TestClient) -> None:
    (write_run(store.root / ONE, until=5) / "run.json").write_text("{", encoding="utf-8")
    write_run(store.root / TWO, until=5)
    found = {
        row["run"]: row["problem"] for row in client.get("/runs.json?lang=en").json()["rows"] if not row["bundled"]
    }
    assert "cannot be opened" in found[ONE]
    assert found[TWO] is None


def test_runs_are_renamed_tagged_deleted_and_brought_back(store: Store, client: TestClient) -> None:
    for run in (ONE, TWO):
        write_run(store.root / run, until=5)
    assert change(client, "rename", ONE, name="new name").json() == {"done": [ONE], "refused": []}
    assert change(client, "tag", ONE, TWO, tags=["x"]).json()["done"] == [ONE, TWO]
    assert change(client, "untag", TWO, tags=["x"]).json()["done"] == [TWO]
    found = {
        row["run"]: (row["name"], row["tags"])
        for row in client.get(f"/runs.json?only={ONE},{TWO},{THREE}").json()["rows"]
    }
    assert found == {ONE: ("new name", ["x"]), TWO: ("A recorded run", [])}
    assert change(client, "delete", ONE, TWO).json()["done"] == [ONE, TWO]
    assert {row["run"] for row in client.get("/runs/trash.json").json()["rows"]} == {ONE, TWO}
    assert change(client, "restore", TWO).json()["done"] == [TWO]
    assert change(client, "empty").json()["done"] == 1
    assert [run.id for run in store.runs()] == [TWO]


def test_one_that_is_refused_does_not_keep_the_others(store: Store, client: TestClient) -> None:
    write_run(store.root / ONE, until=5)
    reply = change(client, "delete", "stories-en", THREE, ONE).json()
    assert reply["done"] == [ONE]
    assert [one["run"] for one in reply["refused"]] == ["stories-en", THREE]
    assert all(one["error"].endswith(".") for one in reply["refused"])


def test_a_student_changes_own_runs_only(store: Store) -> None:
    student = f"student-{5:016x}"
    write_run(store.root / ONE, until=5, owner=student)
    write_run(store.root / TWO, until=5, owner="local")
    for deed in ("rename", "tag", "untag", "delete"):
        reply = changes.carry_out(store, Change(deed=deed, runs=(TWO,), name="x", tags=("x",)), student, "en")  # type: ignore[arg-type]
        assert reply["done"] == []
        assert "belongs to" in reply["refused"][0]["error"]
    assert listed(store, Query(owner=student), student) == [ONE]
    trash.delete(store, TWO, "local")
    assert changes.carry_out(store, Change(deed="restore", runs=(TWO,)), student, "en")["done"] == []
    assert changes.carry_out(store, Change(deed="empty"), student, "en")["done"] == 0


@pytest.mark.parametrize(
    "body",
    [
        "[]",
        "{}",
        "null",
        '{"deed":"delete"}',
        '{"deed":"rm","language":"en"}',
        '{"deed":"delete","runs":"x","language":"en"}',
    ],
)
def test_what_is_no_change_is_refused(store: Store, client: TestClient, body: str) -> None:
    write_run(store.root / ONE, until=5)
    reply = client.post("/runs/change", content=body, headers={"content-type": "application/json"})
    assert reply.status_code in (400, 404)
    assert len(store.runs()) == 1


def test_a_page_elsewhere_changes_nothing(store: Store, client: TestClient) -> None:
    write_run(store.root / ONE, until=5)
    values = {"deed": "delete", "runs": [ONE], "language": "en"}
    assert client.post("/runs/change", json=values, headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert (
        client.post("/runs/change", content=json.dumps(values), headers={"content-type": "text/plain"}).status_code
        == 415
    )
    assert client.get("/runs/change").status_code == 405
    assert len(store.runs()) == 1


@pytest.mark.parametrize(
    "address",
    ["/runs.json?page=-1&sort=x&kind=%00&q=" + "x" * 5000, "/runs.json?page=99999", "/runs.json?only=../x,%00,CON"],
)
def test_strange_questions_get_an_answer(store: Store, client: TestClient, address: str) -> None:
    assert client.get(address).status_code == 200


@pytest.mark.parametrize("name", ["..%2f..%2fx", "%2fetc%2fpasswd", "0123456789abcdef", "a%00b", "CON"])
def test_what_is_no_run_has_no_zip_no_children_and_no_settings(store: Store, client: TestClient, name: str) -> None:
    for address in (f"/runs/{name}.zip", f"/runs.json?parent={name}", f"/runs/differences.json?runs={name}"):
        assert client.get(address).status_code == 404


def test_settings_that_differ_are_named_with_their_titles_and_the_rest_is_equal(
    store: Store, client: TestClient
) -> None:
    write_run(store.root / ONE, steps=100, until=5, name="=cmd()")
    write_run(store.root / TWO, steps=200, until=5, name="b", corpus="stories-en")
    found = client.get(f"/runs/differences.json?runs={ONE},{TWO}").json()
    differing = {row["name"]: (row["title"], row["values"]) for row in found["rows"] if row["differs"]}
    assert differing == {
        "training.steps": ("Steps", [100, 200]),
        "data.corpus": ("Text", ["python-reference", "stories-en"]),
    }
    assert sum(not row["differs"] for row in found["rows"]) > 40
    table = list(csv.reader(io.StringIO(client.get(f"/runs/differences.csv?runs={ONE},{TWO}").text)))
    assert table == [
        ["setting", "'=cmd()", "b"],
        ["data.corpus", "python-reference", "stories-en"],
        ["training.steps", "100", "200"],
    ]


def test_runs_of_different_kinds_are_compared_too(store: Store, client: TestClient) -> None:
    rows_found = client.get("/runs/differences.json?runs=stories-en,headlines-en").json()["rows"]
    by_name = {row["name"]: row["values"] for row in rows_found}
    assert by_name["kind"] == ["train", "race"]
    assert by_name["table.file"] == ["–", "headlines-en"]


def test_the_table_can_be_taken_along(store: Store, client: TestClient) -> None:
    write_run(store.root / ONE, steps=20, until=20, name="+1")
    lines = list(csv.DictReader(io.StringIO(client.get("/runs.csv?q=%2B1").text)))
    assert [(line["run"], line["name"], line["step"]) for line in lines] == [(ONE, "'+1", "20")]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_page_is_drawn_with_its_first_rows(store: Store, language: str) -> None:
    write_run(store.root / ONE, until=20, name="mine")
    page = AppTest.from_file(Path(__file__).parents[2] / "pages" / "runs.py", default_timeout=60)
    page.query_params["lang"] = language
    page.run()
    assert not page.exception
    assert page.title[0].value == {"en": "Runs", "zh": "运行"}[language]
