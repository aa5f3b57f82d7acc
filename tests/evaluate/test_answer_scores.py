"""Answers are compared as SQuAD does, and Chinese ones by character."""

import re
import string
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_core.evaluate.answer_scores import answer_tokens, exact_match, normalized, token_f1

words = st.sampled_from(
    ["the", "The", "a", "an", "cat", "cat,", "red", "Red", "(box)", "can't", "theatre", "-", "  ", "ball"]
)
answers = st.lists(words, max_size=7).map(" ".join)


def as_squad_normalizes(answer: str) -> str:
    """Written again from the evaluation script v1.1, step by step."""
    lower = answer.lower()
    without_punctuation = "".join(character for character in lower if character not in set(string.punctuation))
    without_articles = re.sub(r"\b(a|an|the)\b", " ", without_punctuation)
    return " ".join(without_articles.split())


def as_squad_f1(prediction: str, truth: str) -> float:
    ours, theirs = as_squad_normalizes(prediction).split(), as_squad_normalizes(truth).split()
    if not ours or not theirs:  # as version 2.0 has it
        return float(ours == theirs)
    same = sum((Counter(ours) & Counter(theirs)).values())
    if same == 0:
        return 0.0
    precision, recall = same / len(ours), same / len(theirs)
    return 2 * precision * recall / (precision + recall)


@given(answers, answers)
@settings(max_examples=400, deadline=None)
def test_english_answers_score_as_in_squads_own_evaluation(ours: str, theirs: str) -> None:
    assert exact_match(ours, [theirs]) == (as_squad_normalizes(ours) == as_squad_normalizes(theirs))
    assert token_f1(ours, [theirs]) == pytest.approx(as_squad_f1(ours, theirs))


@pytest.mark.parametrize(
    ("ours", "theirs", "exact", "f1"),
    [
        ("公园", "公园。", True, 1.0),
        ("大公园", "公园", False, 0.8),  # two of three characters are right, and both of two are found
        ("莉莉", "汤姆", False, 0.0),
        ("红 球", "红球", False, 1.0),
        ("2 个球", "2个球", False, 1.0),
        ("", "球", False, 0.0),
        ("", "", True, 1.0),
    ],
)
def test_chinese_answers_are_compared_by_character(ours: str, theirs: str, exact: bool, f1: float) -> None:
    assert exact_match(ours, [theirs]) is exact
    assert token_f1(ours, [theirs]) == pytest.approx(f1)


def test_the_reference_that_fits_best_counts() -> None:
    assert token_f1("the red box", ["a ball", "red box!"]) == 1.0
    assert exact_match("Red Box", ["a ball", "the red box"])
    assert not exact_match("box", ["a ball", "the red box"])
    assert token_f1("box", []) == 0.0


def test_what_is_compared_is_lower_case_without_punctuation_and_articles() -> None:
    assert normalized("  The Park, a (small) one! ") == "park small one"
    assert answer_tokens("在Lily的公园里") == ["在", "lily", "的", "公", "园", "里"]
