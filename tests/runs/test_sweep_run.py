"""A sweep: every cell is a plain training of its own, stopped and killed it goes on where it was, and what each has come
to is read from one history."""

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from llm_core.config import Config, RunConfig, parse
from llm_core.errors import UserError
from llm_core.runs import history
from llm_core.runs.run import Run, children_of
from llm_core.runs.store import Store
from llm_core.runs.sweep import Trained, gathered, open_sweep, scaling_of, sweep_of
from llm_core.runs.swept import Axis, RangeTestConfig, SweepConfig
from llm_core.runs.worker import work


class Killed(BaseException):
    """What no worker catches."""


@pytest.fixture
def base(tmp_path: Path) -> RunConfig:
    text = tmp_path / "text.txt"
    text.write_text("the cat sat on the mat. " * 200, encoding="utf-8")
    return small(str(text))


def small(corpus: str, **training: Any) -> RunConfig:
    values = {
        "model": {"family": "transformer", "width": 16, "layers": 1, "heads": 1, "context": 8},
        "data": {"corpus": corpus, "tokenizer": "character"},
        "training": {
            "steps": 4, "batch_size": 2, "evaluation_every": 2, "sample_every": 50, "checkpoint_every": 2,
            "evaluation_tokens": 32, "threads": 1, "optimizer": "muon", **training,
        },
    }  # fmt: skip
    return parse(RunConfig, values)


def axis(setting: str, *values: float) -> Axis:
    return parse(Axis, {"setting": setting, "values": values})


RATES = axis("training.learning_rate", 0.03, 0.003)


def swept(store: Store, base: RunConfig, *axes: Axis, **more: Any) -> Run:
    return store.create(SweepConfig(base=base, axes=axes or (RATES,), **more), name="a sweep", threads=1)


def test_every_cell_is_a_plain_training_with_its_own_settings(store: Store, base: RunConfig) -> None:
    run = swept(store, base, RATES, axis("model.width", 8, 16))
    assert work(run).state == "finished"
    children = children_of(run)
    assert [child.kind for child in children] == ["train"] * 4
    settings = open_sweep(run)
    assert settings.cells == ((0.003, 8), (0.003, 16), (0.03, 8), (0.03, 16))
    found = sweep_of(run)
    for one, (rate, width) in zip(found.trained, settings.cells, strict=True):
        child = store.find(one.run)
        assert (child.config.training.learning_rate, child.config.model.width) == (rate, width)  # type: ignore[union-attr]
        assert child.config.training.muon_learning_rate == pytest.approx(0.02 * rate / 0.003)
        assert child.status().state == one.state == "finished"
        assert one.loss == child.status().validation_loss
        looks = [row for row in history.records(child.folder) if row["kind"] == "evaluation"]
        assert one.looks == tuple((row["step"], row["loss"]) for row in looks)
        losses = [row["loss"] for row in history.records(child.folder) if row["kind"] == "step"]
        assert [loss for _at, loss in one.points] == losses, "so few are kept as they are"
    assert found.ends == tuple(one.loss for one in found.trained)
    assert found.best == min(range(4), key=lambda cell: found.ends[cell] or 9.0)


def test_every_seed_makes_each_training_again_and_the_mean_of_their_ends_counts() -> None:
    settings = SweepConfig(base=small("stories-en", seed=5), axes=(RATES,), seeds=2)
    assert settings.trainings == ((0, 0), (1, 0), (0, 1), (1, 1))
    assert [settings.config((0.003,), seed).training.seed for seed in (0, 1)] == [5, 6]
    rows = [{"kind": "cell", "cell": cell, "seed": seed, "state": "finished", "loss": loss} for cell, seed, loss in ((0, 0, 2.0), (0, 1, 3.0), (1, 0, 2.6))]  # fmt: skip
    found = gathered(settings, rows)
    assert (found.ends, found.best) == ((2.5, 2.6), 0)


def test_a_cell_with_a_seed_that_diverged_is_never_the_best() -> None:
    axes = (axis("model.width", 8, 16, 32, 64), RATES)
    settings = SweepConfig(base=small("stories-en"), axes=axes, seeds=2)
    rows = []
    for cell, seed in settings.trainings:
        width, rate = settings.cells[cell]
        failed = (rate, seed) == (0.03, 1)
        loss = 1 + 30 * width**-1.0 + (0.5 if rate == 0.003 else 0.0)  # what has not diverged is better
        rows.append({"kind": "cell", "cell": cell, "seed": seed, "state": "diverged" if failed else "finished", "loss": None if failed else loss, "parameters": width})  # fmt: skip
    found = gathered(settings, rows)
    assert found.broken == {1, 3, 5, 7}
    assert None not in found.ends
    assert found.best is not None
    assert settings.cells[found.best] == (64, 0.003)
    assert scaling_of(found).curve.losses == pytest.approx([1.5 + 30 / width for width in (8, 16, 32, 64)])


