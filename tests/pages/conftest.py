"""A store of its own for every test of a page."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from streamlit.components.v2 import manifest_scanner

from llm_core.runs.store import Store
from pages.ui import state


@pytest.fixture(scope="session", autouse=True)
def _components_are_looked_for_once() -> Iterator[None]:
    """Streamlit reads what every installed package says of itself anew for each AppTest: most of what one takes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", cache(manifest_scanner.scan_component_manifests))
        yield


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """Pages and routes see this store; nothing is warmed up."""
    monkeypatch.setenv("TERRARIUM_RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr(state, "_warm_up", lambda: None)
    state.store.cache_clear()
    (tmp_path / "runs").mkdir()
    yield state.store()
    state.store.cache_clear()
