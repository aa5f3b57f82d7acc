"""Tokens grouped into words, and the best fixed offset, against plain counts."""

import random

from llm_core.interpret.attention.questions import NO_UNIT, Question, best_offset, find_units


def test_a_word_of_several_tokens_is_one_unit_and_control_tokens_are_none() -> None:
    # <begin> "the" " drag" "on" "!" <end>
    tokens = [(0, 0), (0, 3), (3, 8), (8, 10), (10, 11), (11, 11)]
    units = find_units(tokens, [(0, 3), (4, 10), (10, 11)])
    assert units.of_tokens == (NO_UNIT, 0, 1, 1, 2, NO_UNIT)
    assert units.of_words == (0, 1, 2)
    assert units.tokens(1) == (2, 3)


def test_words_that_share_a_token_are_one_unit() -> None:
    # One token holds the end of the first word and the second; another one the third.
    units = find_units([(0, 1), (1, 3), (3, 4)], [(0, 2), (2, 3), (3, 4)])
    assert units.of_tokens == (0, 0, 1)
    assert units.of_words == (0, 0, 1)


def test_a_chain_of_shared_tokens_is_one_unit() -> None:
    units = find_units([(0, 3), (3, 5)], [(0, 1), (1, 4), (4, 5)])
    assert units.of_tokens == (0, 0)
    assert units.of_words == (0, 0, 0)


def test_a_space_between_words_and_a_word_without_tokens_have_no_unit() -> None:
    units = find_units([(0, 1), (1, 2), (2, 3)], [(0, 1), (2, 3), (5, 6)])
    assert units.of_tokens == (0, NO_UNIT, 1)
    assert units.of_words == (0, 1, None)


def test_bytes_of_one_character_are_one_word() -> None:
    assert find_units([(0, 1), (0, 1), (0, 1), (1, 2)], [(0, 1), (1, 2)]).of_tokens == (0, 0, 0, 1)


def test_the_best_offset_is_the_one_that_is_right_most_often() -> None:
    dice = random.Random(3)
    questions = [
        Question((place,), place, frozenset(dice.sample(range(place), dice.randint(1, 3))))
        for place in (dice.randint(4, 9) for _ in range(60))
    ]
    shares = {
        offset: sum(question.place + offset in question.right for question in questions) / len(questions)
        for offset in range(-9, 0)
    }
    best = best_offset(questions)
    assert best is not None
    assert best.share == max(shares.values()) == shares[best.offset]
    assert best.name == f"offset {best.offset}"


def test_of_equal_offsets_the_nearest_counts_and_nothing_asked_has_none() -> None:
    best = best_offset([Question((9,), 9, frozenset({8, 4}))])
    assert best is not None
    assert (best.offset, best.share) == (-1, 1.0)
    assert best_offset([]) is None
    names = [best.name for place in (2, 4, 7) if (best := best_offset([Question((0,), place, frozenset({4}))]))]
    assert names == ["offset +2", "offset 0", "offset -3"]