def test_a_stopped_sweep_goes_on_with_the_child_that_was_under_way(store: Store, base: RunConfig) -> None:
    run = swept(store, base)
    seen: list[history.Row] = []

    def stop(row: history.Row) -> None:
        seen.append(row)
        if row["kind"] == "point" and row["cell"] == 1 and row["at"] == 3:
            store.want(run, "stopped", owner="local")

    assert work(run, report=stop).state == "stopped"
    second = children_of(run)[1]
    assert (second.status().state, second.steps()[-1]) == ("stopped", 3)
    store.want(run, "running", owner="local")
    assert work(run).state == "finished"
    first, again = sweep_of(run).trained
    assert len(children_of(run)) == 2
    whole = swept(store, base)
    work(whole)
    assert [one.loss for one in sweep_of(whole).trained] == [first.loss, again.loss], "as if it had never stopped"
    assert [at for at, _loss in again.points] == [1, 2, 3, 4]


def test_a_killed_sweep_trains_nothing_twice(store: Store, base: RunConfig) -> None:
    run = swept(store, base)

    def kill(row: history.Row) -> None:
        if row["kind"] == "point" and row["cell"] == 1 and row["at"] == 3:
            raise Killed

    with pytest.raises(Killed):
        work(run, report=kill)
    assert work(run).state == "finished"
    first, second = sweep_of(run).trained
    assert [at for at, _loss in second.points] == [1, 2, 3, 4]
    rows = [row for row in history.records(store.find(first.run).folder) if row["kind"] == "step"]
    assert [row["step"] for row in rows] == [1, 2, 3, 4]


def test_a_child_that_came_to_its_end_unsaid_is_said_when_the_sweep_goes_on(store: Store, base: RunConfig) -> None:
    run = swept(store, base)

    def kill(row: history.Row) -> None:
        if row["kind"] == "cell" and row["cell"] == 0 and row["state"] == "finished":
            raise Killed

    with pytest.raises(Killed):
        work(run, report=kill)
    (first,) = children_of(run)
    assert first.status().state == "finished"
    cut = [row for row in history.records(run.folder) if row.get("state") != "finished"]
    (run.folder / history.FILE).write_text("".join(json.dumps(row) + "\n" for row in cut), encoding="utf-8")
    assert [one.state for one in sweep_of(run).trained] == ["running", "waiting"]
    assert work(run).state == "finished"
    found = sweep_of(run).trained
    assert [one.state for one in found] == ["finished", "finished"]
    assert found[0].loss == first.status().validation_loss
    assert found[0].outcome["parameters"] == found[1].outcome["parameters"]
    closing = [row for row in history.records(run.folder) if row["kind"] == "cell" and row["state"] == "finished"]
    assert [row["cell"] for row in closing] == [0, 1], "each once"


def test_a_child_that_a_person_went_on_with_by_hand_is_said_too(store: Store, base: RunConfig) -> None:
    run = swept(store, base)

    def stop(row: history.Row) -> None:
        if row["kind"] == "point" and row["cell"] == 0 and row["at"] == 2:
            store.want(store.find(children_of(run)[0].id), "stopped", owner="local")
        if row["kind"] == "point" and row["cell"] == 1 and row["at"] == 2:
            store.want(run, "stopped", owner="local")

    assert work(run, report=stop).state == "stopped"
    child = children_of(run)[0]
    store.want(child, "running", owner="local")
    assert work(child).state == "finished"
    store.want(run, "running", owner="local")
    assert work(run).state == "finished"
    assert [one.state for one in sweep_of(run).trained] == ["finished", "finished"]
    assert sweep_of(run).trained[0].loss == child.status().validation_loss


def test_a_child_that_a_person_stopped_is_left_out_and_one_that_diverged_is_said(store: Store, base: RunConfig) -> None:
    run = swept(store, base, axis("training.learning_rate", 0.003, 0.03))

    def stop(row: history.Row) -> None:
        if row["kind"] == "point" and row["cell"] == 0 and row["at"] == 2:
            store.want(store.find(children_of(run)[0].id), "stopped", owner="local")

    assert work(run, report=stop).state == "finished"
    found = sweep_of(run)
    assert [one.state for one in found.trained] == ["stopped", "finished"]
    assert (found.ends[0], found.best) == (None, 1)


def test_only_who_may_change_the_sweep_may_put_a_training_into_it(store: Store, base: RunConfig) -> None:
    mine = "student-0123456789abcdef"
    run = store.create(SweepConfig(base=base, axes=(RATES,)), name="mine", owner=mine)
    with pytest.raises(UserError, match="belongs to"):
        store.create(base, name="not mine", owner="student-fedcba9876543210", parent=run)
    assert store.create(base, name="mine", owner=mine, parent=run).folder.parents[1] == run.folder


