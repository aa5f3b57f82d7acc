"""The smallest changes that flip a decision: against going through every set of changes."""

from itertools import combinations

import numpy as np
import pytest

from llm_core.inference.classifiers.words import placed_words
from llm_core.interpret.attribution.evidence import evidence
from llm_core.interpret.attribution.flips import Edit, apply, deletions, flip, opposites, synonym_swaps
from tests.interpret.hand_made import Negated, WordWeights

WORDS = ("one", "two", "three", "four", "five", "six", "seven")


def smallest(model: WordWeights, text: str) -> int | None:
    """The size of the smallest set of words without which the decision is another, by trying every set."""
    label = model.probabilities([text])[0].argmax()
    edits = [Edit(start, end) for start, end in placed_words(text)[1]]
    for size in range(1, len(edits) + 1):
        for chosen in combinations(edits, size):
            if model.probabilities([apply(text, chosen)])[0].argmax() != label:
                return size
    return None


@pytest.mark.parametrize("seed", range(12))
def test_no_smaller_set_of_words_flips_the_decision(seed: int) -> None:
    random = np.random.default_rng(seed)
    model = WordWeights(
        {word: (0.0, weight) for word, weight in zip(WORDS, random.normal(0.4, 1, 7), strict=True)}, (0, 0.1)
    )
    text = " ".join(WORDS)
    expected = smallest(model, text)
    found = flip(model, text, deletions(text), clock=lambda: 0.0)
    if expected is None or expected > 6:
        assert not found.found
        return
    assert found.smallest
    assert {len(one.edits) for one in found.found} == {expected}
    for one in found.found:
        assert one.text == apply(text, one.edits)
        probabilities = model.probabilities([one.text])[0]
        assert one.label == probabilities.argmax() != found.label
        assert one.probability == pytest.approx(probabilities[one.label])


def test_the_surest_of_equally_small_flips_comes_first() -> None:
    model = WordWeights({"good": (0, 3), "fine": (0, 2.5)}, (3.2, 0))
    found = flip(model, "a good fine day", deletions("a good fine day"), clock=lambda: 0.0)
    assert [[one.text for one in found.found]] == [["a fine day", "a good day"]]
    assert [one.probability for one in found.found] == sorted((one.probability for one in found.found), reverse=True)


def test_what_greed_took_too_much_is_given_back() -> None:
    # The word that counts most is taken first, and is not needed: the pair of the next two flips alone.
    weights = {"big": (0, 1.5), "left": (0, 1.4), "right": (0, 1.4), "no": (0, -0.1)}
    model = WordWeights(weights, (1.6, 0))
    text = "big left right no"
    assert flip(model, text, deletions(text), clock=lambda: 0.0).found
    assert {len(one.edits) for one in flip(model, text, deletions(text), clock=lambda: 0.0).found} == {smallest(model, text)}  # fmt: skip


def test_a_word_that_turns_the_meaning_is_found() -> None:
    found = flip(Negated(), "this is not good", deletions("this is not good"), clock=lambda: 0.0)
    assert {one.text for one in found.found} == {"this is good", "this is not"}


def test_nothing_flips_what_hangs_on_no_word() -> None:
    model = WordWeights({}, (0, 1))
    found = flip(model, "a b c", deletions("a b c"), clock=lambda: 0.0)
    assert (found.found, found.smallest, found.timed_out) == ((), False, False)
    assert flip(model, "", deletions("")).found == ()


def test_the_search_ends_with_its_time() -> None:
    ticks = iter(range(1000))
    model = WordWeights(dict.fromkeys(WORDS, (0, 1)), (0, 0.1))
    text = " ".join(WORDS)
    found = flip(model, text, deletions(text), seconds=3, clock=lambda: float(next(ticks)))
    assert found.timed_out
    assert not found.smallest
    assert found.judged < 40


def test_words_are_swapped_for_others_of_the_same_meaning() -> None:
    sets = (("good", "fine"), ("好吃", "可口", "香"))
    edits = synonym_swaps("Good food, goods and fine 很好吃", sets)
    assert [(edit.start, edit.replacement) for edit in edits] == [(0, "Fine"), (21, "good"), (27, "可口"), (27, "香")]
    model = WordWeights({"good": (0, 1)}, (0.5, 0))
    found = flip(model, "good food", synonym_swaps("good food", sets), clock=lambda: 0.0)
    assert [one.text for one in found.found] == ["fine food"]


@pytest.mark.parametrize(
    ("texts", "text", "flipped"),
    [
        (["good food", "good day", "bad food", "bad day"], "so good", "so bad"),
        (["很好吃", "真好吃", "很难看", "真难看"], "鱼好吃", "鱼难看"),
    ],
)
def test_what_tells_a_class_is_swapped_for_what_tells_another(texts: list[str], text: str, flipped: str) -> None:
    told = evidence(texts, np.array([1, 1, 0, 0]), 2)
    assert flipped in {apply(text, [edit]) for edit in opposites(text, 1, told)}


def test_edits_that_overlap_are_never_made_together() -> None:
    model = WordWeights({"a": (0, 1), "b": (0, 1), "c": (0, 1)}, (0.5, 0))
    text = "a b c"
    edits = [Edit(0, 3, "x"), Edit(2, 5, "y"), Edit(0, 1), Edit(4, 5)]
    for one in flip(model, text, edits, clock=lambda: 0.0, most=9).found:
        assert all(not first.overlaps(second) for first, second in combinations(one.edits, 2))
