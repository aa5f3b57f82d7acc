"""Shared by the tests of runs: a store in a temporary folder, and a small run in it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from llm_core.config import RunConfig
from llm_core.runs.run import Run
from llm_core.runs.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "runs", bundled=tmp_path / "models")


@pytest.fixture
def make(store: Store) -> Callable[..., Run]:
    def create(name: str = "a run", owner: str = "local", **more: str) -> Run:
        return store.create(RunConfig(), name=name, owner=owner, **more)  # type: ignore[arg-type]

    return create