@pytest.mark.parametrize(
    ("axes", "said"),
    [
        ((), "one axis or two"),
        ((axis("model.layers", 1, 2), axis("model.layers", 1, 3)), "two different settings"),
        ((axis("model.layers", *range(1, 8)), axis("training.learning_rate", 1e-4, 1e-3, 1e-2, 2e-2, 3e-2, 1e-1)), "42 cells"),
        ((axis("model.width", 8, 9),), "heads of an even size"),
        ((axis("training.learning_rate", 0.1, 20),), "at most 10"),
        ((axis("model.width", 1024, 4096), axis("model.layers", 8, 64)), "parameters"),
    ],
)  # fmt: skip
def test_what_cannot_be_swept_is_refused_before_anything_is_made(
    store: Store, base: RunConfig, axes: tuple[Axis, ...], said: str
) -> None:
    values = {"base": base.model_dump(mode="json"), "axes": [each.model_dump() for each in axes]}
    with pytest.raises(UserError, match=said):
        store.create(parse(SweepConfig, values), name="no")
    assert store.runs() == []


@pytest.mark.parametrize(("setting", "values", "said"), [
    ("model.width", (8,), "at least two values"), ("model.width", (8, 8), "each once"), ("model.layers", (1, 1.5), "whole numbers"),
    ("training.batch_size", (1, 2), "must be one of"),
])  # fmt: skip
def test_an_axis_takes_different_values_of_known_settings(setting: str, values: tuple[float, ...], said: str) -> None:
    with pytest.raises(UserError, match=said):
        axis(setting, *values)


def made(axes: tuple[Axis, ...], outcomes: list[dict[str, Any]]) -> list[history.Row]:
    return [{"kind": "cell", "cell": at, "seed": 0, "run": "0" * 16, "state": "finished", **each} for at, each in enumerate(outcomes)]  # fmt: skip


def test_the_scaling_curve_is_over_parameters_and_the_best_learning_rate_of_each_size() -> None:
    axes = (axis("model.width", 8, 16, 32, 64), axis("training.learning_rate", 0.001, 0.01))
    settings = SweepConfig(base=small("stories-en"), axes=axes)
    sizes = [1e3, 4e3, 1.6e4, 6.4e4]
    outcomes = [{"loss": 0.75 + 30 * size**-0.4 + worse, "parameters": size} for size in sizes for worse in (0.5, 0.0)]
    found = scaling_of(gathered(settings, made(axes, outcomes)))
    assert (found.quantity, found.curve.sizes) == ("parameters", tuple(sizes))
    assert (found.curve.floor, found.curve.exponent) == pytest.approx((0.75, 0.4), rel=1e-3)
    with pytest.raises(UserError, match="at least 4"):
        scaling_of(gathered(settings, made(axes, outcomes[:6])))
    with pytest.raises(UserError, match="over width"):
        scaling_of(gathered(SweepConfig(base=small("stories-en"), axes=(RATES,)), []))


def test_texts_of_different_sizes_are_compared_in_bits_and_so_is_their_floor() -> None:
    axes = (axis("data.documents", 100, 200, 400, 800),)
    settings = SweepConfig(base=small("stories-en"), axes=axes)
    outcomes = [{"loss": 2.0, "bits_per_character": 1.0 + 8 / n, "tokens": n, "floor": 1.0 / (1 + 8 / n)} for n in (10, 20, 40, 80)]  # fmt: skip
    found = gathered(settings, made(axes, outcomes))
    assert found.in_bits
    assert found.ends == pytest.approx((1.8, 1.4, 1.2, 1.1))
    assert found.floor == pytest.approx(0.5)
    assert scaling_of(found).quantity == "tokens"
    assert scaling_of(found).curve.floor == pytest.approx(1.0, rel=1e-3), "in bits, as the ends are"


def test_broken_rows_are_left_out() -> None:
    settings = SweepConfig(base=small("stories-en"), axes=(RATES,))
    good = {"kind": "point", "cell": 0, "seed": 0, "at": 1, "loss": 2.0}
    broken: list[dict[str, Any]] = [{"cell": 7}, {"cell": None}, {"at": "1"}, {"loss": None}, {"loss": True}, {"kind": "x"}]  # fmt: skip
    assert gathered(settings, [good, *(good | change for change in broken)]).trained[0] == Trained(0, 0, points=((1, 2.0),))  # fmt: skip


@pytest.fixture
def tested(store: Store, base: RunConfig) -> list[history.Row]:
    config: Config = RangeTestConfig(base=base, lowest=1e-4, highest=10.0, steps=25)
    run = store.create(config, name="rates", threads=1)  # type: ignore[arg-type]
    assert work(run).state == "finished"
    return [row for row in history.records(run.folder) if row["kind"] == "rate"]


def test_a_range_test_learns_at_rates_the_same_factor_apart(tested: list[history.Row]) -> None:
    rates = [row["learning_rate"] for row in tested]
    assert rates[0] == pytest.approx(1e-4)
    assert rates[-1] <= 10.0
    factors = {round(after / before, 9) for before, after in itertools.pairwise(rates)}
    assert factors == {round((10.0 / 1e-4) ** (1 / 24), 9)}
    smoothed, mean = [], 0.0
    for count, row in enumerate(tested, start=1):
        mean = 0.9 * mean + 0.1 * row["loss"]
        smoothed.append(mean / (1 - 0.9**count))
    assert [row["smoothed"] for row in tested] == pytest.approx(smoothed)
