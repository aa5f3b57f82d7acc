"""Changed copies of a text: what may change does, the rest stays, and a seed repeats it."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_core.data.augmentation import KINDS, SHARE, augment
from llm_core.errors import UserError

ENGLISH = "The quick brown fox, it seems, doesn't jump over the lazy dog today. "
CHINESE = "这家饭馆的饺子很好吃，我们还会再来。"
SETS = (("quick", "speedy", "very fast"), ("lazy", "idle"), ("好吃", "美味"), ("饺子", "面条", "包子"))

changing = pytest.mark.parametrize("kind", ["deletion", "swap", "synonyms"])


def random(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@changing
@pytest.mark.parametrize("text", [ENGLISH, CHINESE])
def test_a_seed_repeats_and_another_one_does_not(text: str, kind: str) -> None:
    made = [augment(text, kind, random(seed), SETS) for seed in range(20)]
    assert made == [augment(text, kind, random(seed), SETS) for seed in range(20)]
    assert len(set(made)) > 1


def test_none_changes_nothing() -> None:
    assert augment(ENGLISH, "none", random(), SETS) == ENGLISH


def test_another_kind_is_refused() -> None:
    with pytest.raises(UserError, match="none, deletion, swap, synonyms"):
        augment(ENGLISH, "insertion", random())


def test_deletion_leaves_out_a_tenth_of_the_words_in_the_mean() -> None:
    text = " ".join(f"w{n}" for n in range(100))
    generator = random()
    left = [augment(text, "deletion", generator).split() for _ in range(200)]
    # 99 words that may go: 9.9 in the mean, with a standard error of 0.21.
    assert abs(np.mean([100 - len(words) for words in left]) - 99 * SHARE) < 1
    assert all(words == sorted(words, key=lambda word: int(word[1:])) for words in left)


def test_deletion_keeps_punctuation_and_leaves_no_double_spaces() -> None:
    for seed in range(50):
        made = augment("One two, three four. Five!", "deletion", random(seed))
        assert "  " not in made
        assert [sign for sign in made if sign in ",.!"] == [",", ".", "!"]


def test_one_word_always_stays() -> None:
    assert all(augment("a b", "deletion", random(seed)) for seed in range(300))
    assert {augment("好", kind, random(), SETS) for kind in KINDS} == {"好"}


@pytest.mark.parametrize("text", [ENGLISH, CHINESE])
def test_swap_moves_words_and_loses_none(text: str) -> None:
    for seed in range(30):
        made = augment(text, "swap", random(seed))
        assert Counter(made) == Counter(text)
        assert made != text


def test_swap_exchanges_two_characters_of_a_short_chinese_text() -> None:
    made = augment("一二三四五六", "swap", random())
    assert sum(a != b for a, b in zip(made, "一二三四五六", strict=True)) == 2


def test_synonyms_are_of_the_same_set_and_keep_capitals() -> None:
    assert {augment("Lazy dogs", "synonyms", random(seed), SETS) for seed in range(9)} == {"Idle dogs"}
    seen = {augment("a quick one", "synonyms", random(seed), SETS) for seed in range(30)}
    assert seen == {"a speedy one", "a very fast one"}
    assert augment("a very fast one", "synonyms", random(1), SETS) in {"a speedy one", "a quick one"}


def test_parts_of_words_are_no_synonyms() -> None:
    assert augment("quickly", "synonyms", random(), SETS) == "quickly"


def test_chinese_synonyms_are_found_inside_the_text() -> None:
    seen = {augment("饺子很香", "synonyms", random(seed), SETS) for seed in range(30)}
    assert seen == {"面条很香", "包子很香"}


def test_the_longest_word_is_meant() -> None:
    sets = (("电影", "影片"), ("电影院", "剧场"))
    assert augment("去电影院", "synonyms", random(), sets) == "去剧场"


def test_without_synonyms_nothing_changes() -> None:
    assert augment(ENGLISH, "synonyms", random()) == ENGLISH


@given(text=st.text(), kind=st.sampled_from(list(KINDS)), seed=st.integers(0, 9))
@settings(deadline=None, max_examples=100)
def test_any_text_can_be_changed_and_none_is_emptied(text: str, kind: str, seed: int) -> None:
    made = augment(text, kind, random(seed), SETS)
    assert bool(made.strip()) == bool(text.strip())
    if kind in ("none", "swap"):
        assert Counter(made) == Counter(text)
