"""`race` and `classify` on the command line: figures, labels, files, and one sentence for what cannot be."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score

from llm_core import __main__ as command_line
from llm_core import devices
from llm_core.runs.race import ClassifyConfig
from llm_core.runs.raced import open_race, predictions_of
from llm_core.runs.store import Store
from tests.runs.fake_families import write_table

QUICK = ("--families", "majority", "tfidf_logistic_regression", "decision_tree")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TERRARIUM_RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr(devices, "physical_cores", lambda: 1)
    write_table(tmp_path, 120)


def call(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = command_line.main(list(words))
    said = capsys.readouterr()
    return status, said.out, said.err


def race(capsys: pytest.CaptureFixture[str], *more: str) -> dict[str, Any]:
    columns = ("--text-column", "text", "--label-column", "label")
    status, out, err = call(capsys, "race", "reviews.csv", *columns, *QUICK, "--seconds", "5", *more, "--json")
    assert (status, out.count("\n")) == (0, 1), err
    assert "majority: accuracy 0." in err
    found: dict[str, Any] = json.loads(out)
    return found


def test_a_race_gives_figures_by_family_and_can_be_asked_again(capsys: pytest.CaptureFixture[str]) -> None:
    found = race(capsys)
    assert list(found["families"]) == list(QUICK[1:])
    opened = open_race(Store().find(found["run"], paths=True))
    labels = opened.prepared.test.labels
    for family, figures in found["families"].items():
        assert {"accuracy", "macro_f1", "seconds", "parameters"} <= set(figures)
        probabilities = opened.predictions(family)
        assert probabilities is not None
        called = probabilities.argmax(axis=1)
        assert figures["accuracy"] == pytest.approx(accuracy_score(labels, called))
        assert figures["macro_f1"] == pytest.approx(f1_score(labels, called, average="macro"))
        again = opened.classifier(family).probabilities(opened.prepared.test.texts)
        np.testing.assert_allclose(again, probabilities, atol=1e-6)
    # To go on with what is finished changes nothing.
    before = {path: path.read_bytes() for path in Path(found["run"]).rglob("*") if path.is_file()}
    status, out, _ = call(capsys, "resume", found["run"], "--json")
    assert (status, json.loads(out)) == (0, found)
    assert {path: path.read_bytes() for path in Path(found["run"]).rglob("*") if path.is_file()} == before
    assert len(call(capsys, "runs")[1].splitlines()) == 1 + len(Store().bundled()) + len(Store().bundled_races())


def test_a_point_of_a_curve_against_data_size_is_worked_on_by_itself(capsys: pytest.CaptureFixture[str]) -> None:
    run = race(capsys)["run"]
    store = Store()
    config = ClassifyConfig(race=Path(run).name, family="decision_tree", seconds=5.0, share=0.5)
    child = store.create(config, name="half", threads=1)
    status, out, err = call(capsys, "resume", str(child.folder), "--json")
    assert status == 0, err
    found = json.loads(out)
    assert found["run"] == str(child.folder)
    assert found["texts"] == pytest.approx(len(open_race(store.find(run, paths=True)).prepared.training) / 2, abs=1)
    assert 0 <= found["accuracy_low"] <= found["accuracy"] <= found["accuracy_high"] <= 1


def test_the_same_seed_gives_the_same_split_and_figures(capsys: pytest.CaptureFixture[str]) -> None:
    one, two, other = (race(capsys, "--seed", seed) for seed in ("3", "3", "4"))

    def shown(found: dict[str, Any]) -> Any:
        split = json.loads((Path(found["run"]) / "split.json").read_text())
        return split, {name: figures["accuracy"] for name, figures in found["families"].items()}

    assert shown(one) == shown(two)
    assert shown(one)[0] != shown(other)[0]


def test_with_augmentation_every_family_is_compared_with_itself_without(capsys: pytest.CaptureFixture[str]) -> None:
    found = race(capsys, "--augmentation", "swap")
    assert list(found["families"]) == list(QUICK[1:])
    opened = open_race(Store().find(found["run"], paths=True))
    labels = opened.prepared.test.labels
    for family in QUICK[2:]:
        told = found["families"][family]["augmentation"]
        without = predictions_of(opened.lanes[f"{family}.none"]).argmax(axis=1)
        assert told["kind"] == "swap"
        assert told["accuracy_without"] == pytest.approx(accuracy_score(labels, without))
        assert told["difference_low"] <= told["difference"] <= told["difference_high"]
    assert "augmentation" not in found["families"]["majority"]
    err = call(capsys, "race", "reviews.csv", *QUICK, "--augmentation", "noise")[2]
    assert "deletion" in err


def test_a_test_file_is_what_all_are_tested_on(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "more.csv").write_text("text,label\nall is good,good\nall is poor,bad\nnothing good,bad\n")
    found = race(capsys, "--test", "more.csv")
    assert len(open_race(Store().find(found["run"], paths=True)).prepared.test) == 3
    assert found["families"]["tfidf_logistic_regression"]["accuracy"] == pytest.approx(2 / 3)


def test_a_text_gets_its_class_from_race_family_and_child(capsys: pytest.CaptureFixture[str]) -> None:
    run = race(capsys)["run"]
    text = ("--text", "text number 7 is good indeed")
    child = open_race(Store().find(run, paths=True)).children["tfidf_logistic_regression"]
    answers = []
    for words in ((run, "--family", "tfidf_logistic_regression"), (str(child.folder),), (child.id,)):
        status, out, err = call(capsys, "classify", *words, *text, "--json")
        assert (status, err) == (0, "")
        answers.append(json.loads(out))
    assert answers[0] == answers[1] == answers[2]
    assert answers[0]["label"] == "good"
    assert sum(answers[0]["probabilities"].values()) == pytest.approx(1)
    assert answers[0]["probabilities"]["good"] > 0.5
    # Of a race without a neural family the best of all.
    status, out, _ = call(capsys, "classify", run, *text, "--json")
    assert json.loads(out)["family"] == open_race(Store().find(run, paths=True)).best()
    status, out, _ = call(capsys, "classify", run, *text)
    assert status == 0
    assert "label: good" in out


def test_a_file_is_scored_where_it_has_labels_and_written_where_it_is_asked(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    run = race(capsys)["run"]
    rows = [("=1+1 is good", "good"), ("it is poor", "bad"), ("so good", "bad"), ("", ""), ("is poor", "unknown")]
    with (tmp_path / "new.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
    words = ("classify", run, "--family", "tfidf_logistic_regression", "--file", "new.csv", "--text-column", "text")
    status, out, err = call(capsys, *words, "--label-column", "label", "--out", "called.csv", "--json")
    assert (status, err) == (0, "")
    wanted, called = ["good", "bad", "bad", "unknown"], ["good", "bad", "good", "bad"]
    assert json.loads(out) == {
        "family": "tfidf_logistic_regression", "texts": 4, "accuracy": 0.5,
        "macro_f1": pytest.approx(f1_score(wanted, called, average="macro", zero_division=0)),
    }  # fmt: skip
    written = list(csv.DictReader((tmp_path / "called.csv").read_text(encoding="utf-8-sig").splitlines()))
    assert [row["predicted"] for row in written if row["text"]] == called
    assert written[0]["text"] == "'=1+1 is good", "no spreadsheet runs it"
    assert float(written[0]["probability of good"]) + float(written[0]["probability of bad"]) == pytest.approx(1)
    status, out, _ = call(capsys, *words, "--json")
    assert json.loads(out)["predictions"][:3] == called[:3]
    assert sum(json.loads(out)["labels"].values()) == json.loads(out)["texts"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["race", "nowhere.csv"], "nowhere.csv"),
        (["race", "reviews.csv", "--label-column", "stars"], "stars"),
        (["race", "reviews.csv", "--families", "perceptron"], "families"),
        (["race", "reviews.csv", "--families", "lstm", "lstm"], "Each family runs once"),
        (["race", "reviews.csv", "--seconds", "0"], "seconds"),
        (["race", "one.csv"], "one"),
        (["race"], "FILE"),
        (["classify", "nothing", "--text", "a"], "There is no run nothing"),
        (["classify", "stories-en", "--text", "a"], "no race of classifiers"),
        (["classify", "x", "--text", "a", "--file", "b"], "not allowed with"),
        (["classify", "x"], "required"),
    ],
)
def test_what_cannot_be_is_one_sentence_and_leaves_nothing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, words: list[str], sentence: str
) -> None:
    (tmp_path / "one.csv").write_text("text,label\n" + "".join(f"text {n},same\n" for n in range(40)))
    status, out, err = call(capsys, *words)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert sentence in err
    assert not (tmp_path / "runs").exists()


def test_a_file_without_the_column_names_those_that_it_has(capsys: pytest.CaptureFixture[str]) -> None:
    run = race(capsys)["run"]
    for words in (("--text-column", "words"), (), ("--text-column", "text", "--label-column", "stars")):
        status, _, err = call(capsys, "classify", run, "--file", "reviews.csv", *words)
        assert status == 2
        assert "text, label" in err
