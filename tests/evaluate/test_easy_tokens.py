"""When a token became easy, and how frequent tokens go before rare ones."""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from llm_core.evaluate.easy_tokens import EASY, easy_tokens, thresholds

UNIGRAM: list[float | None] = [None, 1.0, 3.0, 8.0]
LOSSES: list[list[float | None]] = [
    [None, 1.0, 3.0, 8.0],
    [None, 0.4, 0.9, 5.0],
    [None, 0.6, 0.8, 0.9],
    [None, 0.4, 0.7, 1.2],
    [None, 0.3, 0.1, 0.9],
]
STEPS = [0, 10, 20, 30, 40]


def test_easy_is_one_nat_or_half_of_what_the_frequency_alone_costs() -> None:
    assert EASY == 1.0
    limits = thresholds(UNIGRAM)
    assert np.isnan(limits[0])
    assert limits[1:].tolist() == [0.5, 1.0, 1.0]


def test_a_token_is_easy_from_the_step_on_from_which_it_stays_easy() -> None:
    found = easy_tokens(STEPS, LOSSES, UNIGRAM)
    # The second slips back over its half nat at step 20, the last one over a nat at step 30.
    assert found.since.tolist() == [-1, 30, 10, 40]


def test_tokens_that_are_hard_at_the_end_are_not_easy() -> None:
    found = easy_tokens([0, 1], [[None, 0.1, 0.1, 0.1], [None, 0.4, 1.0, 1.01]], UNIGRAM)
    assert found.since.tolist() == [-1, 0, -1, -1]


def test_classes_are_thirds_by_frequency_with_their_mean_loss_and_share() -> None:
    found = easy_tokens(STEPS, LOSSES, UNIGRAM)
    assert found.token_class.tolist() == [-1, 0, 1, 2]
    assert found.class_losses[2].tolist() == [8.0, 5.0, 0.9, 1.2, 0.9]
    assert found.class_easy[0].tolist() == [0, 0, 0, 1, 1]
    assert found.class_easy[1].tolist() == [0, 1, 1, 1, 1]


def test_without_steps_or_with_few_tokens_nothing_breaks() -> None:
    assert easy_tokens([], [], UNIGRAM).since.tolist() == [-1] * 4
    few = easy_tokens([5], [[None, 0.1]], [None, 3.0])
    assert few.since.tolist() == [-1, 5]
    assert np.isnan(few.class_losses[1:]).all()


@settings(max_examples=25, deadline=None)
@given(arrays(np.float64, st.tuples(st.integers(1, 6), st.just(5)), elements=st.floats(0, 4)))
def test_since_equals_looking_at_each_token_by_itself(losses: np.ndarray) -> None:
    unigram = [0.5, 1.0, 2.0, 4.0, 8.0]
    found = easy_tokens(range(len(losses)), losses.tolist(), unigram)
    for token, cost in enumerate(unigram):
        limit, expected = min(1.0, cost / 2), -1
        for step in reversed(range(len(losses))):
            if not losses[step, token] < limit:
                break
            expected = step
        assert found.since[token] == expected
    for step in range(len(losses)):
        easy = [0 <= found.since[token] <= step for token in range(5)]
        for number in range(3):
            own = [easy[token] for token in range(5) if found.token_class[token] == number]
            assert math.isclose(found.class_easy[number, step], sum(own) / len(own))
