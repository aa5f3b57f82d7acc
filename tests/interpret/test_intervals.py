"""Intervals over texts, against drawing the texts again and against what is known of the draws."""

import numpy as np
import pytest

from llm_core.interpret import intervals


def draw(random: np.random.Generator, texts: int, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Right answers and questions of texts, some of which are much easier than others."""
    counts = random.integers(0, 7, texts)
    easy = random.beta(2 * share, 2 * (1 - share), texts)
    return random.binomial(counts, easy).astype(float), counts


@pytest.mark.parametrize("share", [0.03, 0.3, 0.8])
def test_the_true_share_is_inside_as_often_as_promised(share: float) -> None:
    random = np.random.default_rng(5)
    inside, naive = 0, 0
    for _ in range(1000):
        sums, counts = draw(random, 200, share)
        found = intervals.share(sums, counts)
        inside += bool(found.low <= share <= found.high)
        reach = intervals.Z * np.sqrt(found.mean * (1 - found.mean) / counts.sum())
        naive += bool(found.mean - reach <= share <= found.mean + reach)
    assert 925 <= inside <= 975
    assert naive < 900, "answers inside a text hang together: counting them one by one promises too much"


def test_the_interval_is_as_wide_as_texts_drawn_again_make_it() -> None:
    random = np.random.default_rng(7)
    sums, counts = draw(random, 400, 0.4)
    found = intervals.share(sums, counts)
    again = random.integers(0, 400, (4000, 400))
    shares = sums[again].sum(1) / counts[again].sum(1)
    low, high = np.quantile(shares, [0.025, 0.975])
    assert found.low == pytest.approx(low, abs=0.006)
    assert found.high == pytest.approx(high, abs=0.006)
    same = intervals.mean(sums, counts)
    assert same.mean == found.mean == sums.sum() / counts.sum()
    assert same.low == pytest.approx(low, abs=0.006)


def test_where_all_is_right_or_nothing_is_there_is_still_a_doubt() -> None:
    counts = np.full(500, 3)
    none, every = intervals.share(np.zeros(500), counts), intervals.share(counts.astype(float), counts)
    assert (none.mean, none.low) == (0.0, 0.0)
    assert 0.003 < none.high < 0.01
    assert (every.mean, every.high) == (1.0, 1.0)
    assert every.low == pytest.approx(1 - none.high)


def test_heads_are_reckoned_apart_and_texts_without_questions_do_not_count() -> None:
    random = np.random.default_rng(1)
    counts = np.array([2, 0, 3, 1, 2])
    sums = random.random((5, 2, 3)) * counts[:, None, None]
    found = intervals.share(sums, counts)
    assert found.mean.shape == found.low.shape == (2, 3)
    alone = intervals.share(sums[counts > 0, 1, 2], counts[counts > 0])
    assert (found.mean[1, 2], found.low[1, 2], found.high[1, 2]) == (alone.mean, alone.low, alone.high)


def test_one_text_alone_says_nothing_of_others() -> None:
    found = intervals.mean(np.array([3.0]), np.array([2]))
    assert (found.mean, found.low, found.high) == (1.5, -np.inf, np.inf)
