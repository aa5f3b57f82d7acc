"""Probabilities of a grammar against all its texts, written down one by one."""

import math
from collections import defaultdict

import pytest

from llm_core.data.grammar.checks import find_faults
from llm_core.data.grammar.grammar import LANGUAGES, Grammar
from llm_core.data.grammar.predictor import Predictor, log_probability
from llm_core.data.grammar.sampler import sample, texts
from tests.data.grammar.small_grammar import STORIES, all_derivations, small_grammar

TWICE = """
[[sentence.aside]]
weight = 2
en = "{A.s} was fine ."
zh = "{A.s} 很 好 。"
"""


def whole(grammar: Grammar, language: str) -> dict[str, float]:
    """Each text with its probability, summed over the ways to it."""
    found: dict[str, float] = defaultdict(float)
    for text, probability in all_derivations(grammar, language):
        found[text] += probability
    return found


@pytest.fixture(scope="module")
def plain() -> Grammar:
    return small_grammar()


@pytest.mark.parametrize("language", LANGUAGES)
def test_probabilities_of_all_texts_sum_to_one_and_the_filter_gives_each(plain: Grammar, language: str) -> None:
    known = whole(plain, language)
    assert math.fsum(known.values()) == pytest.approx(1, abs=1e-12)
    assert len(known) > 300
    for text, probability in known.items():
        assert math.exp(log_probability(plain, language, text)) == pytest.approx(probability, rel=1e-12, abs=0)


@pytest.mark.parametrize("more", ["", TWICE], ids=["plain", "ambiguous"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_conditional_equals_the_count_over_all_texts(language: str, more: str) -> None:
    grammar = small_grammar(more)
    known = whole(grammar, language)
    prefixes: dict[str, float] = defaultdict(float)
    for text, probability in known.items():
        for place in range(len(text) + 1):
            prefixes[text[:place]] += probability
    for text in list(known)[:: len(known) // 15]:
        predictor = Predictor(grammar, language)
        for place, character in enumerate(text):
            begins: dict[str, float] = defaultdict(float)
            for piece, share in predictor.continuations().items():
                begins[piece[:1]] += share
            for first, share in begins.items():
                wanted = prefixes[text[:place] + first] if first else known.get(text[:place], 0.0)
                assert share == pytest.approx(wanted / prefixes[text[:place]], abs=1e-12)
            conditional = predictor.push(character)
            assert math.exp(conditional) == pytest.approx(
                prefixes[text[: place + 1]] / prefixes[text[:place]], abs=1e-12
            )
        assert math.exp(predictor.end()) == pytest.approx(known[text] / prefixes[text], abs=1e-12)


def test_an_ambiguity_put_in_on_purpose_is_found_and_summed() -> None:
    grammar = small_grammar(TWICE)
    faults = find_faults(grammar, seed=1, start=0, count=30)
    assert any("2 derivations" in fault.what for fault in faults)
    for language in LANGUAGES:
        known = whole(grammar, language)
        assert math.fsum(known.values()) == pytest.approx(1, abs=1e-12)
        assert len(known) < sum(1 for _ in all_derivations(grammar, language))
    assert not find_faults(small_grammar(), seed=1, start=0, count=30)


def test_pieces_of_any_length_give_the_same_probability(plain: Grammar) -> None:
    for language in LANGUAGES:
        made = sample(plain, language, 3, 5)
        for size in (1, 2, 3, 7, len(made.text)):
            predictor = Predictor(plain, language)
            total = sum(predictor.push(made.text[start : start + size]) for start in range(0, len(made.text), size))
            assert total + predictor.end() == pytest.approx(made.log_probability, abs=1e-12)


def test_both_languages_of_a_text_are_equally_probable_and_can_be_had_alone(plain: Grammar) -> None:
    for index in range(50):
        english, chinese = (sample(plain, language, 7, index) for language in LANGUAGES)
        assert english.log_probability == pytest.approx(chinese.log_probability, abs=1e-12)
        assert english.truth.values == chinese.truth.values
        assert next(texts(plain, "en", 7, index, 1)) == english.text
        assert next(texts(plain, "zh", 7, index, 1)) == chinese.text


def test_samples_come_as_often_as_their_probability_says(plain: Grammar) -> None:
    known = whole(plain, "en")
    count = 20_000
    seen: dict[str, int] = defaultdict(int)
    for text in texts(plain, "en", 11, 0, count):
        seen[text] += 1
    assert set(seen) <= set(known)
    often = [text for text in known if known[text] * count > 20]
    squares = sum((seen[text] - count * known[text]) ** 2 / (count * known[text]) for text in often)
    assert abs(squares - len(often)) < 4 * math.sqrt(2 * len(often))  # chi-square, four standard deviations


def test_mean_surprise_agrees_with_the_entropies_of_the_draws(plain: Grammar) -> None:
    exact = -math.fsum(share * math.log(share) for share in whole(plain, "en").values())
    made = [sample(plain, "en", 5, index) for index in range(4000)]
    surprise = [-one.log_probability for one in made]
    for values in (surprise, [one.entropy for one in made]):
        mean = sum(values) / len(values)
        error = math.sqrt(sum((value - mean) ** 2 for value in values)) / len(values)
        assert abs(mean - exact) < 4 * error


def test_what_one_language_does_not_show_is_summed_out_of_it() -> None:
    """English tells one ball from two by its noun; Chinese says the same of both."""
    stories = (
        STORIES.partition("[[frame.story]]")[0]
        + """
hidden = ["K"]
[[frame.story]]
name = "balls"
weight = 1
variables = { O = "toy", K = "count" }
body = ["saw"]
[[sentence.saw]]
weight = 1
en = "the {O*K} came ."
zh = "{O*K} 来 了 。"
"""
    )
    grammar = small_grammar(stories=stories)
    english, chinese = whole(grammar, "en"), whole(grammar, "zh")
    assert len(english) == 6
    assert len(chinese) == 3
    assert chinese["球来了。"] == pytest.approx(english["The ball came."] + english["The balls came."], abs=1e-15)
    for language, known in (("en", english), ("zh", chinese)):
        assert math.fsum(known.values()) == pytest.approx(1, abs=1e-12)
        for index in range(20):
            made = sample(grammar, language, 0, index)
            assert math.exp(made.log_probability) == pytest.approx(known[made.text], rel=1e-12)


def test_impossible_texts_have_probability_zero(plain: Grammar) -> None:
    predictor = Predictor(plain, "en")
    assert predictor.push("Lily put a dragon") == -math.inf
    assert not predictor.possible
    assert predictor.push(" in the box.") == -math.inf
    assert predictor.end() == -math.inf
    assert predictor.continuations() == {}
    made = sample(plain, "en", 0, 0).text
    assert log_probability(plain, "en", made[:-1]) == -math.inf
    assert log_probability(plain, "en", made + " ") == -math.inf
