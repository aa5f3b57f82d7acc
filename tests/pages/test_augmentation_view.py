"""What augmentation was worth, on the page: the numbers of the two runs, a verdict only where the test says so, and nothing
where nothing was added."""

import csv
import io
from pathlib import Path

import pytest

from llm_core.config import TableConfig
from llm_core.runs.augmentation_effect import effects
from llm_core.runs.race import RaceConfig
from llm_core.runs.raced import Race, open_race
from llm_core.runs.store import Store
from llm_core.runs.worker import work
from pages.ui.charts import DARK
from pages.ui.classify import augmentation
from pages.ui.classify.race_live import _look
from pages.ui.classify.scored import Scored, scored
from tests.pages.test_race_results import rows_of, section, tables
from tests.runs.fake_families import fakes, job, write_table
from tests.runs.test_augmented_race import Helped


def augmented(store: Store, folder: Path, kind: str = "deletion", *, rows: int = 400) -> Race:
    table = TableConfig(file=str(write_table(folder, rows)))
    config = RaceConfig(table=table, families=("majority", "decision_tree", "lstm"), augmentation=kind)  # type: ignore[arg-type]
    run = store.create(config, name="reviews", threads=1)
    assert work(run, make_job=job(fakes(Helped("lstm")))).state == "finished"
    return open_race(store.find(run.id))


def looked_at(race: Race) -> Scored:
    found = scored(race)
    assert found is not None
    return found


def test_the_table_has_both_accuracies_and_the_test(store: Store, tmp_path: Path) -> None:
    race = augmented(store, tmp_path)
    (table,) = tables(section(race, "augmentation"))
    rows = rows_of(table)
    assert list(rows) == ["lstm", "decision_tree"], "who gained most comes first"
    for effect in effects(race):
        shown = rows[effect.family]
        assert [float(shown[place].rstrip(" %")) / 100 for place in (1, 2)] == pytest.approx([effect.accuracy, effect.without], abs=0.001)  # fmt: skip
        assert [int(shown[place]) for place in (4, 5)] == [effect.only_with, effect.only_without]
    lines = list(csv.DictReader(io.StringIO(augmentation.csv(effects(race)))))
    assert [float(line["p"]) for line in lines] == pytest.approx([effect.p for effect in effects(race)])


def test_who_was_helped_is_said_only_where_the_test_says_so(store: Store, tmp_path: Path) -> None:
    said = augmentation.verdict(looked_at(augmented(store, tmp_path)))
    assert "copies with words left out" in said
    assert "Better with them: **LSTM**." in said
    assert "Worse" not in said
    (tmp_path / "few").mkdir()
    few = augmentation.verdict(looked_at(augmented(store, tmp_path / "few", "swap", rows=30)))
    assert "no evidence that this changed any family" in few


def test_without_augmentation_there_is_no_such_view(store: Store, tmp_path: Path) -> None:
    race = augmented(store, tmp_path, "none")
    test = section(race, "augmentation")
    assert test.button_group(key="classify_view").value == "families"
    assert "augmentation" not in test.button_group(key="classify_view").options


def test_every_lane_is_called_and_drawn(store: Store, tmp_path: Path) -> None:
    race = augmented(store, tmp_path)
    names = [(_look(lane)["title"], _look(lane)["note"]) for lane in race.lanes]
    assert len(set(names)) == len(names)
    assert (_look("lstm.none")["title"], _look("lstm.none")["note"]) == ("LSTM", "without augmentation")
    drawn = augmentation.figure(effects(race), DARK)
    assert [trace.marker.symbol for trace in drawn.data] == [
        "diamond-open",
        "diamond",
        "triangle-down-open",
        "triangle-down",
    ]


def test_the_same_as_python_runs(store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    race = augmented(store, tmp_path)
    exec(compile(augmentation.python(looked_at(race)), "code", "exec"), {})
    assert capsys.readouterr().out.count("Interval(") == 2
