"""How classifiers read a text: words, n-grams, and where they stand."""

import numpy as np
import pytest

from llm_core.inference.classifiers.words import (
    MARK,
    character_ngrams,
    lowered,
    placed_character_ngrams,
    placed_words,
    shown,
    word_ngrams,
    words,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It's a GOOD-movie, isn’t it?!", ["it's", "a", "good", "-", "movie", ",", "isn’t", "it", "?", "!"]),
        ("不好吃，very bad 2024", ["不", "好", "吃", "，", "very", "bad", "2024"]),
        ("ดี มาก", ["ด", "ี", "ม", "า", "ก"]),
        ("", []),
        (" \n\t ", []),
        ("a" * 70, ["a" * 32, "a" * 32, "a" * 6]),
    ],
)
def test_a_text_falls_into_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_words_stand_where_they_are_said_to_and_nothing_seen_is_lost() -> None:
    random = np.random.default_rng(0)
    for _ in range(300):
        letters = random.choice([*"aZİß'’ 9\n。不好กé😀,-", "\ud800", "\u200b"], 12)
        text = "".join(letters)
        found, spans = placed_words(text)
        assert found == words(text)
        assert [lowered(text)[start:end] for start, end in spans] == found
        covered = {place for start, end in spans for place in range(start, end)}
        assert all(letter.isspace() for place, letter in enumerate(text) if place not in covered)


def test_small_letters_keep_every_character_in_its_place() -> None:
    assert lowered("İAB") == "İab"
    assert len(lowered("ẞİÅ\ud800")) == 4


def test_word_ngrams_are_words_pairs_and_threes_of_characters_alone() -> None:
    assert word_ngrams(["not", "so", "good"]) == ["not", "so", "good", "not so", "so good"]
    assert word_ngrams(["不", "好", "吃"]) == ["不", "好", "吃", "不 好", "好 吃", "不 好 吃"]


def test_character_ngrams_are_all_of_two_to_five_with_the_ends_marked() -> None:
    framed = "<bad>"
    expected = {framed[i : i + n] for n in (2, 3, 4, 5) for i in range(len(framed) - n + 1)}
    assert {key.removeprefix(MARK) for key in character_ngrams("bad")} == expected
    assert character_ngrams("好") == ()
    for key, start, end in placed_character_ngrams("lovely"):
        assert key.strip("\t<>") == "lovely"[start:end]


@pytest.mark.parametrize(
    ("key", "expected"),
    [("not bad", "not bad"), ("不 好 吃", "不好吃"), ("好 ok", "好 ok"), (f"{MARK}<un", "un…"), (f"{MARK}ble>", "…ble"), (f"{MARK}oo", "…oo…"), (f"{MARK}<no>", "no")],
)  # fmt: skip
def test_a_key_is_shown_as_a_person_reads_it(key: str, expected: str) -> None:
    assert shown(key) == expected
