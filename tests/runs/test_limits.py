"""What one student of a class may use: each limit at its edge, and that teachers have none."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from llm_core.config import (
    Config,
    DataConfig,
    NgramConfig,
    RunConfig,
    TableConfig,
    TrainingConfig,
    TransformerConfig,
    with_vocabulary_size,
)
from llm_core.data.prepare import import_text
from llm_core.errors import UserError
from llm_core.models.size import count_parameters
from llm_core.runs import classroom
from llm_core.runs.classroom import Limits
from llm_core.runs.files import size_of
from llm_core.runs.imported import ImportConfig
from llm_core.runs.limits import largest, refuse_large, running_limits, taken
from llm_core.runs.pretrained import PretrainingConfig
from llm_core.runs.race import ClassifyConfig, RaceConfig
from llm_core.runs.run import FORMAT, Run
from llm_core.runs.sized import DataSizesConfig
from llm_core.runs.store import Store
from llm_core.runs.swept import Axis, RangeTestConfig, SweepConfig
from llm_core.runs.trash import delete, empty
from llm_core.runs.unpacked_run import import_run

TEACHER, STUDENT, OTHER = "teacher-" + "a" * 16, "student-" + "1" * 16, "student-" + "2" * 16
LIMITS = Limits(running=1, waiting=1, parameters=60_000, steps=100, seconds=60, megabytes=1)

Make = Callable[..., Run]


def settings(*, width: int = 16, steps: int = 100) -> RunConfig:
    return RunConfig(
        data=DataConfig(vocabulary_size=1024), model=TransformerConfig(width=width, layers=1, heads=2, context=16),
        training=TrainingConfig(steps=steps, threads=1),
    )  # fmt: skip


@pytest.fixture
def small_class(store: Store) -> Store:
    classroom.open_classroom(store.root)
    classroom.change(store.root, TEACHER, limits=LIMITS)
    return store


def names(store: Store) -> set[str]:
    return {path.name for path in store.root.iterdir() if not path.name.startswith(".")} - {"corpora"}


def test_the_parameters_counted_are_those_of_the_largest_vocabulary_it_may_get() -> None:
    config = settings()
    assert largest(config) == count_parameters(with_vocabulary_size(config.model, 1024))
    assert largest(RunConfig(model=NgramConfig())) == 0


@pytest.mark.parametrize(
    ("config", "said"),
    [(settings(width=64), "up to 114,880"), (settings(steps=101), "101 steps; in this class at most 100")],
)
def test_a_run_above_a_limit_is_refused_and_leaves_nothing(small_class: Store, config: RunConfig, said: str) -> None:
    with pytest.raises(UserError, match=said):
        small_class.create(config, name="too large", owner=STUDENT)
    assert names(small_class) == set()
    assert small_class.create(settings(), name="at the limit", owner=STUDENT).owner == STUDENT
    assert small_class.create(config, name="the teacher's", owner=TEACHER).owner == TEACHER
    assert small_class.create(config, name="who sits at the server").owner == "local"


def swept(steps: int, seeds: int = 1, seconds: float | None = None, width: int = 16) -> SweepConfig:
    base = settings(steps=steps)
    base = base.model_copy(update={"training": base.training.model_copy(update={"seconds": seconds})})
    return SweepConfig(base=base, axes=(Axis(setting="model.width", values=(8, width)),), seeds=seeds)


RACE = RaceConfig(table=TableConfig(file="headlines-zh"), seconds=20.0, families=("majority", "decision_tree"), folds=2)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (swept(50), None),
        (swept(51), "2 trainings of this sweep would take 102 steps together; in this class at most 100"),
        (swept(26, seeds=2), "4 trainings of this sweep would take 104 steps"),
        (swept(50, width=64), "up to 114,880 parameters"),
        (swept(6_000, seconds=30.0), None),
        (swept(1, seconds=30.5), "61 seconds in all; in this class at most 60"),
        (swept(1, seconds=30.5).config((8,)), None),
        (swept(1, seconds=2_592_000).config((8,)), "2,592,000 seconds"),
        (RangeTestConfig(base=settings(steps=6_000), steps=100), None),
        (RangeTestConfig(base=settings(), steps=101), "101 steps"),
        (RACE, None),
        (RACE.model_copy(update={"folds": 3}), "80 seconds"),
        (RACE.model_copy(update={"per_family": True}), "120 seconds"),
        (RACE.model_copy(update={"per_family": True, "folds": None, "augmentation": "swap"}), None),
        (RACE.model_copy(update={"seconds": 21.0, "per_family": True, "folds": None, "augmentation": "swap"}), "63 sec"),
        (ClassifyConfig(race="0" * 16, family="majority", seconds=61), "61 seconds"),
        (PretrainingConfig(), None),
        (PretrainingConfig(seeds=6), "longer than the usual one"),
        (DataSizesConfig(race="0" * 16, families=("majority",)), None),
        (DataSizesConfig(race="0" * 16, families=("majority",), shares=(0.1,) * 6), "longer than the usual one"),
    ],
)  # fmt: skip
def test_each_kind_of_run_counts_all_that_it_would_learn(config: Config, said: str | None) -> None:
    if said is None:
        refuse_large(config, LIMITS)
        return
    with pytest.raises(UserError, match=said):
        refuse_large(config, LIMITS)


def test_a_sweep_that_is_too_long_is_refused_when_it_is_made(small_class: Store) -> None:
    with pytest.raises(UserError, match="102 steps together"):
        small_class.create(swept(51), name="too long", owner=STUDENT)
    assert names(small_class) == set()
    assert small_class.create(swept(51), name="the teacher's", owner=TEACHER).owner == TEACHER


def test_a_sweep_that_is_too_long_does_not_come_in_as_a_zip(small_class: Store) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        settings = swept(51).model_dump(mode="json")
        archive.writestr("run.json", json.dumps({"format": FORMAT, "kind": "sweep", "config": settings}))
    with pytest.raises(UserError, match="102 steps together"):
        import_run(small_class, packed, owner=STUDENT)
    assert names(small_class) == set()
    assert import_run(small_class, packed, owner=TEACHER).owner == TEACHER


def test_so_many_runs_of_one_student_may_work_and_wait(small_class: Store) -> None:
    queue = small_class.queue
    made = [small_class.create(settings(), name=str(number), owner=STUDENT) for number in range(3)]
    queue.ask(made[0])
    queue.ask(made[1])
    with pytest.raises(UserError, match="0 are under way and 2 wait; in this class at most 1 may work and 1 wait"):
        small_class.create(settings(), name="one more", owner=STUDENT)
    small_class.want(made[2], "stopped", owner=STUDENT)
    with pytest.raises(UserError, match="2 wait"):
        small_class.want(made[2], "running", owner=STUDENT)
    assert made[2].status().state == "stopped", "a resume that was refused has changed nothing"
    small_class.want(made[2], "running", owner=TEACHER)
    small_class.create(settings(), name="another's", owner=OTHER)
    small_class.want(made[0], "stopped", owner=STUDENT)
    small_class.create(settings(), name="room again", owner=STUDENT)
    assert [running_limits(small_class.root)(owner) for owner in (STUDENT, TEACHER, "local")] == [1, None, None]


def test_the_room_on_the_disk_is_that_of_the_own_runs_until_they_are_deleted(small_class: Store) -> None:
    run = small_class.create(settings(), name="large", owner=STUDENT)
    small_class.want(run, "stopped", owner=STUDENT)
    before = taken(STUDENT, small_class.listing)
    assert 0 < before < 10_000
    (run.folder / "steps").mkdir()
    (run.folder / "steps" / "weights").write_bytes(bytes(999_990))
    small_class.listing.forget()
    assert taken(STUDENT, small_class.listing) == before + 999_990
    assert taken(OTHER, small_class.listing) == 0
    with pytest.raises(UserError, match="Your runs take 1 MB; in this class at most 1 MB"):
        small_class.create(settings(), name="more", owner=STUDENT)
    with pytest.raises(UserError, match="Your runs take 1 MB"):
        small_class.keep(
            ImportConfig(model=TransformerConfig(), model_type="gpt2", source="folder"),
            Path.mkdir,
            name="brought",
            owner=STUDENT,
        )
    small_class.create(settings(), name="another's", owner=OTHER)
    delete(small_class, run.id, STUDENT)
    with pytest.raises(UserError, match="empty them out of the trash"):
        small_class.create(settings(), name="the trash takes room too", owner=STUDENT)
    empty(small_class, STUDENT)
    assert small_class.create(settings(), name="fits again", owner=STUDENT).owner == STUDENT


def test_a_text_that_was_brought_counts_for_each_whose_runs_name_it_and_once(small_class: Store) -> None:
    raw = b"the cat sat on the mat. " * 4_000
    path = import_text("cats.txt", raw, small_class.corpora)
    config = settings().model_copy(update={"data": DataConfig(corpus=str(path), tokenizer="character")})
    assert taken(STUDENT, small_class.listing) == 0
    for name in ("first", "second"):
        run = small_class.create(config, name=name, owner=STUDENT)
        small_class.listing.forget()
        alone = sum(size_of(small_class.root / one) for one in names(small_class))
        assert taken(STUDENT, small_class.listing) == alone + len(raw)
    (small_class.corpora / ("a" * 32)).mkdir()
    (small_class.corpora / ("a" * 32) / "tokens.npy").write_bytes(bytes(1000))
    (run.folder / "corpus.json").write_text(json.dumps({"digest": "a" * 32}))
    small_class.listing.forget()
    alone = sum(size_of(small_class.root / one) for one in names(small_class))
    assert taken(STUDENT, small_class.listing) == alone + len(raw) + 1000
    assert taken(OTHER, small_class.listing) == 0


def test_frozen_nothing_new_begins_for_students_and_what_works_goes_on(small_class: Store) -> None:
    waiting = small_class.create(settings(), name="waits", owner=STUDENT)
    small_class.queue.ask(waiting)
    stopped = small_class.create(settings(), name="stopped", owner=STUDENT)
    small_class.want(stopped, "stopped", owner=STUDENT)
    classroom.change(small_class.root, TEACHER, frozen=True)
    with pytest.raises(UserError, match="paused them for the whole class"):
        small_class.create(settings(), name="new", owner=STUDENT)
    with pytest.raises(UserError, match="paused them for the whole class"):
        small_class.want(stopped, "running", owner=STUDENT)
    small_class.want(waiting, "running", owner=STUDENT)
    assert waiting.status().state == "waiting"
    small_class.create(settings(), name="the teacher's", owner=TEACHER)
    classroom.change(small_class.root, TEACHER, frozen=False)
    small_class.create(settings(), name="new", owner=OTHER)


def test_without_a_class_nothing_is_limited(store: Store, make: Make) -> None:
    for number in range(4):
        store.queue.ask(make(f"run {number}", owner=STUDENT))
    assert store.create(settings(width=256, steps=100_000), name="large", owner=STUDENT).owner == STUDENT
    assert running_limits(store.root)(STUDENT) is None
