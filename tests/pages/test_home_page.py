"""Home as a script: which model writes, and that it is painted from what its run has recorded."""

import json
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from llm_core.runs.store import Store
from pages.ui import home
from tests.pages.recorded import write_run

NAVIGATION = str(Path(__file__).parents[2] / "pages" / "navigation.py")


def writer(language: str) -> dict[str, Any]:
    """What the component that writes was given."""
    test = AppTest.from_file(NAVIGATION, default_timeout=20)
    test.query_params["lang"] = language
    test.run()
    assert not test.exception
    given = [json.loads(node.proto.json) for node in test.get("bidi_component")]
    return next(data for data in given if "samples" in data)


@pytest.mark.parametrize(("language", "begins"), [("en", "Lily had a mirror"), ("zh", "莉莉有一面镜子")])
def test_the_model_that_writes_speaks_the_language_of_the_page(
    store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, language: str, begins: str
) -> None:
    for name, text in (("python-reference", "The object"), ("stories-en", "Lily had a mirror."), ("stories-zh", "莉莉有一面镜子。")):  # fmt: skip
        write_run(tmp_path / "models" / name, until=60, corpus=name, texts=(text,))
    monkeypatch.setattr(store, "_bundled", tmp_path / "models")
    home.recorded.cache_clear()
    assert writer(language)["samples"][-1]["text"].startswith(begins)


def test_without_stories_another_model_writes(store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    write_run(tmp_path / "models" / "python-reference", until=60, texts=("The object is " * 60,))
    monkeypatch.setattr(store, "_bundled", tmp_path / "models")
    home.recorded.cache_clear()
    (text,) = {sample["text"] for sample in writer("zh")["samples"]}
    assert text.startswith("The object")
    assert len(text) <= home.MOST_LETTERS + 2
