"""A store of its own for every test of a page."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from llm_core.runs.store import Store
from pages.ui import state


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """Pages and routes see this store; nothing is warmed up."""
    monkeypatch.setenv("TERRARIUM_RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr(state, "_warm_up", lambda: None)
    state.store.cache_clear()
    (tmp_path / "runs").mkdir()
    yield state.store()
    state.store.cache_clear()
