"""What the page asks first of steering a bundled model is answered beforehand; what the answers say of the stories."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks.build_inquiries import config_of
from benchmarks.steering_questions import steering_questions
from llm_core.runs import inquiry
from llm_core.runs.inquiries.steering import RANDOM, STRENGTHS
from llm_core.runs.store import Store


def rows(name: str, folder: Path) -> list[list[dict[str, Any]]]:
    store = Store(folder)
    run = store.find(name)
    found = []
    for question in steering_questions(store, run):
        answer = inquiry.known(store, config_of(run, question))
        assert answer is not None, f"python -m benchmarks.build_inquiries {name} --method steering"
        assert answer.finished
        found.append([row for row in answer.rows if row["kind"] == "strength"])
    return found


@pytest.mark.parametrize("name", ["stories-en", "stories-zh", "cloze-en-zh"])
def test_every_first_question_has_an_answer(name: str, tmp_path: Path) -> None:
    answers = rows(name, tmp_path)
    assert answers
    assert all(len(found) == len(STRENGTHS) * (1 + RANDOM) for found in answers)


@pytest.mark.parametrize("name", ["stories-en", "stories-zh"])
def test_the_direction_of_several_things_makes_a_story_speak_of_several(name: str, tmp_path: Path) -> None:
    (found,) = rows(name, tmp_path)
    at = {(row["strength"], row["random"]): row for row in found}
    assert at[0.4, None]["wanted"] > 0.8
    assert max(at[0.4, number]["wanted"] for number in range(RANDOM)) < 0.2
    assert at[0.4, None]["loss"] > at[0.0, None]["loss"]  # and that has its price
