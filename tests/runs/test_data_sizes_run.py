"""Families fitted on shares of a race's training part: every share of every class, resumed where it stopped, refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from llm_core.config import TableConfig
from llm_core.errors import UserError
from llm_core.runs import data_sizes, history
from llm_core.runs.data_sizes_job import DataSizesJob
from llm_core.runs.race import RaceConfig
from llm_core.runs.raced import Race, open_race
from llm_core.runs.run import Run
from llm_core.runs.sized import DataSizesConfig
from llm_core.runs.store import Store
from llm_core.runs.worker import work
from pages.ui.classify import sizes
from tests.runs.fake_families import FakeFamily, fakes, job, write_table

TWO = ("majority", "lstm")
SHARES = (0.1, 0.5)


@pytest.fixture
def race(store: Store, tmp_path: Path) -> Race:
    table = TableConfig(file=str(write_table(tmp_path)))
    run = store.create(RaceConfig(table=table, families=TWO), name="reviews", threads=1)
    work(run, make_job=job(fakes()))
    return open_race(store.find(run.id))


def sizing(families: dict[str, FakeFamily]) -> Callable[[Run], DataSizesJob]:
    return lambda run: DataSizesJob(run, families)


def measure(store: Store, race: Race, families: dict[str, FakeFamily]) -> Run:
    config = DataSizesConfig(race=race.run.id, families=TWO, shares=SHARES)
    run = store.create(config, name="sizes", threads=1)
    assert work(run, make_job=sizing(families)).state == "finished"
    return store.find(run.id)


def test_every_family_learns_from_every_share_of_every_class(store: Store, race: Race) -> None:
    families = fakes()
    run = measure(store, race, families)
    training = race.prepared.training
    label_of = dict(zip(training.texts, training.labels.tolist(), strict=True))
    for name in TWO:
        for share, (seconds, learned, seed, _options) in zip(SHARES, families[name].given, strict=True):
            assert seconds == max(1.0, race.results[name]["seconds"])
            assert seed == 0
            for place, count in enumerate(training.counts.values()):
                own = sum(label_of[text] == place for text in learned)
                assert own >= 1
                assert abs(own - share * count) <= 1
    rows = [row for row in history.records(run.folder) if row["kind"] == "size"]
    assert [(row["family"], row["share"]) for row in rows] == [(name, share) for share in SHARES for name in TWO], "whole curves grow together"  # fmt: skip
    labels, texts = race.prepared.test.labels, race.prepared.test.texts
    right = sum(("good" in text) == bool(label) for text, label in zip(texts, labels, strict=True)) / len(texts)
    assert all(row["accuracy"] == pytest.approx(right) and row["low"] <= right <= row["high"] for row in rows)


def test_the_race_itself_is_the_last_point(store: Store, race: Race) -> None:
    found = data_sizes.points(race, [measure(store, race, fakes())])
    assert [(point.family, point.texts) for point in found] == [
        (name, texts) for name in sorted(TWO) for texts in (*(len(_part(race, share)) for share in SHARES), len(race.prepared.training))
    ]  # fmt: skip
    assert found[-1].accuracy == race.results["majority"]["accuracy"]
    assert data_sizes.points(race, []) == ()


def _part(race: Race, share: float) -> Any:
    from llm_core.runs.data_sizes_job import share_of

    return share_of(race.prepared.training, share, 0)


def test_a_stopped_measuring_goes_on_with_what_is_missing(store: Store, race: Race) -> None:
    run = measure(store, race, fakes())
    path = run.folder / history.FILE
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    sized = [at for at, line in enumerate(lines) if json.loads(line).get("kind") == "size"]
    path.write_text("".join(lines[: sized[2]]), encoding="utf-8")
    families = fakes()
    store.want(run, "running", owner="local")
    assert work(run, make_job=sizing(families)).state == "finished"
    assert [len(families[name].given) for name in TWO] == [1, 1]
    assert len(data_sizes.read(history.records(run.folder))) == 4


def test_a_family_that_fails_leaves_the_others_their_points(store: Store, race: Race) -> None:
    def fail(_part: int) -> None:
        raise UserError("Too few texts.")

    run = measure(store, race, fakes(FakeFamily("lstm", before=fail)))
    assert {point.family for point in data_sizes.read(history.records(run.folder))} == {"majority"}
    told = [row for row in history.records(run.folder) if row.get("template") == "Too few texts."]
    assert len(told) == len(SHARES)


def test_rows_that_are_broken_are_left_out() -> None:
    good = {"kind": "size", "family": "lstm", "texts": 5, "accuracy": 0.5, "low": 0.4, "high": 0.6, "macro_f1": 0.5}
    broken: list[dict[str, Any]] = [{"kind": "step"}, {"texts": 0}, {"texts": "5"}, {"family": None}, {"low": None}]
    assert len(data_sizes.read([good, *(good | change for change in broken)])) == 1


def test_only_a_race_is_measured(store: Store, race: Race) -> None:
    run = measure(store, race, fakes())
    with pytest.raises(UserError, match="no race"):
        store.create(DataSizesConfig(race=run.id, families=TWO), name="sizes")
    with pytest.raises(UserError):
        store.create(DataSizesConfig(race="0123456789abcdef", families=TWO), name="sizes")


def test_a_second_press_starts_nothing_new(store: Store, race: Race, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[str] = []
    monkeypatch.setattr(store, "start", lambda run, owner: started.append(run.id))
    first = data_sizes.start(store, race, "local", TWO)
    assert data_sizes.start(store, race, "local", TWO).id == first.id
    assert started == [first.id]
    store.want(first, "stopped", owner="local")
    work(first, make_job=sizing(fakes()))
    again = data_sizes.start(store, race, "local", TWO)
    assert again.id == first.id, "one that was stopped goes on"


def test_the_browser_gets_the_curves_once_and_how_it_stands(store: Store, race: Race, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setattr(sizes, "store", lambda: store)
    client = TestClient(Starlette(routes=[Route("/sizes/{run}", sizes.sizes_route)]))
    reply = client.get(f"/sizes/{race.run.id}").json()
    assert (reply["points"], reply["measuring"], reply["poll_milliseconds"]) == (0, None, None)
    measure(store, race, fakes())
    reply = client.get(f"/sizes/{race.run.id}", params={"lang": "en"}).json()
    assert reply["points"] == 6
    assert {trace["name"] for trace in reply["figures"]["light"]["data"]} == {"Majority", "LSTM"}
    assert len(reply["csv"].splitlines()) == 7
    assert "figures" not in client.get(f"/sizes/{race.run.id}", params={"have": reply["version"]}).json()
    assert client.get("/sizes/..%2Fx").status_code == 404
    assert client.get("/sizes/0123456789abcdef").status_code == 404
