"""What the page asks first of the training of a bundled model is answered beforehand, and the answer holds."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks.training_questions import training_questions
from llm_core.interpret.dynamics.over_steps import at_step
from llm_core.runs import inquiry
from llm_core.runs.inquired import InquiryConfig, TrainingQuestion
from llm_core.runs.run import Run
from llm_core.runs.run_over_steps import row_of, step_subject
from llm_core.runs.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def rows(store: Store, run: Run, question: TrainingQuestion) -> dict[int, dict[str, Any]]:
    answer = inquiry.known(store, InquiryConfig(run=run.id, question=question))
    assert answer is not None, f"{run.id}: {question.measure}; python -m benchmarks.build_inquiries {run.id}"
    assert answer.finished
    return {row["at"]: row for row in answer.rows if row["kind"] == "at_step"}


def test_every_first_question_has_an_answer_for_every_step(store: Store) -> None:
    for run in store.bundled():
        for question in training_questions(store, run):
            assert sorted(rows(store, run, question)) == run.steps()


def test_an_answer_is_what_the_snapshot_says(store: Store) -> None:
    run = store.find("induction-en")
    question = TrainingQuestion(text="", token=0, measure="copying", until=run.steps()[-1])
    found = rows(store, run, question)
    again = at_step(store.model(run, 400)[0], 400, "copying", step_subject(store, run, question, run.steps()[-1]))
    assert found[400]["values"] == pytest.approx(row_of(again)["values"], rel=1e-3)


def test_the_model_of_induction_learns_to_copy_all_at_once(store: Store) -> None:
    """The first copy never becomes easy; the second does between two steps of 340 and 400, as heads form (Olsson 2022)."""
    run = store.find("induction-en")
    found = rows(store, run, TrainingQuestion(text="", token=0, measure="copying", until=run.steps()[-1]))
    losses = {step: row["values"] for step, row in found.items()}
    assert all(first > 4 for first, _second in losses.values())
    assert all(second > 4 for step, (_first, second) in losses.items() if step <= 340)
    assert all(second < 1 for step, (_first, second) in losses.items() if step >= 400)
