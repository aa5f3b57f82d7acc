"""A race for pages to show, made without fitting anything: by families that need no time."""

from pathlib import Path

from llm_core.config import TableConfig
from llm_core.runs.race import RaceConfig
from llm_core.runs.run import Run
from llm_core.runs.store import Store
from llm_core.runs.worker import work
from tests.runs.fake_families import FakeFamily, fakes, job, write_table

FAMILIES = ("majority", "decision_tree", "lstm")


def make_race(store: Store, folder: Path, *, finished: bool = True, broken: FakeFamily | None = None) -> Run:
    """A race of three families in a store, on a table that is written into `folder`."""
    table = TableConfig(file=str(write_table(folder)))
    run = store.create(RaceConfig(table=table, families=FAMILIES), name="reviews.csv", threads=1)
    if finished:
        assert work(run, make_job=job(fakes(*([broken] if broken else [])))).state == "finished"
    return run
