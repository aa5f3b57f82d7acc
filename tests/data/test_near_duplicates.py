"""Nearly equal texts are found, others are left alone, and it takes time that grows with the text alone."""

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_core.data import near_duplicates
from llm_core.data.near_duplicates import SHINGLE, find_near_duplicates, resemblance

WORDS = "the a cat dog house tree saw liked small red blue and under with from river stone walked slowly home".split()  # noqa: SIM905


def sentence(rng: random.Random, words: int = 60) -> str:
    return " ".join(rng.choice(WORDS) for _ in range(words))


def shingles(text: str) -> set[str]:
    return {text[i : i + SHINGLE] for i in range(max(1, len(text) - SHINGLE + 1))}


def by_sets(first: set[str], second: set[str]) -> float:
    return len(first & second) / len(first | second)


@given(st.text(max_size=60), st.text(max_size=60))
@settings(deadline=None)
def test_resemblance_is_the_share_of_common_shingles(first: str, second: str) -> None:
    if "\0" not in first + second:
        assert resemblance(first, second) == pytest.approx(by_sets(shingles(first), shingles(second)), abs=1e-12)
        assert resemblance(first, second) == resemblance(second, first)
    assert resemblance(first, first) == 1


@pytest.mark.parametrize(("similarity", "missed"), [(0.6, 0.1), (0.8, 0.02)])
def test_what_is_found_is_what_comparing_all_pairs_finds(similarity: float, missed: float) -> None:
    rng = random.Random(1)
    texts = []
    for _ in range(40):
        text = sentence(rng).split()
        texts.append(" ".join(text))
        for changes in (1, 3, 6, 12):
            for place in rng.sample(range(len(text)), changes):
                text[place] = rng.choice(WORDS)
            texts.append(" ".join(text))
    rng.shuffle(texts)
    kept: list[int] = []
    expected: set[int] = set()
    sets = [shingles(text) for text in texts]
    for place in range(len(texts)):
        alike = {other: by_sets(sets[other], sets[place]) for other in kept}
        best = max(alike, key=lambda other: alike[other], default=None)
        if best is not None and alike[best] >= similarity:
            expected.add(place)
        else:
            kept.append(place)
    pairs = find_near_duplicates(texts, similarity)
    found = {pair.removed for pair in pairs}
    assert len(expected) > 50
    assert len(found ^ expected) <= missed * len(expected)
    assert all(pair.similarity == pytest.approx(by_sets(sets[pair.kept], sets[pair.removed])) for pair in pairs)
    assert all(pair.similarity >= similarity for pair in pairs)


def test_chinese_sentences_with_one_word_changed_are_near_duplicates() -> None:
    first = "莉莉把红色的苹果放在厨房的桌子上，然后和汤姆一起去公园里看花，他们玩得很开心，一直到太阳下山才回家。"
    other = "莉莉把红色的苹果放在厨房的桌子上，然后和本杰一起去公园里看花，他们玩得很开心，一直到太阳下山才回家。"
    (pair,) = find_near_duplicates([first, "今天下雨，所以大家都待在家里。", other], 0.7)
    assert (pair.kept, pair.removed) == (0, 2)


def test_short_and_empty_texts_resemble_only_their_equals() -> None:
    pairs = find_near_duplicates(["", "a", "ab", "", "ab", "abcdef"], 0.5)
    assert [(pair.kept, pair.removed) for pair in pairs] == [(0, 3), (2, 4)]
    assert find_near_duplicates([], 0.8) == []


def test_long_texts_are_compared_in_parts_with_the_same_result(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(3)
    texts = [sentence(rng, 400), sentence(rng, 3), sentence(rng, 500), "x"]
    texts += [texts[0] + " the end", texts[2][:-20], texts[1], texts[0]]
    whole = find_near_duplicates(texts, 0.8)
    monkeypatch.setattr(near_duplicates, "_BLOCK", 64)
    assert find_near_duplicates(texts, 0.8) == whole
    assert [(pair.kept, pair.removed) for pair in whole] == [(0, 4), (2, 5), (1, 6), (0, 7)]


def test_many_alike_but_not_enough_take_no_more_than_a_bounded_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = 0
    plain = near_duplicates._resemblance

    def counting(first: near_duplicates.Hashes, second: near_duplicates.Hashes) -> float:
        nonlocal compared
        compared += 1
        return plain(first, second)

    monkeypatch.setattr(near_duplicates, "_resemblance", counting)
    rng = random.Random(2)
    frame = sentence(rng, 40)
    texts = [f"{frame} {rng.getrandbits(200):x}" for _ in range(1500)]
    started = time.process_time()
    find_near_duplicates(texts, 0.9)
    assert time.process_time() - started < 10
    assert compared < 100 * len(texts)
