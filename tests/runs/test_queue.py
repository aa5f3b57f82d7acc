"""The queue: who is next, in constructed cases; turns given once, kept over restarts, and given back."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from llm_core.config import RunConfig
from llm_core.errors import UserError
from llm_core.runs import launch
from llm_core.runs.files import replace_json
from llm_core.runs.job import Noted
from llm_core.runs.live import live
from llm_core.runs.queue import Entry, next_turns, order, places
from llm_core.runs.queued import Queue
from llm_core.runs.run import Run
from llm_core.runs.store import Store
from llm_core.runs.swept import Axis, SweepConfig
from llm_core.runs.trash import delete
from llm_core.runs.worker import work
from llm_core.training.records import Finish, Record
from tests.runs.fake import FakeJob, make_job
from tests.runs.test_worker import Background, wait_for

Make = Callable[..., Run]


def waits(run: str, owner: str = "a", at: float = 0.0, **more: Any) -> Entry:
    return Entry(run, owner, at, **more)


def works(run: str, owner: str = "a", **more: Any) -> Entry:
    return Entry(run, owner, 0.0, given=1.0, **more)


def ids(entries: list[Entry]) -> str:
    return " ".join(entry.id for entry in entries)


# ---- who is next, as a function of plain data


def test_one_person_is_served_in_the_order_of_asking() -> None:
    asked = [waits("c", at=3), waits("a", at=1), waits("b", at=2)]
    assert ids(order(asked, {}, short=False)) == "a b c"
    assert places(asked, {}) == {"a": (1, 3), "b": (2, 3), "c": (3, 3)}


def test_who_asks_for_much_waits_for_those_who_ask_for_little() -> None:
    greedy = [waits(f"g{number}", "greedy", at=number) for number in range(4)]
    modest = [waits("m", "modest", at=10), waits("n", "new", at=11)]
    assert ids(order([*greedy, *modest], {}, short=False)) == "g0 m n g1 g2 g3"


def test_who_has_a_turn_comes_after_who_has_none() -> None:
    entries = [works("x", "first"), waits("y", "first", at=1), waits("z", "second", at=2)]
    assert ids(order(entries, {}, short=False)) == "z y"


def test_with_one_place_turns_go_round_though_nobody_has_one() -> None:
    """All wait, nobody works: only the memory of who was served last keeps the first from being served again."""
    left = [waits(f"{owner}{number}", owner, at=number) for owner in "abc" for number in range(3)]
    served: dict[tuple[str, bool], float] = {}
    came = []
    for now in range(9):
        chosen = next_turns(left, served, 1)
        assert len(chosen) == 1
        came.append(chosen[0].id)
        served[chosen[0].owner, False] = 100.0 + now
        left = [entry for entry in left if entry.id != chosen[0].id]
    assert came == ["a0", "b0", "c0", "a1", "b1", "c1", "a2", "b2", "c2"]


def test_no_more_turns_than_slots_and_a_large_run_is_not_overtaken() -> None:
    entries = [works("x"), waits("large", "b", at=1, threads=3), waits("small", "c", at=2)]
    assert next_turns(entries, {}, 3) == [], "two are free and three are asked; the small one would always come first"
    assert ids(next_turns(entries, {}, 4)) == "large"
    assert ids(next_turns(entries, {}, 5)) == "large small"
    assert ids(next_turns([waits("huge", threads=64)], {}, 2)) == "huge", "more than there are means all there are"


def test_a_short_run_has_a_place_beside_the_trainings_and_one_only() -> None:
    busy = [works("x", "a"), works("y", "b")]
    asked = [waits("q1", "c", 1, short=True), waits("q2", "d", 2, short=True), waits("t", "c", 0)]
    assert [(entry.id, entry.aside) for entry in next_turns([*busy, *asked], {}, 2)] == [("q1", True)]
    taken = [*busy, works("q0", "e", short=True, aside=True)]
    assert next_turns([*taken, *asked], {}, 2) == []
    # Where slots are left and no training waits, they answer more questions.
    free = next_turns([entry for entry in asked if entry.short], {}, 2)
    assert [(entry.id, entry.aside) for entry in free] == [("q1", True), ("q2", False)]
    assert [entry.id for entry in next_turns(asked, {}, 1)] == ["q1", "t"], "a training that waits goes first"
    assert places([*busy, *asked], {}) == {"t": (1, 1), "q1": (1, 2), "q2": (2, 2)}


def test_nobody_has_more_trainings_at_work_than_allowed() -> None:
    entries = [works("x", "a"), waits("y", "a", 1), waits("z", "b", 2), waits("w", "b", 3)]
    most = {"a": 1, "b": 1, "teacher": None}.__getitem__
    assert ids(next_turns(entries, {}, 9, most)) == "z"
    own = [waits("t1", "teacher", 1), waits("t2", "teacher", 2)]
    assert ids(next_turns(own, {}, 9, most)) == "t1 t2"


# ---- turns on the disk. Workers are threads here: what is queued, taken and given back are the same files.


class Servers:
    """Stores whose launchers work in threads, with what they have launched."""

    def __init__(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        self.launched: list[str] = []
        self.most = 0
        self.store = store
        self.job: type[FakeJob] = make_job(steps=2, seconds_a_step=0.01)
        self.workers: list[threading.Thread] = []
        self._working = 0
        self._lock = threading.Lock()
        servers = self

        def thread(launcher: launch.Launcher, folder: Path) -> psutil.Process:
            servers.launched.append(folder.name)
            run = servers.store.find(folder.name)
            worker = threading.Thread(target=lambda: work(run, queue=True, make_job=servers.counting()))
            servers.workers.append(worker)
            worker.start()
            return psutil.Process()

        monkeypatch.setattr(launch.Launcher, "_launch", thread)
        monkeypatch.setattr(launch, "LOOK", 0.03)
        monkeypatch.setattr("llm_core.runs.queued.MOMENT", 0.0)
        monkeypatch.setattr("llm_core.runs.slots.budget", lambda: 2)

    def counting(self) -> type[FakeJob]:
        servers = self

        class Counting(self.job):  # type: ignore[name-defined,misc]
            def records(self, clock: Any) -> Iterator[Record]:
                with servers._lock:
                    servers._working += 1
                    servers.most = max(servers.most, servers._working)
                try:
                    yield from super().records(clock)
                finally:
                    with servers._lock:
                        servers._working -= 1

        return Counting

    def another(self) -> Store:
        return Store(self.store.root, bundled=self.store.root / "models")


@pytest.fixture
def servers(store: Store, monkeypatch: pytest.MonkeyPatch) -> Servers:
    return Servers(store, monkeypatch)


def entry_files(store: Store) -> list[str]:
    return [entry.id for entry in store.queue.entries()]


def test_thirty_starts_are_served_two_at_a_time_in_order_and_none_is_lost(servers: Servers, make: Make) -> None:
    store = servers.store
    runs = [make(f"run {number}", owner=f"student-{number:016x}", threads=1) for number in range(30)]
    for run in runs:
        store.start(run)
        assert run.status().state != "interrupted"
    last = live(store, runs[-1].id)
    assert last["state"] == "waiting"
    assert last["waiting"] >= last["place"] >= 10, "most of those before it wait too"
    wait_for(lambda: all(run.status().state == "finished" for run in runs), 30)
    assert servers.launched == [run.id for run in runs]
    assert servers.most == 2
    wait_for(lambda: entry_files(store) == [])


def test_a_free_turn_begins_before_start_returns_and_a_double_start_is_one(servers: Servers, make: Make) -> None:
    run = make(threads=1)
    for _ in range(2):
        servers.store.start(run)
    assert servers.launched == [run.id]
    wait_for(lambda: run.status().state == "finished")
    assert servers.launched == [run.id]


def test_two_servers_and_many_threads_give_each_turn_once(servers: Servers, make: Make) -> None:
    stores = [servers.store, servers.another()]
    runs = [make(f"run {number}", threads=1) for number in range(8)]
    pressed = [threading.Thread(target=store.start, args=(run,)) for run in runs for store in stores]
    for thread in pressed:
        thread.start()
    for thread in pressed:
        thread.join()
    wait_for(lambda: all(run.status().state == "finished" for run in runs), 30)
    assert Counter(servers.launched) == Counter(run.id for run in runs)
    assert servers.most <= 2


def test_what_waited_when_a_server_went_gets_its_turn_from_the_next(servers: Servers, make: Make) -> None:
    runs = [make(f"run {number}", threads=1) for number in range(4)]
    for run in runs:
        Queue(servers.store.root).ask(run)  # asked for, and the server is gone
    # This one was given its turn, and the server went before it had a process.
    entry = servers.store.queue.find(runs[0].id)
    assert entry is not None
    lost = replace(entry, given=time.time() - 60)
    replace_json(servers.store.queue.folder / f"{runs[0].id}.json", vars_of(lost))
    assert runs[0].status().state == "waiting"
    servers.another().serve()
    wait_for(lambda: all(run.status().state == "finished" for run in runs), 20)
    assert servers.launched == [run.id for run in runs]


def vars_of(entry: Entry) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in Entry.__slots__}


def test_a_run_that_waits_for_hours_still_waits(store: Store, make: Make) -> None:
    run = make(threads=1)
    store.queue.ask(run)
    wish = {"state": "running", "until_step": None, "at": time.time() - 7200, "owner": "local"}
    replace_json(run.folder / "wanted.json", wish)
    assert run.status().state == "waiting"
    assert store.listing.summaries(fresh=True)[0].status.state == "waiting"
    store.queue.leave(run)
    assert run.status().state == "interrupted", "nobody knows of it any more"


def test_who_waits_long_is_told_that_nothing_is_wrong(store: Store, make: Make) -> None:
    run = make(threads=1)
    store.queue.ask(run)
    assert live(store, run.id)["message"] is None
    entry = store.queue.find(run.id)
    assert entry is not None
    long_ago = replace(entry, at=time.time() - 300)
    replace_json(store.queue.folder / f"{run.id}.json", vars_of(long_ago))
    assert live(store, run.id)["message"]["values"] == {"minutes": 5}


@pytest.mark.parametrize("wish", ["stopped", "paused"])
def test_a_run_that_waits_is_taken_out_at_once_and_goes_to_the_end_when_it_is_resumed(
    servers: Servers, make: Make, wish: Any
) -> None:
    store = servers.store
    servers.job = make_job(steps=1000, seconds_a_step=0.01)
    busy = [make(f"busy {number}", threads=1) for number in range(2)]
    first, second = make("first", threads=1), make("second", threads=1)
    for run in (*busy, first, second):
        store.start(run)
    for _ in range(2):  # from two tabs
        store.want(first, wish, owner="local")
    assert first.status().state == wish
    assert first.id not in entry_files(store)
    assert store.queue.place(second.id) == (1, 1)
    store.want(first, "running", owner="local")
    store.start(first)
    assert store.queue.place(first.id) == (2, 2)
    for run in (first, second, *busy):
        store.want(run, "stopped", owner="local")
    wait_for(lambda: all(run.status().state == "stopped" for run in busy))
    assert first.id not in servers.launched


def test_a_paused_run_gives_its_turn_away_and_asks_again(
    servers: Servers, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llm_core.runs.slots.budget", lambda: 1)
    store = servers.store
    servers.job = make_job(steps=1000, seconds_a_step=0.005)
    first, second = make("first", threads=1), make("second", threads=1)
    store.start(first)
    store.start(second)
    wait_for(lambda: first.status().step >= 2)
    assert second.status().state == "waiting"
    store.want(first, "paused", owner="local")
    wait_for(lambda: second.status().step >= 1)
    held = first.status().step
    store.want(first, "running", owner="local")
    store.start(first)
    wait_for(lambda: first.status().state == "waiting")
    assert first.status().step == held
    store.want(second, "stopped", owner="local")
    wait_for(lambda: first.status().step > held)
    store.want(first, "stopped", owner="local")
    wait_for(lambda: first.status().state == "stopped" and not first.alive())
    assert servers.launched == [first.id, second.id], "the paused worker went on itself"
    wait_for(lambda: entry_files(store) == [])


def test_a_training_of_a_sweep_that_is_resumed_by_hand_gets_a_turn_where_it_stands(servers: Servers) -> None:
    store = servers.store
    axis = Axis(setting="training.learning_rate", values=(0.001, 0.003))
    sweep = store.create(SweepConfig(base=RunConfig(), axes=(axis,)), name="a sweep", threads=1)
    child = store.create(RunConfig(), name="one of it", threads=1, parent=sweep)
    store.want(child, "stopped", owner="local")
    store.want(child, "running", owner="local")
    store.queue.ask(child)
    replace_json(child.folder / "wanted.json", {"state": "running", "at": time.time() - 7200, "owner": "local"})
    assert child.status().state == "waiting", "however long ago it was asked for"
    assert store.queue.place(child.id) == (1, 1)
    store.start(child)
    wait_for(lambda: child.status().state == "finished")
    assert servers.launched == [child.id]
    wait_for(lambda: entry_files(store) == [])


def test_a_stop_and_a_resume_in_one_breath_end_in_a_run_that_works(servers: Servers, make: Make) -> None:
    """The worker may be leaving already when it is asked to go on: then another takes the run up."""
    store = servers.store
    servers.job = make_job(steps=100_000, seconds_a_step=0.002)
    run = make(threads=1)
    store.start(run)
    wait_for(lambda: run.status().step >= 1)
    for pause in (0.0, 0.02, 0.06):
        store.want(run, "stopped", owner="local")
        time.sleep(pause)
        store.want(run, "running", owner="local")
        store.start(run)
        at = run.status().step
        wait_for(lambda at=at: run.status().state == "running" and run.status().step > at)  # type: ignore[misc]
    store.want(run, "stopped", owner="local")
    wait_for(lambda: run.status().state == "stopped" and not run.alive())


def test_a_deleted_run_leaves_the_queue_and_a_broken_file_holds_up_nobody(servers: Servers, make: Make) -> None:
    store = servers.store
    gone, kept = make("gone", threads=1), make("kept", threads=1)
    Queue(store.root).ask(gone)
    gone.folder.rename(gone.folder.with_name(".gone"))
    (store.queue.folder / f"{'0' * 16}.json").write_text('{"owner": 3')
    (store.queue.folder / "served.json").write_text("[]")
    (store.root / ".classroom.json").write_text("{")
    store.start(kept)
    wait_for(lambda: kept.status().state == "finished")
    assert servers.launched == [kept.id]


def test_a_worker_that_died_at_work_frees_its_turn(servers: Servers, make: Make) -> None:
    store = servers.store
    dead, following = make("dead", threads=2), make("following", threads=2)
    Queue(store.root).ask(dead)
    entry = store.queue.find(dead.id)
    assert entry is not None
    killed = replace(entry, given=time.time(), pid=2**22 + 7, started=1.0)
    replace_json(store.queue.folder / f"{dead.id}.json", vars_of(killed))
    store.start(following)
    wait_for(lambda: following.status().state == "finished")
    assert servers.launched == [following.id], "the dead one is not begun again without being asked for"


def test_what_cannot_be_launched_waits_on_and_the_reason_is_told(
    store: Store, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(launch, "LOOK", 0.05)
    run = make(threads=1)
    with monkeypatch.context() as patch:
        patch.setattr(launch.subprocess, "Popen", refuse)
        with pytest.raises(Exception, match="No worker can be started: Resource temporarily unavailable"):
            store.start(run)
        assert run.status().state == "waiting"
        store.want(run, "stopped", owner="local")
    assert run.status().state == "stopped"


def test_who_presses_start_is_not_told_what_keeps_another_from_beginning(
    servers: Servers, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = servers.store
    launch_it = launch.Launcher._launch
    broken, sound = make("broken", threads=1), make("sound", threads=1)

    def spawn(launcher: launch.Launcher, folder: Path) -> psutil.Process:
        if folder == broken.folder:
            raise UserError("No worker can be started: {reason}.", reason="the log is gone")
        return launch_it(launcher, folder)

    monkeypatch.setattr(launch.Launcher, "_launch", spawn)
    store.queue.ask(broken)
    store.start(sound)
    wait_for(lambda: sound.status().state == "finished")
    assert broken.status().state == "waiting"
    with pytest.raises(UserError, match="the log is gone"):
        store.start(broken)
    store.want(broken, "stopped", owner="local")


def test_a_worker_without_a_server_takes_its_own_turn(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llm_core.runs.slots.budget", lambda: 1)
    first, second = make("first", threads=1), make("second", threads=1)
    both = [Background(run, make_job=FakeJob, queue=True) for run in (first, second)]
    assert {background.join().state for background in both} == {"finished"}


def test_a_run_that_waits_is_not_deleted_and_one_whose_worker_died_is(store: Store, make: Make) -> None:
    waiting, dead = make("waits", threads=1), make("dead", threads=1)
    store.queue.ask(waiting)
    replace_json(waiting.folder / "wanted.json", {"state": "running", "at": time.time() - 7200, "owner": "local"})
    with pytest.raises(UserError, match="stop it first"):
        delete(store, waiting.id, "local")
    replace_json(dead.folder / "status.json", {"state": "running", "step": 3, "heartbeat": time.time()})
    assert dead.status().state == "interrupted"
    delete(store, dead.id, "local")
    store.want(waiting, "stopped", owner="local")
    delete(store, waiting.id, "local")
    assert store.runs() == []
    assert store.queue.entries() == []


def test_a_full_disk_refuses_a_start_in_one_sentence(store: Store, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make(threads=1)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("llm_core.runs.queued.replace_json", full)
    with pytest.raises(UserError, match="The queue of runs cannot be written: No space left on device"):
        store.start(run)
    assert work(run, queue=True, make_job=FakeJob).state == "paused"
    assert "The disk is full" in run.status().message


def test_a_paused_worker_makes_room_where_others_wait(
    make: Make, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llm_core.runs.slots.budget", lambda: 1)
    monkeypatch.setattr("llm_core.runs.worker.PAUSE_MAKES_ROOM", 0.1)
    monkeypatch.setattr("llm_core.runs.worker.PAUSE_SAVES", 0.0)
    first, second, third = (make(name, threads=1) for name in ("first", "second", "third"))
    store.want(first, "running", until_step=2, owner="local")
    paused = Background(first, make_job=FakeJob, queue=True)
    wait_for(lambda: first.status().state == "paused")
    time.sleep(0.3)
    assert first.alive(), "nobody waits"
    slow = Background(second, make_job=make_job(steps=400, seconds_a_step=0.01), queue=True)
    wait_for(lambda: second.status().step > 0)
    store.queue.ask(third)
    assert paused.join().state == "paused"
    assert first.steps()[-1] == 2, "with all that it had learnt"
    store.want(second, "stopped", owner="local")
    assert slow.join().state == "stopped"


def test_a_paused_worker_gives_its_turn_back_once(make: Make, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[str] = []
    give_back = Queue.give_back

    def counted(queue: Queue, run: Run, process: psutil.Process) -> None:
        given.append(run.id)
        give_back(queue, run, process)

    monkeypatch.setattr(Queue, "give_back", counted)
    run = make(threads=1)
    store.want(run, "running", until_step=2, owner="local")
    worker = Background(run, make_job=FakeJob, queue=True)
    wait_for(lambda: run.status().state == "paused")
    time.sleep(0.3)
    assert given == [run.id], "the lock of the queue is everybody's"
    store.want(run, "running", owner="local")
    assert worker.join().state == "finished"
    assert given == [run.id] * 2
    assert store.queue.entries() == []


def test_of_a_students_paused_runs_one_stays_in_memory(
    make: Make, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llm_core.runs.worker.PAUSE_SAVES", 0.0)
    monkeypatch.setattr("llm_core.runs.slots.budget", lambda: 8)
    owners = ("student-" + "1" * 16, "student-" + "1" * 16, "student-" + "2" * 16, "local", "local")
    runs = [make(f"run {number}", owner=owner, threads=1) for number, owner in enumerate(owners)]
    workers = []
    for run in runs:
        store.want(run, "running", until_step=2, owner="local")
        workers.append(Background(run, make_job=FakeJob, queue=True))
        wait_for(lambda run=run: run.status().state == "paused")  # type: ignore[misc]
    assert workers[1].join().state == "paused"
    assert runs[1].steps()[-1] == 2, "with all that it had learnt"
    assert [run.alive() for run in runs] == [True, False, True, True, True]
    store.want(runs[0], "running", owner="local")
    assert workers[0].join().state == "finished"
    store.want(runs[1], "running", until_step=4, owner="local")
    again = Background(runs[1], make_job=FakeJob, queue=True)
    wait_for(lambda: runs[1].status().step == 4 and runs[1].status().state == "paused")
    time.sleep(0.2)
    assert runs[1].alive(), "the place is free again"
    for run in runs[1:]:
        store.want(run, "stopped", owner="local")
    assert {worker.join().state for worker in (again, *workers[2:])} == {"stopped"}


def test_others_come_in_between_two_trainings_of_a_sweep(
    make: Make, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llm_core.runs.slots.budget", lambda: 1)
    sweep, other = make("sweep", threads=1), make("other", owner="student-" + "1" * 16, threads=1)
    others: list[Background] = []
    seen: list[str] = []

    class Parts(FakeJob):
        def records(self, clock: Any) -> Iterator[Any]:
            for part in range(3):
                yield Noted({"kind": "cell", "cell": part, "state": "running"}, clock(), part / 3, None)
                if part == 0:
                    others.append(Background(other, make_job=FakeJob, queue=True))
                    wait_for(lambda: store.queue.place(other.id) == (1, 1))
                for _ in range(10):
                    yield Noted(None, clock(), part / 3, None)
                seen.append(other.status().state)
                yield Noted({"kind": "cell", "cell": part, "state": "finished"}, clock(), part / 3, None)
            yield Finish(3, "finished")

    assert work(sweep, queue=True, make_job=Parts).state == "finished"
    assert seen == ["waiting", "finished", "finished"]
    assert others[0].join().state == "finished"
    assert store.queue.entries() == []
