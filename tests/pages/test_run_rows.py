"""The rows of the page Runs: a run that waits says its place in the queue, and what never changes is checked once."""

from pathlib import Path
from typing import Any

import pytest

from llm_core.runs.run import Run, open_run
from llm_core.runs.store import Store
from pages.ui.runs import rows
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
