"""The rows of the page Runs and of Home: a run that waits says its place in the queue and leads to the page of its kind, and
what never changes is checked once."""

from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from llm_core.config import RunConfig, parse
from llm_core.runs.run import Run, open_run
from llm_core.runs.store import Store
from llm_core.runs.swept import SweepConfig
from pages.ui import routes
from pages.ui.runs import rows, ways
from pages.ui.runs.rows import Query
from tests.pages.recorded import write_run

ONE, TWO = (f"{number:016x}" for number in (1, 2))


def own_rows(store: Store) -> dict[str, dict[str, Any]]:
    """The rows of one's own runs, as a look at all runs finds them."""
    store.listing.forget()
    store.listing.summaries(fresh=True)
    return {row["run"]: row for row in rows.rows(store, Query(), "local", "en")["rows"] if not row["bundled"]}


def test_a_run_in_the_queue_says_its_place(store: Store) -> None:
    for run in (ONE, TWO):
        write_run(store.root / run, until=5, state="paused")
        store.want(store.find(run), "running", owner="local")
        store.queue.ask(store.find(run))
    found = own_rows(store)
    assert {run: (row["state"], row["place"]) for run, row in found.items()} == {ONE: ("waiting", 1), TWO: ("waiting", 2)}  # fmt: skip


def test_settings_are_checked_once_however_often_the_table_is_asked_for(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_run(store.root / ONE, until=5, state="paused")
    opened: list[Path] = []

    def counted(folder: Path, corpora: Path, *, read_only: bool = False) -> Run:
        opened.append(folder)
        return open_run(folder, corpora, read_only=read_only)

    monkeypatch.setattr(rows, "open_run", counted)
    for _ in range(3):
        assert own_rows(store)[ONE]["problem"] is None
    assert opened.count(folder) == 1
    (folder / "run.json").write_text("{", encoding="utf-8")
    assert "cannot be opened" in own_rows(store)[ONE]["problem"]


def test_home_lists_a_sweep_that_waits_and_leads_to_its_page(store: Store) -> None:
    training = write_run(store.root / ONE, until=5, state="paused").name
    axes = [{"setting": "model.width", "values": (8, 16)}]
    sweep = store.create(parse(SweepConfig, {"base": RunConfig().model_dump(mode="json"), "axes": axes}), name="swept")
    store.queue.ask(sweep)
    listed = TestClient(Starlette(routes=routes.ROUTES)).get("/live").json()["runs"]
    found = {row["run"]: (row["kind"], row["state"], row["place"], row["href"]) for row in listed}
    assert found == {
        training: ("train", "paused", None, f"./train?run={training}"),
        sweep.id: ("sweep", "waiting", 1, f"./sweep?sweep={sweep.id}"),
    }
    asked = TestClient(Starlette(routes=routes.ROUTES)).get(f"/sweep/{sweep.id}").json()
    assert (asked["state"], asked["place"], asked["waiting"]) == ("waiting", 1, 1)


def test_every_way_leads_to_a_page_that_there_is() -> None:
    pages = Path(__file__).parents[2] / "pages"
    assert all((pages / f"{page}.py").is_file() for page, _name in ways.SHOWN.values())
    assert ways.address_of("head_scores", ONE) == f"./runs?runs={ONE}"
