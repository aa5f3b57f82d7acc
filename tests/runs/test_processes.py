"""Worker processes: killed, hung, told to end, orphaned by their server. Those without torch are killed often."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from llm_core.config import DataConfig, RunConfig, TableConfig, TrainingConfig, TransformerConfig
from llm_core.runs import history, launch, status
from llm_core.runs.files import replace_json
from llm_core.runs.race import RaceConfig
from llm_core.runs.raced import open_race
from llm_core.runs.run import Run
from llm_core.runs.store import Store
from llm_core.runs.worker import work
from llm_core.training import atomic
from tests.runs.fake import expected, losses
from tests.runs.fake_families import fakes, job, write_table
from tests.runs.test_worker import wait_for

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")

Make = Callable[..., Run]
ROOT = Path(__file__).parents[2]


@pytest.fixture
def tiny(tmp_path: Path) -> RunConfig:
    text = tmp_path / "text.txt"
    text.write_text("The rain in Spain stays mainly in the plain.\n\n" * 200)
    return RunConfig(
        data=DataConfig(corpus=str(text), tokenizer="character"),
        model=TransformerConfig(width=16, layers=1, heads=2, context=16),
        training=TrainingConfig(
            steps=100, batch_size=2, evaluation_every=50, evaluation_tokens=64, sample_every=50, sample_tokens=4,
            checkpoint_every=50, threads=1,
        ),
    )  # fmt: skip


def child(run: Run, *words: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.runs.fake", str(run.folder), *map(str, words)],
        cwd=ROOT, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def ending(process: subprocess.Popen[str]) -> str:
    with process:
        assert process.stdout is not None
        return process.stdout.read().strip()


@pytest.mark.skipif(sys.platform != "linux" or Path("/dev/nvidiactl").exists(), reason="no limit where CUDA maps more")
def test_whoever_works_on_a_run_has_a_limited_memory(make: Make) -> None:
    program = (
        "import resource, sys; from pathlib import Path; from llm_core.runs.worker import work; "
        "from tests.runs.fake import FakeJob, folder_run; work(folder_run(Path(sys.argv[1])), make_job=FakeJob); "
        "print(resource.getrlimit(resource.RLIMIT_DATA)[0])"
    )
    command = [sys.executable, "-c", program, str(make().folder)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert 0 < int(result.stdout) < psutil.virtual_memory().total


def test_killed_again_and_again_a_run_ends_as_if_it_never_was(make: Make) -> None:
    run, dice = make(), random.Random(5)
    acknowledged = 0
    for _ in range(8):
        process = child(run, 60, 0.004)
        wait_for(lambda: run.status().state in ("running", "finished"))
        time.sleep(dice.uniform(0, 0.08))
        rows = history.records(run.folder)
        acknowledged = max([acknowledged, *(row["step"] for row in rows if row["kind"] == "snapshot")])
        process.kill()
        ending(process)
        assert not run.alive()
        assert run.status().state in ("interrupted", "waiting", "finished")
        assert run.steps()[-1] >= acknowledged, "a checkpoint that was spoken of is there"
        atomic.verify(run.folder / "steps" / f"{run.steps()[-1]:08d}")
    assert ending(child(run, 60)) == "finished"
    assert losses(history.records(run.folder)) == expected(60)
    assert [path.name for path in run.folder.rglob(".*")] == [".lock"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_a_clean_stop_with_a_checkpoint(make: Make, number: signal.Signals) -> None:
    run = make()
    process = child(run, 1000, 0.01)
    wait_for(lambda: run.status().step >= 3)
    process.send_signal(number)
    assert ending(process) == "stopped"
    assert process.returncode == 0
    assert run.steps()[-1] == run.status().step
    assert run.status().state == "stopped"


def test_two_workers_started_at_once_are_one(make: Make) -> None:
    run = make()
    both = [child(run, 100_000, 0.01) for _ in range(2)]
    wait_for(lambda: any(process.poll() is not None for process in both), 30)
    refused, working = sorted(both, key=lambda process: process.returncode is None)
    assert ending(refused) == ""
    wait_for(lambda: run.status().step >= 3, 30)
    working.send_signal(signal.SIGTERM)
    assert ending(working) == "stopped"
    assert losses(history.records(run.folder)) == expected(run.status().step)


def test_a_hung_worker_is_seen_and_ended_by_stop(make: Make, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, "SILENCE", 0.5)
    monkeypatch.setattr(launch, "PATIENCE", 0.6)
    run = make()
    process = child(run, 20, 0, 7)
    wait_for(lambda: run.status().state == "stalled")
    store.want(run, "stopped", owner="local")
    store.want(run, "stopped", owner="local")
    ending(process)
    assert process.returncode == -signal.SIGKILL
    assert run.status().state == "stopped"
    assert run.steps()[-1] == 5


def test_a_stop_does_not_wait_for_a_fit_that_hears_nothing(store: Store, tmp_path: Path) -> None:
    """Nothing is lost: the family that was under way begins anew in any case."""
    table = TableConfig(file=str(write_table(tmp_path)))
    config = RaceConfig(table=table, families=("majority", "decision_tree", "lstm"))
    run = store.create(config, name="race", threads=1)
    command = [sys.executable, "-m", "tests.runs.fake_families", str(run.folder)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    wait_for(lambda: any(row.get("family") == "decision_tree" for row in history.records(run.folder)), seconds=240)
    store.want(run, "stopped", owner="local")
    ending(process)
    assert process.returncode == -signal.SIGKILL, "long before its minute is over"
    assert run.status().state == "stopped"
    assert tuple(open_race(run).results) == ("majority",)
    store.want(run, "running", owner="local")
    families = fakes()
    assert work(run, make_job=job(families)).state == "finished"
    assert [len(families[name].given) for name in ("majority", "decision_tree", "lstm")] == [0, 1, 1]


def test_a_process_with_the_same_number_is_never_signalled(
    make: Make, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "PATIENCE", 0.1)
    run = make()
    process = child(run, 20, 0, 7)
    wait_for(lambda: any(row.get("step") == 7 for row in history.records(run.folder)))
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    with bystander:
        said = {"state": "running", "step": 7, "heartbeat": time.time() - 60, "pid": bystander.pid}
        replace_json(run.folder / "status.json", said | {"started": psutil.Process(bystander.pid).create_time() - 100})
        store.want(run, "stopped", owner="local")
        time.sleep(0.8)
        assert bystander.poll() is None
        bystander.kill()
    process.kill()
    ending(process)


def test_a_worker_killed_from_outside_is_interrupted_and_says_why(store: Store, tiny: RunConfig) -> None:
    run = store.create(
        tiny.model_copy(update={"training": tiny.training.model_copy(update={"steps": 100_000})}), name="x"
    )
    store.start(run)
    store.start(run)
    wait_for(lambda: run.status().step >= 3, 60)
    last = status.recorded(run.folder)
    assert last is not None
    process = status.same_process(last.pid, last.started)
    assert process is not None
    assert os.getsid(process.pid) != os.getsid(0), "it has a session of its own"
    process.kill()
    wait_for(lambda: run.status().message != "")
    assert run.status().state == "interrupted"
    assert "memory" in run.status().message
    store.want(run, "stopped", owner="local")
    assert run.status().state == "stopped"


SERVER = """
import sys, time
from pathlib import Path
from llm_core.runs.store import Store
store = Store(Path(sys.argv[1]))
store.warm()
for run in store.runs():
    store.start(run)
store.warm()
print("started", flush=True)
time.sleep(600)
"""


def test_workers_outlive_a_killed_server_and_an_idle_warm_one_does_not(store: Store, tiny: RunConfig) -> None:
    runs = [store.create(tiny, name=name) for name in ("one", "two")]
    program = [sys.executable, "-c", SERVER, str(store.root)]
    with subprocess.Popen(program, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == "started\n"
        workers = psutil.Process(server.pid).children()
        server.kill()
    assert len(workers) == 3, "one run was given to the warm worker, one to a new one, and one waits"
    again = Store(store.root)
    wait_for(lambda: all(again.find(run.id).status().state == "finished" for run in runs), 120)
    for run in runs:
        assert len(losses(history.records(run.folder))) == 100
        assert run.steps()[-1] == 100
    assert psutil.wait_procs(workers, timeout=60)[1] == []


def test_a_worker_keeps_few_compiled_kernels_unless_the_environment_says_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = "ONEDNN_PRIMITIVE_CACHE_CAPACITY"
    monkeypatch.delenv(name, raising=False)
    assert int(launch.environment()[name]) < 1024
    monkeypatch.setenv(name, "7")
    assert launch.environment()[name] == "7"
