"""Every line of a task is right, can be had alone, and costs a perfect predictor exactly what the task says."""

import itertools
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_core.data.tasks import TASKS, Addition, Brackets, Induction, Rewriting, Task
from llm_core.errors import UserError

EXAMPLES = {
    "copy": ("cabd>", "cabd"),
    "reverse": ("cabd>", "dbac"),
    "sort": ("cabdab>", "aabbcd"),
    "addition": ("999+27=", "1026"),
    "modular-addition": ("90+10=", "3"),
    "brackets": ("([]{()>", "})"),
    "induction": ("qkzbxmz", "bxm"),
    "word-induction": ("Tom saw a cat in the box cat", " in the box"),
}


def small(name: str, **changes: Any) -> Task:
    return replace(TASKS[name], **changes)


SMALL = {
    "copy": small("copy", letters="abc", lengths=range(1, 4)),
    "sort": small("sort", letters="abc", lengths=range(2, 4)),
    "addition": small("addition", limit=12),
    "modular-addition": small("modular-addition", limit=7, modulus=5),
    "brackets": small("brackets", kinds=(("(", ")"), ("[", "]")), depth=2, lengths=range(1, 7)),
    "brackets of one kind": small("brackets", kinds=(("(", ")"),), depth=1, lengths=range(3, 6, 2)),
    "induction": small("induction", signs="abcd", lengths=range(2, 5)),
    "induction of words": small("word-induction", signs=("a", "ab", "b", "c"), lengths=range(2, 5)),
}


def every_text(task: Task) -> set[str]:
    """All lines of a small task, made without its own code for drawing."""
    signs: Sequence[str]
    between = ""
    if isinstance(task, Rewriting):
        signs, longest, end = task.letters, task.lengths[-1], ">"
    elif isinstance(task, Addition):
        return {f"{a}+{b}={(a + b) % (task.modulus or 10**9)}" for a in range(task.limit) for b in range(task.limit)}
    elif isinstance(task, Brackets):
        signs, longest, end = "".join(map("".join, task.kinds)), task.lengths[-1], ">"
    else:
        assert isinstance(task, Induction)
        signs, longest, end, between = task.signs, task.lengths[-1] + 1, "", task.between
    found = set()
    for length in range(longest + 1):
        for characters in itertools.product(signs, repeat=length):
            question = between.join(characters) + end
            try:
                found.add(question + task.solve(question))
            except UserError:
                continue
    return found


@pytest.mark.parametrize("name", TASKS)
def test_the_answer_to_an_example_is_right(name: str) -> None:
    question, answer = EXAMPLES[name]
    assert TASKS[name].solve(question) == answer
    assert TASKS[name].answer_start(question + answer) == len(question)


@pytest.mark.parametrize("name", TASKS)
def test_every_line_is_a_question_and_its_answer(name: str) -> None:
    task = TASKS[name]
    for text in task.documents(500, seed=3):
        start = task.answer_start(text)
        assert text[start:] == task.solve(text[:start]) != ""
        assert "\n" not in text
        assert math.isfinite(task.log_probability(text))
        assert task.log_probability(text + "a") == task.log_probability(text[:-1]) == -math.inf


@pytest.mark.parametrize("name", TASKS)
def test_a_line_can_be_had_alone_and_seeds_differ(name: str) -> None:
    task = TASKS[name]
    lines = list(task.documents(50, seed=11))
    assert [next(task.documents(1, 11, start=index)) for index in range(50)] == lines
    assert list(task.documents(20, 11, start=30)) == lines[30:]
    assert list(task.documents(50, seed=12)) != lines


@pytest.mark.parametrize("name", SMALL)
def test_probabilities_of_all_lines_sum_to_one(name: str) -> None:
    task = SMALL[name]
    probabilities = [math.exp(task.log_probability(text)) for text in every_text(task)]
    assert math.fsum(probabilities) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("name", SMALL)
def test_lines_are_drawn_as_often_as_their_probability_says(name: str) -> None:
    task, count = SMALL[name], 12_000
    drawn = Counter(task.documents(count, seed=5))
    texts = every_text(task)
    assert drawn.keys() <= texts
    expected = {text: count * math.exp(task.log_probability(text)) for text in texts}
    chi_square = sum((drawn[text] - wanted) ** 2 / wanted for text, wanted in expected.items())
    # As a z-score; sums come once a round each, so that theirs is far below.
    assert (chi_square - (len(texts) - 1)) / math.sqrt(2 * (len(texts) - 1)) < 4


@pytest.mark.parametrize("name", ["addition", "modular-addition"])
def test_no_sum_comes_twice_in_a_round(name: str) -> None:
    task = SMALL[name]
    assert isinstance(task, Addition)
    count = task.limit**2
    first, second = list(task.documents(count, seed=1)), list(task.documents(count, seed=1, start=count))
    assert len(set(first)) == count
    assert sorted(first) == sorted(second)
    assert first != second


def test_answers_agree_with_another_way_to_find_them() -> None:
    for text in TASKS["brackets"].documents(300, seed=8):
        whole = text.replace(">", "")
        while any(pair in whole for pair in ("()", "[]", "{}")):
            whole = whole.replace("()", "").replace("[]", "").replace("{}", "")
        assert whole == ""
    for text in TASKS["induction"].documents(300, seed=8):
        half = next(text.index(text[i]) for i in range(len(text)) if text[i] in text[:i])
        repeated = len(set(text)) - half
        assert text[-repeated:] * 2 == text[half : half + repeated] + text[-repeated:]
        assert len(set(text)) + repeated == len(text)
    for text in TASKS["word-induction"].documents(300, seed=8):
        words = text.split(" ")
        half = next(place for place, word in enumerate(words) if word in words[:place])
        period = half - words.index(words[half])
        assert all(words[place] == words[place - period] for place in range(half, len(words)))
        assert words.index(words[half]) + 2 * period == len(words)
        assert len(set(words[:half])) == half
    for text in TASKS["addition"].documents(300, seed=8):
        question, answer = text.split("=")
        assert sum(map(int, question.split("+"))) == int(answer)
    for text in TASKS["modular-addition"].documents(300, seed=8):
        question, answer = text.split("=")
        assert (sum(map(int, question.split("+"))) - int(answer)) % 97 == 0
        assert 0 <= int(answer) < 97


def test_brackets_reach_every_depth_and_no_further() -> None:
    answers = Counter(
        len(text) - TASKS["brackets"].answer_start(text) for text in TASKS["brackets"].documents(3000, seed=2)
    )
    assert set(answers) == {1, 2, 3, 4, 5}


@pytest.mark.parametrize("name", TASKS)
@pytest.mark.parametrize(
    "question",
    ["", ">", "=", "a", "aa", "cab", "CABD>", "cabd>>", "cabd >", "1+2", "01+2=", "1+1000=", "-1+2=", "1+2=3", "١+٢=", "(])>", "(>", ")(()))>", "((((((((>", "abcdefgg", "abcabc", "猫猫", "a" * 10_000 + ">"],
)  # fmt: skip
def test_what_is_no_question_is_refused_with_an_example(name: str, question: str) -> None:
    with pytest.raises(UserError, match=name) as refused:
        TASKS[name].solve(question)
    assert len(str(refused.value)) < 250
    assert TASKS[name].solve(refused.value.values["example"])


@pytest.mark.parametrize("name", TASKS)
@given(text=st.text(max_size=30) | st.text(alphabet="abc()[]{}>+=0123456789", max_size=30))
@settings(deadline=None, max_examples=60)
def test_any_text_has_a_probability(name: str, text: str) -> None:
    assert -math.inf <= TASKS[name].log_probability(text) < 0
