"""Variety of texts against counts by hand and by plain loops."""

import math
import random

import numpy as np
import pytest

from llm_core.evaluate.repetition import Seen, distinct, mean, perplexity, repeated


def texts_of(seed: int, size: int = 6) -> list[list[int]]:
    dice = random.Random(seed)
    return [[dice.randrange(size) for _ in range(dice.randrange(0, 30))] for _ in range(8)]


def counted(text: list[int], n: int) -> tuple[int, int]:
    """Different and all n-grams, one start after the other."""
    seen: list[list[int]] = []
    total = 0
    for start in range(len(text)):
        gram = text[start : start + n]
        if len(gram) == n:
            total += 1
            if gram not in seen:
                seen.append(gram)
    return len(seen), total


def test_a_sentence_by_hand() -> None:
    text = [1, 2, 1, 2, 1]  # grams of two: 12 21 12 21
    assert distinct([text], 1) == 2 / 5
    assert distinct([text], 2) == 2 / 4
    assert repeated(text, 2) == 0.5
    assert repeated([1, 2, 3], 2) == 0
    assert distinct([text, [1, 2]], 2) == 2 / 5


@pytest.mark.parametrize("n", [1, 2, 3, 4])
@pytest.mark.parametrize("seed", range(3))
def test_shares_are_those_of_plain_counting(seed: int, n: int) -> None:
    texts = texts_of(seed)
    for text in texts:
        different, total = counted(text, n)
        assert repeated(text, n) == (None if total == 0 else pytest.approx(1 - different / total))
    apart = [gram for text in texts for gram in (tuple(text[i : i + n]) for i in range(len(text) - n + 1))]
    assert distinct(texts, n) == pytest.approx(len({*apart}) / len(apart))


def test_what_is_too_short_has_no_share() -> None:
    assert distinct([[1, 2, 3], []], 4) is None
    assert repeated([1, 2, 3], 4) is None
    assert Seen(np.arange(20, dtype=np.uint16)).share([1, 2, 3]) is None
    assert mean([None, 1.0, 0.0]) == 0.5
    assert mean([None]) is None


@pytest.mark.parametrize("kind", [np.uint16, np.uint32])
@pytest.mark.parametrize("size", [4, 65_536])
def test_seen_is_what_a_search_through_the_text_finds(kind: type, size: int) -> None:
    dice = random.Random(5)
    learnt = [dice.randrange(size) for _ in range(400)]
    seen = Seen(np.array(learnt, dtype=kind))
    for text in (learnt[40:60], [dice.randrange(4) for _ in range(30)], learnt[10:17] + learnt[90:99]):
        hits = [any(learnt[at : at + 4] == text[i : i + 4] for at in range(397)) for i in range(len(text) - 3)]
        assert seen.share(text) == pytest.approx(sum(hits) / len(hits))


def test_large_numbers_are_not_taken_for_small_ones() -> None:
    learnt = np.array([70_000, 70_001, 3, 4, 5, 200_000, 9, 9], dtype=np.uint32)
    seen = Seen(learnt)
    assert seen.share(learnt.tolist()) == 1
    assert seen.share([70_000 - 65_536, 70_001 - 65_536, 3, 4]) == 0
    assert seen.share([4, 3, 5, 200_000]) == 0
    assert Seen(np.zeros(0, dtype=np.uint16)).share([1, 2, 3, 4]) == 0


def test_perplexity_of_a_fair_die_is_its_number_of_sides() -> None:
    assert perplexity([math.log(1 / 6)] * 11) == pytest.approx(6)
    assert perplexity([math.log(0.5), math.log(0.125)]) == pytest.approx(4)
    assert perplexity([]) is None
