"""The diagnosis on the page Train: told with the live answer, worked out once for all who watch, and followed by a button."""

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from llm_core.config import RunConfig, TrainingConfig
from llm_core.errors import UserError
from llm_core.evaluate.diagnosis import Diagnosis
from llm_core.runs import diagnosed as module
from llm_core.runs.diagnosed import diagnosed
from llm_core.runs.files import replace_json
from llm_core.runs.history import History
from llm_core.runs.run import Run
from llm_core.runs.status import Status, as_json
from llm_core.runs.store import Store
from pages.ui import routes
from pages.ui.train import diagnosis

CONFIG = RunConfig(training=TrainingConfig(steps=100, optimizer="adamw", learning_rate=0.003))


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    made = Store(tmp_path / "runs", bundled=tmp_path / "models")
    monkeypatch.setattr(made, "start", lambda run, owner: None)
    for place in (routes, diagnosis):
        monkeypatch.setattr(place, "store", lambda: made)
    monkeypatch.setattr(routes, "warm_up", lambda: None)
    return made


def recorded(store: Store, state: str, steps: int = 100) -> Run:
    """A run along a straight line: its learning rate is too low."""
    run = store.create(CONFIG, name="slow", owner="local")
    with History(run.folder) as lines:
        for step in range(1, steps + 1):
            lines.append({"kind": "step", "step": step, "loss": 7 - 0.005 * step + 0.002 * (-1) ** step, "learning_rate": 0.003, "tokens": 10 * step})  # fmt: skip
    replace_json(run.folder / "status.json", as_json(Status(state=state, step=steps, steps=100)))  # type: ignore[arg-type]
    replace_json(run.folder / "wanted.json", {"state": "running", "at": 0.0})
    return run


def test_the_live_route_tells_it_in_both_languages_with_its_advice(store: Store) -> None:
    run = recorded(store, "finished")
    client = TestClient(Starlette(routes=routes.ROUTES))
    told = client.get(f"/live/{run.id}").json()["diagnosis"]
    assert told["verdict"] == "rate_too_low"
    assert "straight line" in told["text"]
    assert told["advice"] == {"label": "Start again with Learning rate 0.03", "changes": {"training.learning_rate": 0.03}}  # fmt: skip
    assert "学习率" in client.get(f"/live/{run.id}", params={"lang": "zh"}).json()["diagnosis"]["advice"]["label"]
    waiting = store.create(CONFIG, name="new", owner="local")
    assert client.get(f"/live/{waiting.id}").json()["diagnosis"] is None


def test_a_hundred_looks_at_the_same_curve_cost_one_diagnosis(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(module, "diagnose", lambda *given: asked.append(given) or Diagnosis("nothing", "x"))
    run = recorded(store, "finished")
    for _watcher in range(100):
        diagnosed(run, run.status())
    assert len(asked) == 1
    assert asked[0][1].over


def test_a_long_history_is_judged_by_all_of_its_steps(store: Store) -> None:
    """Thinned to the lowest and the highest loss of each stretch, this curve that does not move looks too noisy to tell."""
    run = store.create(CONFIG, name="long", owner="local")
    losses = np.random.default_rng(0).normal(6.93, 0.02, 5000)
    with History(run.folder) as lines:
        for step, loss in enumerate(losses, start=1):
            lines.append({"kind": "step", "step": step, "loss": float(loss), "learning_rate": 1e-6, "tokens": step})
    replace_json(run.folder / "status.json", as_json(Status(state="finished", step=5000, steps=5000)))
    replace_json(run.folder / "wanted.json", {"state": "running", "at": 0.0})
    found = diagnosed(run, run.status())
    assert found is not None
    assert (found.verdict, "hardly moved" in found.template) == ("rate_too_low", True)


def test_who_asks_while_it_is_worked_out_anew_gets_what_was_said_before(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, other = recorded(store, "running"), recorded(store, "running")
    first = diagnosed(run, Status(state="running", step=40))
    begun, go_on, found = threading.Event(), threading.Event(), list[Diagnosis | None]()

    def slow(*given: Any) -> Diagnosis:
        begun.set()
        assert go_on.wait(20)
        return Diagnosis("nothing", "later")

    monkeypatch.setattr(module, "diagnose", slow)
    one = threading.Thread(target=lambda: found.append(diagnosed(run, Status(state="running", step=60))))
    one.start()
    assert begun.wait(20)
    assert diagnosed(run, Status(state="running", step=61)) == first
    monkeypatch.setattr(module, "diagnose", lambda *given: Diagnosis("nothing", "of the other"))
    told = diagnosed(other, Status(state="running", step=60))
    assert told is not None
    assert told.template == "of the other", "one run does not wait for another"
    go_on.set()
    one.join()
    assert found == [Diagnosis("nothing", "later")]


def test_the_button_starts_one_better_run_however_often_it_is_pressed(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen: list[str] = []
    monkeypatch.setattr(diagnosis, "choose", lambda run: chosen.append(run.id))
    run = recorded(store, "finished")
    first, second = diagnosis.start_better(run.id), diagnosis.start_better(run.id)
    assert first.id == second.id
    assert len(store.runs()) == 2
    assert chosen == [first.id] * 2
    assert first.config.training.learning_rate == 0.03
    assert first.config.model_copy(update={"training": run.config.training}) == run.config
    assert first.name == "slow · Learning rate 0.03"


def test_where_nothing_is_advised_nothing_is_started(store: Store) -> None:
    run = recorded(store, "running", steps=10)
    with pytest.raises(UserError, match="nothing to change"):
        diagnosis.start_better(run.id)
    with pytest.raises(UserError, match="There is no run"):
        diagnosis.start_better("../../etc")
    assert len(store.runs()) == 1
