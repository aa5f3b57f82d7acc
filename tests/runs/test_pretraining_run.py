"""Measuring what pre-training is worth, as a run: every start at every seed, resumed where it stopped, drawn as it comes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from llm_core.runs import history, pretraining
from llm_core.runs.pretrained import STARTS, PretrainingConfig
from llm_core.runs.pretraining_job import PretrainingJob
from llm_core.runs.run import Run
from llm_core.runs.store import Store
from llm_core.runs.worker import work
from llm_core.training.classifiers.majority import MajorityFamily
from llm_core.transfer import held_out_words
from llm_core.transfer.held_out_words import ceiling, families, held_out_part, labelled_part, never_labelled
from pages.ui.classify import pretraining as panel
from tests.transfer.small_encoder import small_encoder

SMALL = PretrainingConfig(languages=("en",), seeds=2, labelled=30, tested=20, threads=1)


class Told(MajorityFamily):
    """Keeps which texts it was given."""

    def __init__(self) -> None:
        self.given: list[tuple[tuple[str, ...], int]] = []

    def fit(self, training: Any, **more: Any) -> Any:
        self.given.append((training.texts, more["seed"]))
        return super().fit(training, **more)


def told() -> dict[str, Told]:
    return {start: Told() for start in STARTS}


def job(compared: dict[str, Told]) -> Callable[[Run], PretrainingJob]:
    return lambda run: PretrainingJob(run, compared)  # type: ignore[arg-type]


def measured(store: Store, compared: dict[str, Told]) -> Run:
    run = store.create(SMALL, name="worth", threads=1)
    assert work(run, make_job=job(compared)).state == "finished"
    return store.find(run.id)


def test_every_start_learns_from_the_same_texts_of_every_seed(store: Store) -> None:
    compared = told()
    run = measured(store, compared)
    for start in STARTS:
        assert compared[start].given == [(labelled_part("en", seed, 30).texts, seed) for seed in (0, 1)]
    rows = [row for row in history.records(run.folder) if row["kind"] == "trial"]
    assert [(row["seed"], row["start"]) for row in rows] == [(seed, start) for seed in (0, 1) for start in STARTS]
    test = held_out_part("en", 20)
    for row in rows:
        training = labelled_part("en", row["seed"], 30)
        most = int(training.labels.mean() >= 0.5) if training.labels.mean() != 0.5 else 0
        assert row["accuracy"] == pytest.approx(float((test.labels == most).mean()))
    found = pretraining.of_run(run)
    assert found is not None
    assert (found.labelled, found.tested, found.seeds, found.trials) == (30, 20, 2, 6)
    assert found.ceiling == {"en": ceiling("en", 20)}
    share = min(never_labelled("en", labelled_part("en", seed, 30), test).share for seed in (0, 1))
    assert found.never_labelled == {"en": share}


def test_a_stopped_measuring_goes_on_with_what_is_missing(store: Store) -> None:
    run = measured(store, told())
    path = run.folder / history.FILE
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    trials = [at for at, line in enumerate(lines) if json.loads(line).get("kind") == "trial"]
    path.write_text("".join(lines[: trials[4]]), encoding="utf-8")
    compared = told()
    store.want(run, "running", owner="local")
    assert work(run, make_job=job(compared)).state == "finished"
    assert [len(compared[start].given) for start in STARTS] == [0, 1, 1]
    assert sum(row["kind"] == "known" for row in history.records(run.folder)) == 1
    found = pretraining.of_run(run)
    assert found is not None
    assert found.trials == 6


def test_it_measures_what_the_benchmark_does() -> None:
    assert tuple(families(lambda: small_encoder())) == STARTS
    usual = PretrainingConfig()
    assert (usual.labelled, usual.tested) == (held_out_words.LABELLED, held_out_words.TESTED)


def test_rows_that_are_broken_are_left_out() -> None:
    known = {"kind": "known", "language": "en", "ceiling": 0.9, "never_labelled": 1.0}
    good = {"kind": "trial", "language": "en", "start": "random", "seed": 0, "accuracy": 0.5}
    broken: list[dict[str, Any]] = [{"kind": "step"}, {"start": "magic"}, {"seed": "0"}, {"accuracy": None}, {"accuracy": 2}, {"language": "zh"}, {"language": None}]  # fmt: skip
    found = pretraining.gathered([known, good, *(good | change for change in broken)], 30, 20)
    assert found is not None
    assert found.accuracies == {"en": {"random": [0.5]}}
    assert pretraining.gathered([good], 30, 20) is None, "nothing is known of its test"


def test_a_second_press_starts_nothing_new(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[str] = []
    monkeypatch.setattr(store, "start", lambda run, owner: started.append(run.id))
    first = pretraining.begin(store, "local", "worth")
    assert pretraining.begin(store, "local", "worth").id == first.id
    assert started == [first.id]
    store.want(first, "stopped", owner="local")
    work(first, make_job=job(told()))
    assert pretraining.begin(store, "local", "worth").id == first.id, "one that was stopped goes on"
    assert started == [first.id] * 2


def test_the_browser_gets_what_is_known_as_it_comes(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(panel, "store", lambda: store)
    monkeypatch.setattr(panel, "FIGURES", tmp_path / "none.json")
    client = TestClient(Starlette(routes=[Route("/pretraining", panel.pretraining_route)]))
    reply = client.get("/pretraining").json()
    assert (reply["points"], reply["measuring"], reply["poll_milliseconds"], reply["sentence"]) == (0, None, None, "")
    run = measured(store, told())
    reply = client.get("/pretraining", params={"lang": "en"}).json()
    assert (reply["points"], reply["measuring"]["state"]) == (6, "finished")
    assert len(reply["csv"].splitlines()) == 7
    assert sum(trace["type"] == "bar" for trace in reply["figures"]["light"]["data"]) == 3
    assert "from random weights; the best that anyone could reach" in reply["sentence"]
    assert "随机" in client.get("/pretraining", params={"lang": "zh"}).json()["sentence"]
    assert "figures" not in client.get("/pretraining", params={"have": reply["version"]}).json()
    newer = store.create(SMALL, name="again", threads=1)
    assert newer.id != run.id
    reply = client.get("/pretraining").json()
    assert (reply["points"], reply["measuring"]["lively"]) == (6, True), "until the newest has come to something"
