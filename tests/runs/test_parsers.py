"""Everything that is read from a run folder or typed as a setting: only our own error gets out, whatever it holds."""

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llm_core.config import RunConfig
from llm_core.errors import UserError
from llm_core.runs import history, status
from llm_core.runs.names import display_name
from llm_core.runs.run import open_run
from llm_core.runs.settings import with_settings

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(
    ["format", "kind", "config", "owner", "created", "recipe", "state", "step", "steps", "until_step", "at", "template",
     "values", "heartbeat", "pid", "started", "returncode", "digest", "resumed_at", "loss", "model", "data", "training"]
)  # fmt: skip
WORDS = {"state": st.sampled_from(["running", "paused", "finished"]), "kind": st.sampled_from(["train", "step"])}
HUGE = st.sampled_from([10**400, -(10**400), float("nan"), float("inf")])
OBJECTS = st.dictionaries(KEYS, VALUES | HUGE | WORDS["state"] | WORDS["kind"] | st.just(1), max_size=8)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(content=OBJECTS)
def test_any_object_in_any_file_of_a_run_can_be_read(tmp_path: Path, content: dict[str, object]) -> None:
    for name in ("run.json", "status.json", "wanted.json", "exit.json", "corpus.json", "history.jsonl"):
        (tmp_path / name).write_text(json.dumps(content) + "\n")
    run = open_run(tmp_path, tmp_path / "corpora")
    assert run.status().state
    assert isinstance(run.status().message, str)
    assert status.current(tmp_path).state
    assert run.digest is None or run.digest.isalnum()
    with contextlib.suppress(UserError):
        assert isinstance(run.config, RunConfig)
    assert len(history.decimate(history.records(tmp_path))) <= 2


SETTINGS = st.sampled_from(["model.width", "model.family", "training.steps", "data.corpus", "training.x", "model", ""])


@settings(max_examples=300, deadline=None)
@given(st.lists(st.builds("{}={}".format, SETTINGS, st.text() | VALUES.map(json.dumps)) | st.text(), max_size=3))
def test_any_setting_is_taken_or_refused_in_a_sentence(assignments: list[str]) -> None:
    with contextlib.suppress(UserError):
        assert isinstance(with_settings(RunConfig(), assignments), RunConfig)


@given(st.text())
def test_any_text_makes_a_name_that_fits_a_line(text: str) -> None:
    name = display_name(text, "a run")
    assert name
    assert len(name) <= 200
    assert name.isprintable() or not any(ord(character) < 32 for character in name)
    name.encode("utf-8")


@pytest.mark.parametrize("text", ["", "   ", "\n"])
def test_a_name_without_a_letter_is_replaced(text: str) -> None:
    assert display_name(text, "a run") == "a run"
