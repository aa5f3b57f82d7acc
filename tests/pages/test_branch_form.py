"""A branch as the page Train makes it: what its form holds, what a press hands over, and what is refused."""

import json
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from llm_core.config import RunConfig
from llm_core.errors import UserError
from llm_core.runs.run import Run
from llm_core.runs.store import Store
from pages.ui.forms import form_key
from pages.ui.state import BRANCH_KEY, BRANCH_NAME_KEY, BRANCH_STEP_KEY
from pages.ui.train import branch_form
from pages.ui.train.branch_form import Asked, BranchTraining
from tests.pages.recorded import write_run
from tests.pages.test_train_page import started, train_page

__all__ = ["started"]
RUN, MADE, FIRST = "0123456789abcdef", "fedcba9876543210", "00000000000000aa"


def kept(run: Run, *steps: int) -> None:
    """Let it look as if these steps had been kept; only the last one whole."""
    for step in steps:
        folder = run.folder / "steps" / f"{step:08d}"
        folder.mkdir(parents=True)
        (folder / "manifest.json").write_text("{}", encoding="utf-8")
    (folder / "optimizer.safetensors").write_bytes(b"")


@pytest.fixture
def run(store: Store) -> Run:
    write_run(store.root / RUN, until=10, name="first")
    run = store.find(RUN)
    kept(run, 0, 100, 1000)
    return run


@pytest.fixture
def handed(store: Store, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the store was asked to branch: it makes a run by hand, and refuses a name that says so."""
    asked: list[dict[str, Any]] = []

    def branch(self: Store, run: Run, step: int, config: RunConfig, *, name: str, owner: str, form_token: str) -> Run:
        asked.append({"run": run.id, "step": step, "config": config, "name": name, "token": form_token})
        if name == "refused":
            raise UserError("A branch must not be called {name}.", name=name)
        if not (store.root / MADE).exists():
            write_run(store.root / MADE, until=10, name=name)
        return store.find(MADE)

    monkeypatch.setattr(Store, "branch", branch)
    return asked


def opened_form(run: Run, step: int) -> AppTest:
    """The page as it is once the button was pressed."""
    test = train_page(run=run.id)
    test.session_state[BRANCH_KEY] = Asked(run.id, "one opening")
    test.session_state[BRANCH_STEP_KEY] = step
    test.session_state[BRANCH_NAME_KEY] = "second"
    return test.run()


def test_a_press_makes_a_branch_and_looks_at_it(run: Run, handed: list[dict[str, Any]], started: list[str]) -> None:
    test = opened_form(run, 100)
    assert "optimizer begins anew" in " ".join(line.value for line in test.caption)
    assert not [button for button in test.button if button.key == "train_start"]
    test.number_input(key=form_key(BranchTraining, "learning_rate")).set_value(0.001).run()
    test.button(key="branch_start").click().run()
    assert not test.exception
    (asked,) = handed
    expected = run.config.training.model_copy(update={"learning_rate": 0.001})
    assert asked["config"] == run.config.model_copy(update={"training": expected})
    assert (asked["run"], asked["step"], asked["name"], asked["token"]) == (RUN, 100, "second", "one opening")
    assert started == [MADE]
    assert test.query_params["run"] in (MADE, [MADE])
    assert test.button(key="train_start") is not None


def test_what_the_store_refuses_is_one_sentence_and_the_form_stays(
    run: Run, handed: list[dict[str, Any]], started: list[str]
) -> None:
    test = opened_form(run, 1000)
    assert "All of step 1,000 was kept" in " ".join(line.value for line in test.caption)
    test.text_input(key=BRANCH_NAME_KEY).set_value("refused").run()
    test.button(key="branch_start").click().run()
    assert "must not be called refused" in test.error[0].value
    assert started == []
    test.button(key="branch_back").click().run()
    assert not test.error
    assert test.button(key="train_start") is not None


def test_the_form_closes_when_another_run_is_looked_at(run: Run, store: Store, started: list[str]) -> None:
    write_run(store.root / MADE, until=10, name="another")
    test = opened_form(run, 100)
    test.selectbox(key="subject_run").set_value(MADE).run()
    assert test.button(key="train_start") is not None


def test_the_form_opens_at_the_nearest_step_that_was_kept(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    session: dict[str, Any] = {}
    monkeypatch.setattr(branch_form.st, "session_state", session)
    for wanted, found in ((None, 1000), (140, 100), ("1; drop", 1000), (-5, 0)):
        branch_form.open_for(RUN, wanted)
        assert session[BRANCH_STEP_KEY] == found
    # From the last step on there is more to train.
    branch_form.open_for(RUN, 1000)
    assert session[form_key(BranchTraining, "steps")] == 1500
    branch_form.open_for(RUN, 100)
    assert session[form_key(BranchTraining, "steps")] == 1000


def test_a_run_that_has_kept_nothing_cannot_be_branched_yet(store: Store) -> None:
    write_run(store.root / RUN, until=10)
    with pytest.raises(UserError, match="not kept a model"):
        branch_form.open_for(RUN, None)


def test_the_runs_before_a_branch_are_named_up_to_one_that_is_gone(store: Store) -> None:
    for name, origin in ((FIRST, "0000000000000bad"), (RUN, FIRST), (MADE, RUN)):
        path = write_run(store.root / name, until=10) / "run.json"
        values = json.loads(path.read_text(encoding="utf-8"))
        path.write_text(json.dumps(values | {"branched_from": {"run": origin, "step": 7}}), encoding="utf-8")
    assert branch_form.before(store.find(MADE)) == [{"run": RUN, "step": 7}, {"run": FIRST, "step": 7}]
