"""A language model's run, killed and taken up again: what its folder shows is one life, not two."""

from pathlib import Path

import pytest

from llm_core.config import DataConfig, RunConfig
from llm_core.runs import history
from llm_core.runs.store import Store
from llm_core.runs.worker import work
from tests.training.conftest import run_config


class Killed(BaseException):
    """What no worker catches."""


@pytest.fixture
def config(tmp_path: Path) -> RunConfig:
    text = tmp_path / "text.txt"
    text.write_text("".join(f"{n} green bottles hanging on the wall.\n" for n in range(99, 0, -1)), encoding="utf-8")
    return run_config(steps=12).model_copy(update={"data": DataConfig(corpus=str(text), tokenizer="character")})


def test_what_a_killed_life_kept_after_its_last_full_checkpoint_is_gone(store: Store, config: RunConfig) -> None:
    run = store.create(config, name="a run", owner="local")

    def kill(row: history.Row) -> None:
        if row["kind"] == "step" and row["step"] == 7:
            raise Killed

    def stop(row: history.Row) -> None:
        if row["kind"] == "step" and row["step"] == 5:
            store.want(run, "stopped", owner="local")

    with pytest.raises(Killed):
        work(run, report=kill)
    assert run.steps() == [0, 1, 2, 3, 4, 6]
    assert work(run, report=stop).state == "stopped"
    assert run.steps() == [0, 1, 2, 3, 4, 5]
    store.want(run, "running", owner="local")
    assert work(run).state == "finished"
    assert run.steps() == [0, 1, 2, 3, 4, 5, 6, 8, 12]
