"""One store for all tests of a file, where runs are made once: the one that pages and routes see."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from llm_core.runs.store import Store
from pages.ui import state


@contextmanager
def shared_store(places: pytest.TempPathFactory, *, bundled: bool = False) -> Iterator[Store]:
    """An empty store, with the models that come along beside it or without; nothing is warmed up."""
    root = places.mktemp("shared") / "runs"
    root.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TERRARIUM_RUNS", str(root))
        patch.setattr(state, "_warm_up", lambda: None)
        if not bundled:
            patch.setattr("llm_core.runs.store.BUNDLED_MODELS", root / "none")
        state.store.cache_clear()
        yield state.store()
    state.store.cache_clear()
