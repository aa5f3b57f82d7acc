"""Counts agree with counting by hand, the Zipf line with numpy's, and rare words give way when there are too many."""

import itertools
import re
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_core.data import statistics, stop_words
from llm_core.data.statistics import CountingConfig, count_followers, count_words, fit_zipf
from llm_core.errors import UserError

SENTENCES = st.lists(
    st.lists(st.sampled_from(["the", "The", "cat", "sat", "on", "mat", "42"]), min_size=1, max_size=8).map(" ".join),
    max_size=12,
)


def whole(*documents: str) -> Iterator[tuple[bool, str]]:
    return ((True, document) for document in documents)


@given(SENTENCES)
@settings(deadline=None)
def test_words_and_what_follows_them_are_counted_as_by_hand(sentences: list[str]) -> None:
    text = ". ".join(sentences)
    found = count_words(whole(text, text))
    words = re.findall(r"\w+", text.lower()) * 2
    assert dict(found.counts) == Counter(words)
    assert (found.words, found.distinct) == (len(words), len(set(words)))
    assert (found.documents, found.characters) == (2, 2 * len(text))
    pairs = [pair for sentence in sentences * 2 for pair in itertools.pairwise(sentence.lower().split())]
    followers = count_followers(whole(text, text), set(words))
    assert {(a, b): n for a, row in followers.items() for b, n in row.items()} == Counter(pairs)


def test_counts_stand_in_order_and_equals_alphabetically() -> None:
    found = count_words(whole("b a c c b a d"))
    assert found.counts == (("a", 2), ("b", 2), ("c", 2), ("d", 1))


def test_chinese_counts_by_characters_or_by_the_words_of_a_list() -> None:
    text = "莉莉喜欢红苹果。红苹果很好。"
    by_characters = dict(count_words(whole(text)).counts)
    assert by_characters["莉"] == 2
    assert "。" not in by_characters
    by_words = dict(count_words(whole(text), lexicon={"莉莉", "喜欢", "苹果", "红苹果", "红"}).counts)
    assert by_words == {"莉莉": 1, "喜欢": 1, "红苹果": 2, "很": 1, "好": 1}
    assert count_followers(whole(text), ["红苹果", "喜欢"], lexicon={"喜欢", "红苹果"}) == {
        "红苹果": Counter({"很": 1}),
        "喜欢": Counter({"红苹果": 1}),
    }


def test_what_counts_can_be_chosen() -> None:
    text = "The cat, the dog — don’t! 猫和狗。"
    everything = dict(count_words(whole(text), CountingConfig(case=True, signs=True)).counts)
    assert everything["The"] == everything["the"] == everything[","] == everything["—"] == everything["。"] == 1
    content = count_words(whole(text), CountingConfig(stop_words=False))
    assert {word for word, _ in content.counts} == {"cat", "dog", "猫", "狗"}
    # A word left out still stands between its neighbours.
    assert count_followers(whole(text), ["猫"], CountingConfig(stop_words=False)) == {"猫": Counter()}


def test_nothing_follows_across_documents_and_pieces_of_one_belong_together() -> None:
    assert count_followers(whole("a b", "c d"), ["b"]) == {"b": Counter()}
    assert count_followers([(True, "a b"), (False, " c d")], ["b"]) == {"b": Counter({"c": 1})}
    assert count_words([(True, "a b"), (False, " c d"), (True, "e")]).documents == 2


def test_the_line_agrees_with_numpy_and_finds_a_known_slope() -> None:
    rng = np.random.default_rng(0)
    counts = np.sort(rng.integers(1, 10_000, 300))[::-1].tolist()
    for first, last in ((1, None), (5, 100)):
        fit = fit_zipf(counts, first, last)
        ranks = np.arange(fit.first, fit.last + 1)
        slope, intercept = np.polyfit(np.log(ranks), np.log(counts[first - 1 : last]), 1)
        assert (fit.slope, fit.intercept) == pytest.approx((slope, intercept), abs=1e-9)
    exact = [1e9 / rank**1.1 for rank in range(1, 500)]
    assert fit_zipf(exact).slope == pytest.approx(-1.1)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="at least 2"):
        fit_zipf([3], 1)


def test_reading_stops_where_it_is_told_and_says_so() -> None:
    endless = ((True, f"word{number} again") for number in itertools.count())
    found = count_words(endless, most_characters=1000)
    assert not found.complete
    assert 1000 <= found.characters < 1020
    assert count_followers(((True, "a b") for _ in itertools.count()), ["a"], most_characters=300)["a"]["b"] == 100
    assert count_words(whole("a b"), most_characters=1000).complete


def test_rare_words_are_forgotten_when_there_are_too_many_and_frequent_ones_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(statistics, "_MOST_DISTINCT", 200)
    found = count_words((True, f" often w{number} often") for number in range(3000))
    assert not found.exact
    assert found.distinct <= 400
    assert found.counts[0] == ("often", 6000)
    assert count_words(whole("a b")).exact


def test_an_empty_text_has_no_words() -> None:
    found = count_words([])
    assert (found.documents, found.words, found.counts, found.complete) == (0, 0, (), True)


@given(st.text())
@settings(deadline=None)
def test_any_text_can_be_counted(text: str) -> None:
    found = count_words(whole(text), CountingConfig(case=True, signs=True))
    assert all(word and word == word.strip() for word, _ in found.counts)
    count_followers(whole(text), [word for word, _ in found.counts])


def test_stop_words_are_written_as_they_are_looked_up() -> None:
    assert all(word == word.lower().strip() for word in stop_words.ENGLISH | stop_words.CHINESE)
