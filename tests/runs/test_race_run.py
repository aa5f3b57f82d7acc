"""A race: whole, stopped, killed, resumed, with a family that fails, in folds, within its time, refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score

from llm_core.config import TableConfig, parse
from llm_core.errors import UserError
from llm_core.runs import history
from llm_core.runs.classify_job import ClassifyJob
from llm_core.runs.curve import Curve
from llm_core.runs.history import Row
from llm_core.runs.race import FAMILIES, ClassifyConfig, RaceConfig
from llm_core.runs.raced import open_race, outcome_of
from llm_core.runs.run import Run
from llm_core.runs.store import Store
from llm_core.runs.worker import work
from llm_core.training.classifiers.base import Progress
from tests.runs.fake_families import TEXTS, FakeFamily, fakes, job, raced, write_table

THREE = ("majority", "decision_tree", "lstm")


class Killed(BaseException):
    """What no worker catches."""


@pytest.fixture
def table(tmp_path: Path) -> TableConfig:
    return TableConfig(file=str(write_table(tmp_path)))


@pytest.fixture
def enter(store: Store, table: TableConfig) -> Callable[..., Run]:
    def make(**settings: Any) -> Run:
        return store.create(RaceConfig(table=table, **({"families": THREE} | settings)), name="reviews", threads=1)

    return make


def rows(run: Run, kind: str) -> list[Row]:
    return [row for row in history.records(run.folder) if row["kind"] == kind]


def test_every_family_runs_on_the_same_split_and_reads_the_test_part_once(enter: Callable[..., Run]) -> None:
    run, families = enter(), fakes()
    assert work(run, make_job=job(families)).state == run.status().state == "finished"
    race = open_race(run)
    assert tuple(race.children) == tuple(race.results) == THREE
    prepared = race.prepared
    assert len(prepared.training) + len(prepared.test) == TEXTS
    assert not set(prepared.training.texts) & set(prepared.test.texts)
    for name in THREE:
        family = families[name]
        ((_seconds, learned, seed, _options),) = family.given
        assert learned == prepared.training.texts
        assert seed == 0
        assert family.read == list(prepared.test.texts)
    split = json.loads((run.folder / "split.json").read_text())
    assert split == {
        "training": list(prepared.training.rows),
        "test": list(prepared.test.rows),
        "names": ["bad", "good"],
    }
    assert not families["transformer"].given


def test_its_figures_are_those_of_scikit_learn(enter: Callable[..., Run]) -> None:
    run = enter()
    work(run, make_job=job(fakes()))
    race = open_race(run)
    labels, probabilities = race.prepared.test.labels, race.predictions("lstm")
    assert probabilities is not None
    expected = np.array([["poor" in text, "good" in text] for text in race.prepared.test.texts]) * 0.8 + 0.1
    np.testing.assert_allclose(probabilities, expected, atol=1e-7)
    predicted = probabilities.argmax(axis=1)
    result = race.results["lstm"]
    assert result["accuracy"] == pytest.approx(accuracy_score(labels, predicted))
    assert result["macro_f1"] == pytest.approx(f1_score(labels, predicted, average="macro"))
    assert result["accuracy_low"] <= result["accuracy"] <= result["accuracy_high"]
    assert result["accuracy_low"] < result["accuracy_high"]
    assert (result["parameters"], result["chosen"], result["neural"]) == (7, {"rate": 0.5}, True)
    (row,) = [row for row in rows(run, "result") if row["family"] == "lstm"]
    assert {name: row[name] for name in result} == result


def test_the_history_has_a_curve_for_every_family(enter: Callable[..., Run]) -> None:
    run = enter()
    work(run, make_job=job(fakes()))
    assert [(row["family"], row["state"]) for row in rows(run, "family")] == [(name, "running") for name in THREE]
    points = [row for row in rows(run, "progress") if row["family"] == "decision_tree"]
    assert points[0]["inner_accuracy"] == 0.5
    assert points[-1]["share"] == 1.0
    assert all("step" not in row for row in rows(run, "progress")), "a resumed run takes back what names a step"


def test_a_curve_keeps_every_look_and_thins_what_says_nothing_new() -> None:
    curve = Curve()

    def point(seconds: float, accuracy: float | None, share: float = 0.1) -> bool:
        return curve.row(Progress(seconds, share, 1, 0.0, inner_accuracy=accuracy)) is not None

    assert point(0.0, None)
    assert not point(0.1, None)
    assert point(0.2, 0.5)
    assert not point(0.22, 0.6)
    assert not point(0.3, 0.5)
    assert point(0.45, 0.5)
    assert point(0.46, 0.5, share=1.0), "the last one is kept"
    assert not point(10.0, 0.7) or not point(10.09, 0.8), "later ones lie further apart"
    assert curve.share == pytest.approx(0.1)


def test_a_stopped_race_keeps_what_is_finished_and_goes_on_with_the_rest(
    enter: Callable[..., Run], store: Store
) -> None:
    run = enter()

    def stop(part: int) -> None:
        if part == 2:
            store.want(run, "stopped", owner="local")

    first = fakes(FakeFamily("decision_tree", before=stop))
    assert work(run, make_job=job(first)).state == "stopped"
    race = open_race(run)
    assert tuple(race.results) == ("majority",)
    assert {name: child.status().state for name, child in race.children.items()} == {
        "majority": "finished", "decision_tree": "stopped", "lstm": "waiting",
    }  # fmt: skip
    assert not first["lstm"].given
    kept = race.children["majority"].folder
    before = {path.name: path.read_bytes() for path in kept.rglob("*") if path.is_file()}
    store.want(run, "running", owner="local")
    second = fakes()
    assert work(run, make_job=job(second)).state == "finished"
    assert [len(second[name].given) for name in THREE] == [0, 1, 1]
    assert {path.name: path.read_bytes() for path in kept.rglob("*") if path.is_file()} == before
    assert tuple(open_race(run).results) == THREE
    assert len(rows(run, "result")) == 3


@pytest.mark.parametrize("part", [0, 3])
def test_a_killed_race_goes_on_with_the_family_that_was_under_way(
    enter: Callable[..., Run], store: Store, part: int
) -> None:
    run = enter()

    def kill(at: int) -> None:
        if at == part:
            raise Killed

    with pytest.raises(Killed):
        work(run, make_job=job(fakes(FakeFamily("lstm", before=kill))))
    assert tuple(open_race(run).results) == THREE[:2]
    second = fakes()
    assert work(run, make_job=job(second)).state == "finished"
    assert [len(second[name].given) for name in THREE] == [0, 0, 1]
    # A finished race is left as it is.
    third = fakes()
    assert work(run, make_job=job(third)).state == "finished"
    assert [len(third[name].given) for name in THREE] == [0, 0, 0]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError(), "Memory ran out."),
        (UserError("Too few texts: {count}.", count=3), "Too few texts: 3."),
        (ZeroDivisionError("by zero"), "The worker failed: ZeroDivisionError: by zero."),
    ],
)
def test_a_family_that_fails_is_told_and_the_race_goes_on(
    enter: Callable[..., Run], error: Exception, said: str
) -> None:
    run = enter()

    def fail(part: int) -> None:
        raise error

    assert work(run, make_job=job(fakes(FakeFamily("decision_tree", before=fail)))).state == "finished"
    race = open_race(run)
    assert tuple(race.results) == ("majority", "lstm")
    (row,) = [row for row in rows(run, "family") if row["state"] == "failed"]
    assert row["family"] == "decision_tree"
    assert row["template"].format(**row["values"]).startswith(said)
    status = race.children["decision_tree"].status()
    assert status.state == "failed"
    assert str(status.template).format(**status.values).startswith(said)
    with pytest.raises(UserError, match="decision_tree has not finished"):
        race.classifier("decision_tree")


def test_folds_are_fitted_besides_and_the_test_part_is_still_read_once(enter: Callable[..., Run]) -> None:
    run, families = enter(families=("majority",), folds=3), fakes()
    work(run, make_job=job(families))
    race = open_race(run)
    fitted = [texts for _seconds, texts, _seed, _options in families["majority"].given]
    whole = race.prepared.training.texts
    assert [texts == whole for texts in fitted] == [False, False, False, True]
    left_out = [set(whole) - set(texts) for texts in fitted[:3]]
    assert set().union(*left_out) == set(whole)
    assert sum(map(len, left_out)) == len(whole)
    assert families["majority"].read[-len(race.prepared.test) :] == list(race.prepared.test.texts)
    assert len(families["majority"].read) == len(whole) + len(race.prepared.test)
    scores = []
    for texts in left_out:
        places = [place for place, text in enumerate(whole) if text in texts]
        called = np.array(["good" in whole[place] for place in places]).astype(int)
        scores.append(accuracy_score(race.prepared.training.labels[places], called))
    found = race.results["majority"]["folds"]["accuracy"]
    assert found["folds"] == pytest.approx(scores)
    assert found["mean"] == pytest.approx(np.mean(scores))
    assert found["deviation"] == pytest.approx(np.std(scores, ddof=1))
    assert [row["fold"] for row in rows(run, "fold")] == [1, 2, 3]


def test_what_quick_families_leave_the_others_take_and_the_time_is_kept(enter: Callable[..., Run]) -> None:
    run = enter(families=FAMILIES, seconds=60.0)
    quick = [FakeFamily(name, share=0.05) for name in FAMILIES[:4]]
    families = fakes(*quick, *(FakeFamily(name, share=1.05) for name in FAMILIES[4:]))
    taken, noted = raced(run, families)
    given = [families[name].given[0][0] for name in FAMILIES]
    assert given[0] < 60 / 9
    assert min(given[4:]) > 60 / 9 * 1.2
    assert 50 < taken <= 60
    remaining = [record.remaining for record in noted]
    assert remaining == sorted(remaining, reverse=True)  # type: ignore[type-var]
    assert remaining[0] == pytest.approx(60)
    for record in noted:
        assert record.remaining == pytest.approx(60 - record.seconds)
    assert [record.share for record in noted] == sorted(record.share for record in noted)
    assert noted[-1].share == 1.0


def test_on_the_command_line_every_family_has_all_its_time(enter: Callable[..., Run]) -> None:
    run = enter(seconds=20.0, per_family=True)
    families = fakes(FakeFamily("majority", share=0.0))
    taken, noted = raced(run, families)
    assert [families[name].given[0][0] for name in THREE] == [20.0, 20.0, 20.0]
    assert taken == pytest.approx(40)
    assert noted[0].remaining == pytest.approx(60)


def test_time_that_is_gone_is_gone_for_a_resumed_race(enter: Callable[..., Run], store: Store) -> None:
    run = enter(seconds=60.0)

    def stop(part: int) -> None:
        raise Killed

    families = fakes(FakeFamily("lstm", before=stop))
    with pytest.raises(Killed):
        raced(run, families)
    before = sum(result["all_seconds"] for result in open_race(run).results.values())
    assert before > 30
    families = fakes()
    taken, _noted = raced(run, families)
    assert taken <= 60 - before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"file": "nowhere.csv"}, "nowhere.csv"),
        ({"label_column": "stars"}, "stars"),
    ],
)
def test_a_table_that_cannot_be_learned_from_leaves_nothing_behind(
    store: Store, table: TableConfig, change: dict[str, Any], said: str
) -> None:
    config = RaceConfig(table=table.model_copy(update=change))
    with pytest.raises(UserError, match=said):
        store.create(config, name="x")
    assert not store.root.exists()


def test_settings_that_make_no_race_are_refused() -> None:
    for families in ((), ("lstm", "lstm"), ("perceptron",)):
        with pytest.raises(UserError):
            parse(RaceConfig, {"table": {}, "families": families})


def test_a_race_keeps_its_table_when_the_file_is_gone(
    enter: Callable[..., Run], table: TableConfig, store: Store
) -> None:
    run = enter()
    Path(table.file).unlink()
    assert len(open_race(run).prepared.training) > 0
    kept = Path(open_race(run).settings.table.file)
    assert kept.is_relative_to(store.corpora)
    assert kept.name == "reviews.csv"


def test_a_table_may_have_a_name_of_signs_alone(store: Store, tmp_path: Path) -> None:
    path = write_table(tmp_path).rename(tmp_path / "???.csv")
    run = store.create(RaceConfig(table=TableConfig(file=str(path)), families=("majority",)), name="signs", threads=1)
    assert work(run, make_job=job(fakes())).state == "finished"
    assert tuple(open_race(run).results) == ("majority",)


def test_a_race_whose_table_has_changed_says_so(enter: Callable[..., Run]) -> None:
    run = enter()
    work(run, make_job=job(fakes()))
    split = run.folder / "split.json"
    split.write_text(split.read_text().replace('"bad"', '"worse"'))
    with pytest.raises(UserError, match="has changed"):
        open_race(store_find(run)).prepared  # noqa: B018


def store_find(run: Run) -> Run:
    return Store(run.folder.parent).find(run.id)


def test_children_stand_with_their_race_and_are_found_by_their_id(enter: Callable[..., Run], store: Store) -> None:
    run = enter()
    work(run, make_job=job(fakes()))
    assert [one.id for one in store.runs()] == [run.id]
    child = open_race(run).children["lstm"]
    assert child.folder.parent == run.folder / "children"
    found = store.find(child.id)
    assert (found.folder, found.corpora, found.has_model) == (child.folder, store.corpora, False)
    assert store.find(str(child.folder), paths=True).corpora == store.corpora
    with pytest.raises(UserError):
        store.find("0" * 16)


def test_a_family_learns_from_a_share_of_the_training_part_alone(enter: Callable[..., Run], store: Store) -> None:
    run = enter()
    work(run, make_job=job(fakes()))
    race = open_race(run)
    config = ClassifyConfig(race=run.id, family="lstm", seconds=3.0, share=0.5, seed=2, threads=1)
    child = store.create(config, name="half")
    assert child.folder.parent == run.folder / "children"
    families = fakes()
    assert work(child, make_job=lambda run: ClassifyJob(run, families)).state == "finished"
    ((seconds, texts, seed, _options),) = families["lstm"].given
    assert (seconds, seed) == (3.0, 2)
    whole = race.prepared.training
    assert len(texts) == pytest.approx(len(whole) / 2, abs=1)
    assert set(texts) < set(whole.texts)
    assert families["lstm"].read == list(race.prepared.test.texts)
    result = outcome_of(child)
    assert result is not None
    assert (result["texts"], result["accuracy"]) == (len(texts), race.results["lstm"]["accuracy"])
    # It is none of the families that ran in the race, and once finished it stays as it is.
    assert open_race(run).children["lstm"].id != child.id
    assert tuple(open_race(run).results) == THREE
    assert work(child, make_job=lambda run: ClassifyJob(run, families)).state == "finished"
    assert len(families["lstm"].given) == 1


def test_only_its_owner_adds_to_a_race(enter: Callable[..., Run], store: Store) -> None:
    run = enter()
    config = ClassifyConfig(race=run.id, family="lstm", share=0.5)
    with pytest.raises(UserError, match="belongs to local"):
        store.create(config, name="half", owner="somebody")
    work(run, make_job=job(fakes()))
    child = config.model_copy(update={"race": open_race(run).children["lstm"].id})
    with pytest.raises(UserError, match="no race"):
        store.create(child, name="x")
