"""Classify as a script: the form, one race a press, which race is looked at, and what a link names."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from llm_core.errors import UserError
from llm_core.runs.race import FAMILIES, RaceConfig
from llm_core.runs.store import Store
from pages.ui.forms import form_key
from pages.ui.subject import titles
from tests.pages import raced

NAVIGATION = str(Path(__file__).parents[2] / "pages" / "navigation.py")
SECONDS = form_key(RaceConfig, "seconds")


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ids of the runs that were handed to a worker; none is started."""
    runs: list[str] = []
    monkeypatch.setattr(Store, "start", lambda self, run, owner: runs.append(run.id))
    return runs


def classify_page(**query: str) -> AppTest:
    test = AppTest.from_file(NAVIGATION, default_timeout=30)
    for name, value in query.items():
        test.query_params[name] = value
    test.run()
    return test.switch_page("classify.py").run()


def shown(test: AppTest) -> str:
    """The race in the link."""
    found = test.query_params["race"]
    return found[0] if isinstance(found, list) else found


def test_a_press_makes_one_race_of_what_was_chosen_and_looks_at_it(store: Store, started: list[str]) -> None:
    test = classify_page()
    test.number_input(key=SECONDS).set_value(30.0).run()
    test.button_group(key="classify_families").set_value(["majority", "lstm"]).run()
    test.button(key="race_start").click().run()
    test.button(key="race_start").click().run()
    assert not test.exception
    assert not test.error
    (run,) = store.runs()
    assert set(started) == {run.id}
    assert isinstance(run.settings, RaceConfig)
    assert (run.settings.families, run.settings.seconds, run.settings.per_family) == (("majority", "lstm"), 30.0, False)
    assert run.settings.table.file == "headlines-en"
    assert run.settings.threads is not None
    assert shown(test) == run.id


def test_all_families_race_unless_some_are_taken_out(store: Store, started: list[str]) -> None:
    test = classify_page()
    test.button(key="race_start").click().run()
    (run,) = store.runs()
    assert isinstance(run.settings, RaceConfig)
    assert (run.settings.families, run.settings.seconds) == (FAMILIES, 60.0)


def test_without_a_family_nothing_can_be_started(store: Store, started: list[str]) -> None:
    test = classify_page()
    test.button_group(key="classify_families").set_value([]).run()
    assert "at least one family" in test.error[0].value
    assert test.button(key="race_start").disabled


def test_a_race_that_is_refused_says_why_and_leaves_nothing(
    store: Store, started: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Store, *args: object, **more: object) -> None:
        raise UserError("{file} cannot be kept: {reason}.", file="a.csv", reason="the disk is full")

    monkeypatch.setattr(Store, "create", refuse)
    test = classify_page()
    test.button(key="race_start").click().run()
    assert not test.exception
    assert "the disk is full" in test.error[0].value
    assert started == store.runs() == []


def test_ones_own_newest_race_is_shown_and_a_link_opens_another(store: Store, tmp_path: Path) -> None:
    older = raced.make_race(store, tmp_path)
    newer = raced.make_race(store, tmp_path)
    test = classify_page()
    assert not test.exception
    assert shown(test) == newer.id
    test = classify_page(race=older.id)
    assert test.selectbox(key="classify_race").value == older.id
    assert shown(test) == older.id


@pytest.mark.parametrize("reference", ["0" * 16, "../x", "stories-en", "<script>"])
def test_a_link_to_no_race_is_told_and_the_page_goes_on(store: Store, tmp_path: Path, reference: str) -> None:
    run = raced.make_race(store, tmp_path)
    test = classify_page(race=reference)
    assert not test.exception
    assert len(test.warning) == 1
    assert shown(test) == run.id


def test_a_broken_race_is_left_out(store: Store, tmp_path: Path) -> None:
    run = raced.make_race(store, tmp_path)
    raced.make_race(store, tmp_path).folder.joinpath("run.json").write_text("{")
    test = classify_page()
    assert not test.exception
    assert shown(test) == run.id


def test_races_are_no_models_for_other_pages(store: Store, tmp_path: Path) -> None:
    raced.make_race(store, tmp_path)
    test = AppTest.from_file(NAVIGATION, default_timeout=30).run().switch_page("generate.py").run()
    assert not test.exception
    assert set(test.selectbox(key="subject_run").options) == {
        titles([run])[run.id] for run in store.bundled() if run.steps()
    }
