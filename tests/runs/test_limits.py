"""What one student of a class may use: each limit at its edge, and that teachers have none."""

from collections.abc import Callable
from pathlib import Path

import pytest

from llm_core.config import DataConfig, NgramConfig, RunConfig, TrainingConfig, TransformerConfig, with_vocabulary_size
from llm_core.errors import UserError
from llm_core.models.size import count_parameters
from llm_core.runs import classroom
from llm_core.runs.classroom import Limits
from llm_core.runs.imported import ImportConfig
from llm_core.runs.limits import largest, running_limits, taken
from llm_core.runs.run import Run
from llm_core.runs.store import Store
from llm_core.runs.trash import delete, empty

TEACHER, STUDENT, OTHER = "teacher-" + "a" * 16, "student-" + "1" * 16, "student-" + "2" * 16
LIMITS = Limits(running=1, waiting=1, parameters=60_000, steps=100, megabytes=1)

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
