"""Status: what a last word means, given the lock, the wish and the clock."""

import json
import os
from pathlib import Path

import psutil
import pytest

from llm_core.runs.status import SILENCE, Status, Wanted, derive, recorded, same_process, wanted

NOW = 1_000_000.0


def last(state: str, heartbeat: float = NOW - 1) -> Status:
    return Status(state=state, step=5, heartbeat=heartbeat, pid=77, started=1.0)  # type: ignore[arg-type]


def asked(state: str = "running", at: float = NOW - 100) -> Wanted:
    return Wanted(state=state, at=at)  # type: ignore[arg-type]


@pytest.mark.parametrize("state", ["waiting", "preparing", "running", "paused"])
def test_a_living_worker_is_what_it_says_until_it_is_silent_for_long(state: str) -> None:
    assert derive(last(state), asked(), True, NOW).state == state
    assert derive(last(state, NOW - SILENCE - 1), asked(), True, NOW).state == "stalled"


@pytest.mark.parametrize("state", ["preparing", "running"])
def test_a_dead_worker_is_interrupted_or_what_was_asked(state: str) -> None:
    assert derive(last(state), asked("running"), False, NOW).state == "interrupted"
    assert derive(last(state), asked("stopped", NOW), False, NOW).state == "stopped"
    assert derive(last(state), asked("paused", NOW), False, NOW).state == "paused"


@pytest.mark.parametrize("state", ["finished", "diverged", "failed", "stopped", "paused"])
def test_an_ended_run_stays_ended_until_it_is_asked_to_go_on(state: str) -> None:
    assert derive(last(state), asked(), False, NOW).state == state
    assert derive(last(state), asked("running", NOW), False, NOW).state == "waiting"
    assert derive(last(state, NOW - 50), asked("running", NOW - SILENCE - 1), False, NOW).state == state


def test_a_start_that_nobody_answers_is_waiting_and_then_interrupted() -> None:
    assert derive(None, asked("running", NOW - 1), False, NOW).state == "waiting"
    assert derive(None, asked("running", NOW - SILENCE - 1), False, NOW).state == "interrupted"
    assert derive(None, asked("stopped", NOW), False, NOW).state == "stopped"


def test_a_worker_killed_from_outside_says_so() -> None:
    killed = derive(last("running"), asked(), False, NOW, {"pid": 77, "returncode": -9})
    assert killed.state == "interrupted"
    assert "memory" in killed.message
    assert derive(last("running"), asked(), False, NOW, {"pid": 78, "returncode": -9}).message == ""


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"state": "flying"}', '{"state": 3}', "\x00" * 50])
def test_broken_files_are_as_good_as_missing_ones(tmp_path: Path, text: str) -> None:
    (tmp_path / "status.json").write_text(text)
    (tmp_path / "wanted.json").write_text(text)
    assert recorded(tmp_path) is None
    assert wanted(tmp_path) == Wanted()


def test_fields_of_a_wrong_type_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "status.json").write_text(json.dumps({"state": "running", "step": "many", "tokens": 9, "extra": 1}))
    assert recorded(tmp_path) == Status(state="running", tokens=9)


def test_a_number_of_a_process_counts_only_with_its_start_time() -> None:
    me = psutil.Process(os.getpid())
    assert same_process(me.pid, me.create_time()) == me
    assert same_process(me.pid, me.create_time() - 100) is None
    assert same_process(2**22 + 5, 1.0) is None
    assert same_process(None, None) is None


def test_a_start_is_not_lost_while_the_queue_knows_of_it() -> None:
    long_ago = asked("running", NOW - 7200)
    assert derive(None, long_ago, False, NOW, None, NOW).state == "waiting"
    assert derive(None, long_ago, False, NOW, None, NOW - SILENCE - 1).state == "interrupted", "it never began"
    assert derive(last("stopped", NOW - 9000), long_ago, False, NOW, None, NOW).state == "waiting", "it was resumed"
    assert derive(last("finished", NOW - 7000), long_ago, False, NOW, None, NOW).state == "finished"
    assert derive(last("running", NOW - 7000), long_ago, False, NOW, None, NOW).state == "interrupted"
    assert derive(None, asked("stopped", NOW - 7200), False, NOW, None, NOW).state == "stopped"


def test_a_pause_that_has_lasted_until_its_worker_left_can_be_stopped() -> None:
    paused = last("paused", NOW - 700)
    assert derive(paused, asked("paused", NOW - 800), False, NOW).state == "paused"
    assert derive(paused, asked("stopped", NOW - 5), False, NOW).state == "stopped"
    assert derive(paused, asked("stopped", NOW - 800), False, NOW).state == "paused", "a full disk, after the wish"
