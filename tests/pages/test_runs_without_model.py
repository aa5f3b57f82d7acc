"""A run that scores the heads of another one has no model: no list of models or trainings offers it."""

import json

from llm_core.runs.scored import HeadScoresConfig
from llm_core.runs.store import Store
from pages.ui import routes, subject
from tests.pages.recorded import write_run
from tests.pages.test_routes import RUN, request


def test_neither_the_model_chooser_nor_the_list_of_trainings_shows_it(store: Store) -> None:
    folder = write_run(store.root / RUN, until=10, state="paused")
    (folder / "steps" / "00000010").mkdir(parents=True)
    (folder / "steps" / "00000010" / "manifest.json").write_text("{}")
    scoring = store.create(HeadScoresConfig(run=RUN), name="heads of a run")
    assert {run.id for run in store.runs()} == {RUN, scoring.id}
    assert scoring.status().under_way
    for needs_steps in (False, True):
        assert [run.id for run in subject.available(needs_steps=needs_steps) if not run.read_only] == [RUN]
    listed = json.loads(bytes(routes.live_list(request()).body))["runs"]
    assert [row["run"] for row in listed] == [RUN]
