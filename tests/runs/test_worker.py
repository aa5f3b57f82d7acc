"""The worker in this process: wishes, pauses, faults, going on. With work that needs no torch."""

import errno
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from llm_core.errors import UserError
from llm_core.runs import history, worker
from llm_core.runs.history import History
from llm_core.runs.live import live
from llm_core.runs.locks import Lock
from llm_core.runs.run import Run
from llm_core.runs.status import Status
from llm_core.runs.store import Store
from llm_core.runs.worker import work
from llm_core.training import atomic
from llm_core.training.records import Finish, Record
from tests.runs.fake import FakeJob, expected, losses, make_job

Make = Callable[..., Run]


def wait_for(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)


class Background:
    """A worker in a thread, for tests that press buttons meanwhile."""

    def __init__(self, run: Run, **more: Any) -> None:
        self.status: Status | None = None
        self.thread = threading.Thread(target=self._work, args=(run,), kwargs=more)
        self.thread.start()

    def _work(self, run: Run, **more: Any) -> None:
        self.status = work(run, **more)

    def join(self) -> Status:
        self.thread.join(20)
        assert self.status is not None
        return self.status


def test_a_run_finishes_and_leaves_its_lock(make: Make) -> None:
    run = make()
    seen: list[str] = []
    status = work(run, make_job=FakeJob, report=lambda row: seen.append(row["kind"]))
    assert status.state == run.status().state == "finished"
    assert losses(history.records(run.folder)) == expected(20)
    assert run.steps() == [0, 5, 10, 15, 20]
    assert not run.alive()
    assert seen[:4] == ["snapshot", "evaluation", "step", "baseline"]
    assert seen[-2:] == ["snapshot", "finish"]
    assert seen.count("baseline") == 1


def test_stopped_and_resumed_it_is_the_run_that_was_never_stopped(make: Make, store: Store) -> None:
    run = make()
    stops = iter(range(3, 20, 4))
    at = next(stops)

    def press(row: history.Row) -> None:
        if row.get("step") == at and row["kind"] == "step":
            for _ in range(2):  # from two tabs
                store.want(run, "stopped", owner="local")

    while True:
        status = work(run, make_job=FakeJob, report=press)
        if status.state == "finished":
            break
        assert (status.state, status.step) == ("stopped", at)
        assert at in run.steps(), "a stop leaves a full checkpoint"
        store.want(run, "running", owner="local")
        at = next(stops, -1)
    rows = history.records(run.folder)
    assert losses(rows) == expected(20)
    assert [row["resumed_at"] for row in rows if "resumed_at" in row] == [3, 7, 11, 15, 19]


def test_pause_holds_and_goes_on_in_the_same_process(make: Make, store: Store) -> None:
    run = make()
    background = Background(run, make_job=make_job(seconds_a_step=0.02))
    wait_for(lambda: run.status().step >= 3)
    store.want(run, "paused", owner="local")
    wait_for(lambda: run.status().state == "paused")
    held = run.status()
    time.sleep(0.1)
    assert run.status().step == held.step
    assert run.alive()
    store.want(run, "running", owner="local")
    assert background.join().state == "finished"
    assert losses(history.records(run.folder)) == expected(20)
    assert not [row for row in history.records(run.folder) if "resumed_at" in row]


