"""What the page Train asks of a step that was opened: just what the worker wrote, or one sentence."""

import json
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from llm_core.config import RunConfig
from llm_core.errors import UserError
from llm_core.runs.names import CHILDREN
from llm_core.runs.store import Store
from llm_core.runs.swept import Axis, SweepConfig
from pages.ui.routes import ROUTES
from pages.ui.train.code import bench_code
from pages.ui.train.component import PANELS
from pages.ui.train.opened import opened_step
from tests.pages.watched import PROMPTS, opened_at, write_watched

RUN = "0123456789abcdef"


@pytest.fixture
def client(store: Store) -> TestClient:
    write_watched(store.root / RUN, until=60, opened=(40, 41))
    return TestClient(Starlette(routes=ROUTES))


def test_a_step_that_was_opened_is_told_as_it_was_written(client: TestClient) -> None:
    reply = client.get(f"/opened/{RUN}/41")
    assert reply.status_code == 200
    assert reply.headers["cache-control"] == "no-store"
    assert reply.json() == opened_at(41)


@pytest.mark.parametrize("address", [f"{RUN}/42", "0000000000000000/41", "..%2F..%2Fetc/1", f"{RUN}/99999999999999"])
def test_what_was_not_opened_is_one_sentence(client: TestClient, address: str) -> None:
    reply = client.get(f"/opened/{address}?lang=en")
    assert reply.status_code == 404
    if reply.headers["content-type"] == "application/json":
        assert set(reply.json()) == {"error"}


@pytest.mark.parametrize(
    "broken",
    [
        {"step": 7},
        {"names": ["embedding"]},
        {"rows": []},
        {"loss_before": "<b>2</b>"},
        {"loss_after": float("nan")},
        {"rows": [{"pieces": ["a", "b"], "losses": [1.0]}]},
        {"rows": [{"pieces": [3], "losses": [1.0]}]},
        {"rows": [{"pieces": ["a"], "losses": [1.0], "wanted": ["X", "Y"]}]},
        {"gradient": None},
    ],
    ids=str,
)
def test_what_is_not_as_a_worker_writes_it_is_refused(client: TestClient, store: Store, broken: dict[str, object]) -> None:  # fmt: skip
    path = store.root / RUN / "opened" / "00000041.json"
    path.write_text(json.dumps(opened_at(41) | broken), encoding="utf-8")
    with pytest.raises(UserError, match="broken"):
        opened_step(store.find(RUN), 41)


def test_a_file_that_is_no_json_is_one_sentence(client: TestClient, store: Store) -> None:
    (store.root / RUN / "opened" / "00000041.json").write_bytes(b"\xff[")
    assert client.get(f"/opened/{RUN}/41").status_code == 404


def test_the_rows_for_the_panels_come_through_the_live_route(client: TestClient) -> None:
    reply = client.get(f"/live/{RUN}").json()
    kinds = {row["kind"] for row in reply["rows"]}
    assert {"layers", "fixed_text", "text", "opened"} <= kinds
    assert {sample["prompt"] for sample in reply["samples"]} == set(PROMPTS)


@pytest.mark.parametrize("of_a_sweep", [False, True])
def test_the_code_of_each_panel_prints_what_it_shows(
    client: TestClient,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    of_a_sweep: bool,
) -> None:
    if of_a_sweep:
        rates = Axis(setting="training.learning_rate", values=(0.001, 0.01))
        children = store.create(SweepConfig(base=RunConfig(), axes=(rates,)), name="its sweep").folder / CHILDREN
        children.mkdir()
        (store.root / RUN).rename(children / RUN)
    monkeypatch.setenv("TERRARIUM_RUNS", str(store.root))
    monkeypatch.chdir(tmp_path)
    code = bench_code(store.find(RUN))
    assert set(code) == set(PANELS)
    said = {}
    for name, source in code.items():
        exec(compile(source, name, "exec"), {})
        said[name] = capsys.readouterr().out
    assert "3.412 3.366" in said["opened"]
    assert "'block 2'" in said["layers"]
    assert said["text"].splitlines()[0].startswith("'Once'")
    assert PROMPTS[1] in said["samples"]
    assert len(said["measures"].splitlines()) == 60
