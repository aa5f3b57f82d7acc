"""Scores of heads over the steps of training: when a head forms, what the loss does then, and what can be taken away."""

import csv
import io

import pytest

from llm_core.runs.store import Store
from pages.ui.attention import head_steps, measured
from pages.ui.attention.head_rows import HeadRows, read_rows, rise
from pages.ui.attention.head_words import climb
from pages.ui.attention.looking import Looking
from pages.ui.subject import Subject
from tests.pages.made_heads import HEADS, INDUCTION, LAYERS, STEPS, made_rows, row
from tests.pages.recorded import write_run

RUN = "0123456789abcdef"
LOOKING = Looking(RUN, 400, "a text", "", "decoder", 1, 2, "heads")


@pytest.fixture
def rows() -> HeadRows:
    return read_rows(made_rows())


def test_the_steps_between_which_a_head_forms_are_found(rows: HeadRows) -> None:
    pair = rise(rows.over("decoder", "induction"), 1, 2)
    assert pair is not None
    assert [each.step for each in pair] == [100, 400]
    assert [each.mean[1, 2] for each in pair] == [INDUCTION[100], INDUCTION[400]]


@pytest.mark.parametrize(
    "values",
    [
        [0.05, 0.1, 0.15],  # never more than faint
        [0.9, 0.8, 0.7],  # falls
        [0.1, 0.9],  # too few to tell when
        [],
    ],
)
def test_where_no_head_forms_no_moment_is_named(values: list[float]) -> None:
    rows = read_rows([row(step, "induction", {(0, 0): value}) for step, value in enumerate(values)])
    assert rise(rows.over("decoder", "induction"), 0, 0) is None


def test_steps_at_which_a_head_was_not_measured_are_passed_over() -> None:
    made = [row(step, "induction", {(0, 0): value}) for step, value in enumerate([0.1, 0.0, 0.2, 0.9])]
    made[1]["mean"][0][0] = None
    pair = rise(read_rows(made).over("decoder", "induction"), 0, 0)
    assert pair is not None
    assert [each.step for each in pair] == [2, 3]
    assert rise(read_rows(made).over("decoder", "induction"), 7, 7) is None


def test_the_sentence_names_the_steps_the_scores_and_the_losses(rows: HeadRows) -> None:
    pair = rise(rows.over("decoder", "induction"), 1, 2)
    assert pair is not None
    sentence = climb(*pair, 1, 2, (4.0, 3.25))
    for part in ("step 100", "step 400", "0.0500", "0.910", "4.00", "3.25"):
        assert part in sentence, part
    assert "loss" not in climb(*pair, 1, 2, None)


@pytest.fixture
def subject(store: Store, monkeypatch: pytest.MonkeyPatch) -> Subject:
    folder = write_run(store.root / RUN, steps=1000)
    text = (folder / "run.json").read_text(encoding="utf-8")
    (folder / "run.json").write_text(
        text.replace('"layers": 4', f'"layers": {LAYERS}').replace('"heads": 4', f'"heads": {HEADS}')
    )
    for step in STEPS:
        (folder / "steps" / f"{step:08d}").mkdir(parents=True)
        (folder / "steps" / f"{step:08d}" / "manifest.json").write_text("{}", encoding="utf-8")
    monkeypatch.setattr(measured.head_scores, "find_rows", lambda _store, _run: made_rows())
    return Subject(store.find(RUN), 400)


def test_the_loss_at_a_step_is_the_last_that_was_taken_up_to_it(subject: Subject) -> None:
    taken = dict(measured.losses(subject.run))
    assert measured.loss_at(subject.run, 120) == taken[100]
    assert measured.loss_at(subject.run, 10_000) == taken[999]
    assert measured.loss_at(subject.run, -1) is None


def test_the_moment_is_told_with_the_loss_of_the_run(subject: Subject) -> None:
    rows = measured.rows_of(subject.run)
    sentence = head_steps.moment(rows, LOOKING, subject, "induction")
    assert "between step 100 and step 400" in sentence
    assert "held-out loss" in sentence
    assert head_steps.moment(rows, LOOKING, subject, "place") == ""
    assert head_steps.moment(rows, LOOKING, subject, "entropy") == "", "an entropy is nothing that a head comes to do"


def test_induction_is_shown_unless_another_score_was_chosen(rows: HeadRows, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: dict[str, object] = {}
    monkeypatch.setattr(head_steps.st, "session_state", kept)
    assert head_steps.chosen_score(rows, "decoder") == "induction"
    head_steps._choose_score("subject")
    assert head_steps.chosen_score(rows, "decoder") == "subject"
    assert head_steps.chosen_score(rows, "encoder") == "", "a part that was not measured has no score"
    only = read_rows([row(0, "previous_token", {})])
    assert head_steps.chosen_score(only, "decoder") == "previous_token"


def test_a_point_that_is_clicked_leads_to_its_head_at_the_nearest_kept_step(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    chosen: list[object] = []
    monkeypatch.setattr(head_steps, "choose_head", lambda *head: chosen.append(head))
    monkeypatch.setattr(head_steps, "choose_step", lambda step: chosen.append(step))
    for nothing in (None, [], {"part": "decoder"}, {"part": "x", "step": 1, "layer": 0, "head": 0}):
        head_steps._pick(subject, nothing)
    assert chosen == []
    head_steps._pick(subject, {"part": "decoder", "step": 60, "layer": 1, "head": 3})
    assert chosen == [("decoder", 1, 3), 100]


def test_the_table_has_every_head_at_every_step(rows: HeadRows) -> None:
    lines = list(csv.DictReader(io.StringIO(measured.as_csv(rows))))
    assert len(lines) == len(made_rows()) * LAYERS * HEADS
    (one,) = [line for line in lines if (line["step"], line["score"], line["layer"], line["head"]) == ("400", "induction", "1", "2")]  # fmt: skip
    assert (float(one["mean"]), float(one["baseline"]), one["baseline_name"], one["texts"]) == (
        0.91,
        0.03,
        "offset -1",
        "512",
    )
    assert next(line for line in lines if line["score"] == "previous_token")["baseline"] == ""


def test_the_python_is_python() -> None:
    compile(head_steps.as_python(LOOKING, "induction"), "steps", "exec")