def test_comparing_takes_none_of_the_training_time(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0

    class Comparing(FakeJob):
        def comparisons(self) -> list[history.Row]:
            nonlocal now
            now += 1000.0
            return super().comparisons()

    monkeypatch.setattr(worker, "time", SimpleNamespace(monotonic=lambda: now, time=time.time))
    run = make()
    assert work(run, make_job=Comparing).state == "finished"
    rows = history.records(run.folder)
    assert [row["seconds"] for row in rows if row["kind"] == "step"] == [0.0] * 20
    assert now == 1000.0


def test_one_step_from_two_tabs_is_one_step(make: Make, store: Store) -> None:
    run = make()
    store.want(run, "running", until_step=2, owner="local")
    background = Background(run, make_job=FakeJob)
    wait_for(lambda: run.status().state == "paused")
    for expected_step in (3, 4):
        shown = run.status().step
        for _ in range(2):
            store.want(run, "running", until_step=shown + 1, owner="local")
            time.sleep(0.1)
        wait_for(lambda: run.status().state == "paused")
        assert run.status().step == expected_step
    store.want(run, "stopped", owner="local")
    assert background.join().state == "stopped"
    assert 4 in run.steps()


def test_a_long_pause_saves_and_leaves(make: Make, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "PAUSE_SAVES", 0.1)
    run = make()
    store.want(run, "running", until_step=7, owner="local")
    assert work(run, make_job=FakeJob, pause_ends=0.3).state == "paused"
    assert run.status().state == "paused"
    assert not run.alive()
    assert 7 in run.steps()
    store.want(run, "running", owner="local")
    assert work(run, make_job=FakeJob).state == "finished"
    assert losses(history.records(run.folder)) == expected(20)


def test_resume_pressed_while_a_stop_is_saved_goes_on(make: Make, store: Store) -> None:
    run = make()

    class Slow(FakeJob):
        def write(self, snapshot: Any) -> None:
            super().write(snapshot)
            if snapshot.step == 3:
                store.want(run, "running", owner="local")

    def press(row: history.Row) -> None:
        if row["kind"] == "step" and row["step"] == 3:
            store.want(run, "stopped", owner="local")

    assert work(run, make_job=Slow, report=press).state == "finished"
    assert losses(history.records(run.folder)) == expected(20)


def test_a_second_worker_is_refused(make: Make) -> None:
    run = make()
    with Lock(run.folder / ".lock") as lock:
        assert lock.acquire()
        with pytest.raises(UserError, match="already under way"):
            work(run, make_job=FakeJob)
    assert history.records(run.folder) == []


@pytest.mark.parametrize("where", ["checkpoint", "preflight", "history", "status"])
def test_a_full_disk_pauses_the_run_and_keeps_what_stood(
    make: Make, store: Store, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    run = make()
    full = OSError(errno.ENOSPC, "No space left on device")
    write, append = FakeJob.write, History.append

    def refuse_write(self: FakeJob, snapshot: Any) -> None:
        if snapshot.step >= 10:
            raise full if where == "checkpoint" else atomic.DiskFull("The disk is full: {needed} MB.", needed=3)
        write(self, snapshot)

    def refuse_append(self: History, row: history.Row) -> None:
        if row.get("step", 0) >= 10:
            raise full
        append(self, row)

    with monkeypatch.context() as patch:
        if where == "history":
            patch.setattr(History, "append", refuse_append)
        else:
            patch.setattr(FakeJob, "write", refuse_write)
        if where == "status":
            patch.setattr(worker, "replace_json", lambda *_: (_ for _ in ()).throw(full))
        status = work(run, make_job=FakeJob)
    assert status.state == "paused"
    assert "disk is full" in status.message
    assert run.status().state == ("paused" if where != "status" else "waiting")
    assert run.steps() == [0, 5]
    atomic.verify(run.folder / "steps" / "00000005")
    store.want(run, "running", owner="local")
    assert work(run, make_job=FakeJob).state == "finished"
    assert run.status().message == ""
    assert losses(history.records(run.folder)) == expected(20)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (UserError("{file} is empty.", file="a.txt"), "a.txt is empty."),
        (ValueError("a {brace}"), "ValueError: a {brace}"),
        (MemoryError(), "Memory ran out"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 4000000000000 bytes"), "Memory ran out"),
    ],
)  # fmt: skip
def test_what_goes_wrong_is_said_in_the_status(make: Make, error: Exception, said: str) -> None:
    run = make()

    class Broken(FakeJob):
        def prepare(self, progress: Any) -> None:
            raise error

    assert work(run, make_job=Broken).state == "failed"
    assert said in run.status().message
    assert (run.folder / "log.txt").exists() == isinstance(error, ValueError)
    assert work(run, make_job=FakeJob).state == "finished", "and it can be tried again"


def test_divergence_ends_a_run_at_its_last_good_checkpoint(make: Make) -> None:
    run = make()

    class Diverging(FakeJob):
        def records(self, clock: Any) -> Iterator[Record]:
            for record in super().records(clock):
                if getattr(record, "step", 0) == 8:
                    yield Finish(8, "diverged")
                    return
                yield record

    assert work(run, make_job=Diverging).state == "diverged"
    assert "step 8" in run.status().message
    assert run.steps() == [0, 5]


def test_a_stop_during_preparation_stops(make: Make, store: Store) -> None:
    run = make()

    class Endless(FakeJob):
        def prepare(self, progress: Any) -> None:
            while True:
                progress(0.1)
                time.sleep(0.005)

    background = Background(run, make_job=Endless)
    wait_for(lambda: run.status().state == "preparing")
    store.want(run, "stopped", owner="local")
    assert background.join().state == "stopped"


def test_runs_wait_for_free_threads_and_a_waiting_one_can_be_stopped(
    make: Make, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llm_core.runs.slots.budget", lambda: 1)
    first, second, third = make(), make(), make()
    slow = make_job(seconds_a_step=0.03)
    working = Background(first, make_job=slow, queue=True)
    wait_for(lambda: first.status().state == "running")
    waiting = [Background(run, make_job=FakeJob, queue=True) for run in (second, third)]
    wait_for(lambda: second.alive() and third.alive())
    store.want(third, "stopped", owner="local")
    assert waiting[1].join().state == "stopped"
    assert second.status().state == "waiting"
    assert working.join().state == waiting[0].join().state == "finished"


def test_a_paused_run_lets_another_have_its_threads(make: Make, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llm_core.runs.slots.budget", lambda: 1)
    first, second = make(), make()
    store.want(first, "running", until_step=2, owner="local")
    paused = Background(first, make_job=FakeJob, queue=True)
    wait_for(lambda: first.status().state == "paused")
    assert work(second, make_job=FakeJob, queue=True).state == "finished"
    store.want(first, "running", owner="local")
    assert paused.join().state == "finished"


def test_a_page_that_watches_gets_every_row_once(make: Make, store: Store) -> None:
    run = make()
    background = Background(run, make_job=make_job(seconds_a_step=0.005))
    rows: list[history.Row] = []
    offset = 0
    while True:
        reply = live(store, run.id, offset)
        if reply["reset"]:
            rows = []
        rows += reply["rows"]
        offset = reply["next"]
        if reply["state"] == "finished" and not reply["rows"]:
            break
        time.sleep(0.01)
    background.join()
    assert losses(history.settle(rows)) == expected(20)
    assert live(store, run.id, 10**12)["reset"]
    whole = live(store, run.id)
    assert losses(whole["rows"]) == expected(20)
    assert (whole["state"], whole["step"], whole["next"]) == ("finished", 20, offset)
    with pytest.raises(UserError):
        live(store, "../../etc/passwd")


def test_the_live_reply_is_bounded_however_long_the_run(make: Make, store: Store) -> None:
    run = make()
    with History(run.folder) as lines:
        for step in range(1, 9001):
            lines.append({"kind": "step", "step": step, "loss": 1 / step})
        lines.append({"resumed_at": 8000})
    reply = live(store, run.id)
    assert len(reply["rows"]) <= 2000
    assert max(row.get("step", 0) for row in reply["rows"]) == 8000
    assert live(store, run.id, reply["next"])["rows"] == []


def test_leftovers_of_a_dead_worker_are_swept(make: Make) -> None:
    run = make()
    (run.folder / "steps" / ".writing-00000005-abcd").mkdir(parents=True)
    (run.folder / ".status.json.4194399-1.temp").write_text("torn")
    work(run, make_job=FakeJob)
    left = [path.name for path in run.folder.rglob("*") if path.name.startswith(".")]
    assert left == [".lock"]


def test_a_run_that_is_deleted_under_way_ends_and_stays_away(make: Make, store: Store) -> None:
    run = make()
    background = Background(run, make_job=make_job(seconds_a_step=0.2))  # long enough to be caught on its way
    wait_for(lambda: run.status().step >= 2)
    run.folder.rename(run.folder.with_name(".gone"))
    assert "was deleted" in background.join().message
    assert not run.folder.exists()
    with pytest.raises(UserError):
        store.find(run.id)
    assert store.runs() == []


def test_a_broken_or_read_only_run_is_not_worked_on(make: Make, store: Store) -> None:
    run = make()
    (run.folder / "run.json").write_text("{")
    with pytest.raises(UserError, match="broken"):
        work(store.find(run.id), make_job=FakeJob)
    assert not Path(run.folder / "history.jsonl").exists()
