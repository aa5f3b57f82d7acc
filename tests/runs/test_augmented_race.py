"""A race whose training texts are augmented: each family runs with and without, in the same time, and the effect is what
scikit-learn and SciPy make of the two."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score

from llm_core.config import TableConfig
from llm_core.data.labelled import Labelled
from llm_core.runs.augmentation_effect import effects
from llm_core.runs.race import RaceConfig
from llm_core.runs.race_summary import summary
from llm_core.runs.race_watch import watch
from llm_core.runs.raced import open_race, outcome_of, predictions_of
from llm_core.runs.run import Run
from llm_core.runs.store import Store
from llm_core.runs.worker import work
from llm_core.training.classifiers.base import FitOptions, Fitted, Progress
from tests.runs.fake_families import FakeClassifier, FakeFamily, fakes, job, raced, write_table

THREE = ("majority", "decision_tree", "lstm")
LANES = ("majority", "decision_tree", "decision_tree.none", "lstm", "lstm.none")


class Careless(FakeClassifier):
    """Takes every so many-th text for the opposite."""

    def __init__(self, every: int) -> None:
        super().__init__([])
        self.every = every

    def probabilities(self, texts: Sequence[str]) -> NDArray[np.float64]:
        found = super().probabilities(texts)
        found[:: self.every] = found[:: self.every, ::-1].copy()
        return found


class Helped(FakeFamily):
    """Makes more mistakes where nothing is added to the texts."""

    def fit(
        self, training: Labelled, *, seconds: float, seed: int, options: FitOptions = FitOptions(), clock: Any = None
    ) -> Iterator[Progress | Fitted]:
        for record in super().fit(training, seconds=seconds, seed=seed, options=options, clock=clock):
            if isinstance(record, Fitted):
                yield Fitted(Careless(2 if options.augmentation == "none" else 7), record.seconds)
            else:
                yield record


@pytest.fixture
def enter(store: Store, tmp_path: Path) -> Callable[..., Run]:
    table = TableConfig(file=str(write_table(tmp_path, 240)))

    def make(**settings: Any) -> Run:
        config = RaceConfig(table=table, **({"families": THREE, "augmentation": "deletion"} | settings))
        return store.create(config, name="reviews", threads=1)

    return make


def test_each_family_that_learns_from_copies_runs_once_more_without(enter: Callable[..., Run], store: Store) -> None:
    run, families = enter(), fakes()
    assert work(run, make_job=job(families)).state == "finished"
    race = open_race(store.find(run.id))
    assert tuple(race.lanes) == LANES
    assert tuple(race.children) == tuple(race.results) == THREE
    kinds = {name: [options.augmentation for *_, options in families[name].given] for name in THREE}
    assert kinds == {"majority": ["deletion"], "decision_tree": ["deletion", "none"], "lstm": ["deletion", "none"]}
    learned = {texts for name in THREE for _seconds, texts, _seed, _options in families[name].given}
    assert learned == {race.prepared.training.texts}, "all learn from the same split"
    reply = watch(store, run.id)
    assert reply["lanes"] == LANES
    assert [row["lane"] for row in reply["rows"] if row["kind"] == "result"] == list(LANES)


def test_without_augmentation_no_family_runs_twice(enter: Callable[..., Run], store: Store) -> None:
    run, families = enter(augmentation="none"), fakes()
    work(run, make_job=job(families))
    race = open_race(store.find(run.id))
    assert tuple(race.lanes) == THREE
    assert effects(race) == ()
    assert not any("augmentation" in figures for figures in summary(race)["families"].values())


def test_the_effect_is_that_of_scikit_learn_and_of_scipys_binomial_test(
    enter: Callable[..., Run], store: Store
) -> None:
    run = enter()
    work(run, make_job=job(fakes(Helped("lstm"))))
    race = open_race(store.find(run.id))
    same, helped = effects(race)
    assert (same.family, same.difference, same.p, same.adjusted, same.proven) == ("decision_tree", 0.0, 1.0, 1.0, False)
    labels = race.prepared.test.labels
    both = [predictions_of(race.lanes[lane]).argmax(1) for lane in ("lstm", "lstm.none")]
    accuracies = [accuracy_score(labels, called) for called in both]
    assert [helped.accuracy, helped.without] == pytest.approx(accuracies)
    assert helped.difference == pytest.approx(accuracies[0] - accuracies[1])
    right = [called == labels for called in both]
    alone = int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum())
    assert (helped.only_with, helped.only_without) == alone
    assert helped.p == pytest.approx(binomtest(alone[0], sum(alone)).pvalue)
    assert helped.adjusted == pytest.approx(2 * helped.p), "the smallest of two, by Holm"
    random = np.random.default_rng(1)
    draws = random.integers(len(labels), size=(4000, len(labels)))
    differences = right[0][draws].mean(1) - right[1][draws].mean(1)
    reach = helped.difference_reach
    assert [reach.low, reach.high] == pytest.approx(
        np.quantile(differences, [0.025, 0.975]).tolist(), abs=2.1 / len(labels)
    )
    told = summary(race)["families"]["lstm"]["augmentation"]
    assert (told["kind"], told["accuracy_without"], told["p"]) == ("deletion", helped.without, helped.p)
    assert "augmentation" not in summary(race)["families"]["majority"]


def test_both_have_the_same_time_and_the_whole_is_kept(enter: Callable[..., Run]) -> None:
    families = fakes(FakeFamily("majority", share=0.0), FakeFamily("decision_tree", share=0.3))
    taken, noted = raced(enter(seconds=60.0), families)
    shares = [record.share for record in noted]
    assert shares == sorted(shares)
    for name in THREE[1:]:
        with_copies, without = (seconds for seconds, *_ in families[name].given)
        assert with_copies == without
    assert families["lstm"].given[0][0] > families["decision_tree"].given[0][0], "what was left over is taken"
    assert 40 < taken <= 60


def test_one_that_was_killed_goes_on_in_the_same_time_as_its_twin(enter: Callable[..., Run], store: Store) -> None:
    class Killed(BaseException):
        pass

    calls: list[int] = []

    def kill(part: int) -> None:
        calls.append(part)
        if len(calls) > 4:  # the first of the two has four parts
            raise Killed

    run = enter(seconds=60.0)
    first = fakes(FakeFamily("lstm", before=kill))
    with pytest.raises(Killed):
        raced(run, first)
    second = fakes()
    raced(run, second)
    assert [len(second[name].given) for name in THREE] == [0, 0, 1]
    (seconds, *_, options) = second["lstm"].given[0]
    assert options.augmentation == "none"
    assert seconds == first["lstm"].given[0][0]
    assert outcome_of(open_race(store.find(run.id)).lanes["lstm.none"]) is not None


def test_what_fails_without_is_told_by_its_own_name(enter: Callable[..., Run], store: Store) -> None:
    class FailsWithout(FakeFamily):
        def fit(self, training: Labelled, **given: Any) -> Iterator[Progress | Fitted]:
            if given["options"].augmentation == "none":
                raise MemoryError
            yield from super().fit(training, **given)

    run = enter()
    assert work(run, make_job=job(fakes(FailsWithout("lstm")))).state == "finished"
    race = open_race(store.find(run.id))
    told = summary(race)
    assert list(told["families"]) == list(THREE)
    assert list(told["failed"]) == ["lstm.none"]
    assert [effect.family for effect in effects(race)] == ["decision_tree"]
