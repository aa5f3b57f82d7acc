"""Labelled texts: what a text says of its label is exact, and held-out words are held out."""

import itertools
import math
import tomllib
from collections import defaultdict

import pytest

from llm_core.data.grammar.grammar import LANGUAGES, Grammar, build_grammar, load_grammar
from llm_core.data.grammar.labelled import (
    LabelledText,
    accuracy_ceiling,
    ceiling_of,
    label_names,
    labelled_grammar,
    labelled_text,
    labelled_texts,
    telling_words,
    unlabelled_texts,
)
from llm_core.data.grammar.lexicon import Word
from llm_core.data.grammar.sampler import Drawing, write
from llm_core.data.grammar.surface import Surface
from llm_core.errors import UserError
from tests.data.grammar.small_grammar import all_draws

SMALL = tomllib.loads("""
start = "review"
hidden = ["T", "U"]
[class.label]
part = "X"
columns = "en | zh | fits"
words = ["positive | 正面 | pos", "negative | 负面 | neg"]
[class.word]
part = "ADJ"
columns = "en | zh | tags"
words = ["good | 好 | pos", "bad | 坏 | neg", "odd | 怪 | pos neg"]
[[frame.review]]
name = "meal"
weight = 2
variables = { T = "label", U = "label!T" }
body = ["opinion", "opinion"]
[[frame.review]]
name = "film"
weight = 1
variables = { T = "label", U = "label!T" }
body = ["opinion"]
[[sentence.opinion]]
weight = 3
en = "it was {q:word@T} ."
zh = "它 很 {q:word@T} 。"
[[sentence.opinion]]
weight = 1
en = "it was {q:word@U} ."
zh = "它 很 {q:word@U} 。"
[[sentence.opinion]]
weight = 1
en = "it was not {q:word@U} ."
zh = "它 不 {q:word@U} 。"
""")

VARIANTS = [("reviews", False), ("reviews", True), ("headlines", False)]


@pytest.fixture(scope="module")
def small() -> Grammar:
    return build_grammar("small", {}, SMALL)


def joint(grammar: Grammar, language: str) -> dict[str, dict[str, float]]:
    """P(text and label) by going through every sequence of draws, without the filter."""
    found: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for text, draws in all_draws(grammar, language):
        found[text][str(draws.memo["T"])] += draws.probability
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_posterior_of_a_label_equals_a_count_of_all_derivations(small: Grammar, language: str) -> None:
    known = joint(small, language)
    assert len(known) > 20
    for text, by_label in known.items():
        total = sum(by_label.values())
        posterior = LabelledText(text, "positive", language, small).posterior
        assert math.fsum(posterior.values()) == pytest.approx(1, abs=1e-12)
        for label, probability in by_label.items():
            assert posterior[label] == pytest.approx(probability / total, abs=1e-12)


def test_the_ceiling_agrees_with_the_best_guess_over_all_texts(small: Grammar) -> None:
    known = joint(small, "en")
    best = sum(max(by_label.values()) for by_label in known.values())
    assert 0.6 < best < 0.97
    ceiling = ceiling_of([labelled_text(small, "en", 3, index) for index in range(1000)])
    assert ceiling.count == 1000
    assert abs(ceiling.accuracy - best) < 4 * ceiling.standard_error
    assert ceiling.standard_error < 0.02


@pytest.mark.parametrize(("name", "held_out"), VARIANTS)
def test_guessing_the_likeliest_label_is_right_as_often_as_the_ceiling_says(name: str, held_out: bool) -> None:
    texts = list(labelled_texts(name, "en", 100, 7, held_out))
    ceiling = accuracy_ceiling(name, "en", 100, 7, held_out)
    assert 0.92 < ceiling.accuracy < 0.985
    right = sum(next(iter(text.posterior)) == text.label for text in texts) / len(texts)
    assert abs(right - ceiling.accuracy) < 4 * math.sqrt(ceiling.accuracy * (1 - ceiling.accuracy) / len(texts))


@pytest.mark.parametrize(("name", "held_out"), VARIANTS)
def test_both_languages_say_the_same_of_the_label(name: str, held_out: bool) -> None:
    pairs = [labelled_texts(name, language, 25, 5, held_out) for language in LANGUAGES]
    for english, chinese in zip(*pairs, strict=True):
        assert english.label == chinese.label
        assert english.text != chinese.text
        for label in english.posterior.keys() | chinese.posterior.keys():
            assert english.posterior.get(label, 0) == pytest.approx(chinese.posterior.get(label, 0), abs=1e-9)


def test_a_seed_gives_the_same_texts_and_another_seed_others() -> None:
    first = list(labelled_texts("headlines", "zh", 60, 1))
    assert [(one.text, one.label) for one in first] == [(one.text, one.label) for one in labelled_texts("headlines", "zh", 60, 1)]  # fmt: skip
    assert [one.text for one in itertools.islice(labelled_texts("headlines", "zh", 90, 1), 60)] == [one.text for one in first]  # fmt: skip
    others = [one.text for one in labelled_texts("headlines", "zh", 60, 2)]
    assert sum(one.text == other for one, other in zip(first, others, strict=True)) < 5


@pytest.mark.parametrize("language", LANGUAGES)
def test_words_held_out_never_come_in_ordinary_reviews_nor_the_other_way_round(language: str) -> None:
    words = {held_out: slots(labelled_grammar("reviews", held_out), language, 400) for held_out in (False, True)}
    telling = {held_out: set(telling_words("reviews", language, held_out)) for held_out in (False, True)}
    assert telling[False].isdisjoint(telling[True])
    assert len(words[False] & telling[False]) > 60
    assert len(words[True] & telling[True]) > 35
    assert not words[False] & telling[True]
    assert not words[True] & telling[False]


def slots(grammar: Grammar, language: str, count: int) -> set[str]:
    """Everything that a slot shows in some texts, phrases whole."""
    found = set()
    for index in range(count):
        draws = Drawing(9, index)
        write(grammar, draws, Surface(language))
        for value in draws.memo.values():
            if isinstance(value, Word):
                found.add(" ".join(value.english) if language == "en" else "".join(value.chinese))
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_texts_without_labels_have_held_out_words_beside_familiar_ones(language: str) -> None:
    mixed = load_grammar("reviews", "mixed")
    familiar, held_out = (set(telling_words("reviews", language, which)) for which in (False, True))
    together = alone = 0
    for index in range(400):
        draws = Drawing(1, index)
        text = write(mixed, draws, Surface(language))
        words = {str(value) if language == "en" else "".join(value.chinese) for value in draws.memo.values() if isinstance(value, Word)}  # fmt: skip
        together += bool(words & held_out and words & familiar)
        alone += bool(words & held_out and not words & familiar)
        assert text == next(unlabelled_texts("reviews", language, 1, index, 1))
    assert together > 3 * alone
    assert together > 100


def test_a_grammar_that_holds_no_words_out_gives_its_ordinary_texts_without_labels() -> None:
    expected = [one.text for one in labelled_texts("headlines", "en", 9, 3)]
    assert list(unlabelled_texts("headlines", "en", 3, 4, 5)) == expected[4:]


@pytest.mark.parametrize("language", LANGUAGES)
def test_labels_have_a_name_in_each_language(language: str) -> None:
    names = label_names("headlines", language)
    assert {"sports", "technology"} <= set(names)
    assert len(set(names.values())) == len(names) == 6
    assert label_names("reviews", "zh") == {"positive": "正面", "negative": "负面"}


def test_all_labels_come_about_as_often() -> None:
    labels = [text.label for text in labelled_texts("headlines", "en", 600, 4)]
    assert all(60 < labels.count(label) < 140 for label in label_names("headlines", "en"))


def test_grammars_without_labels_or_held_out_words_are_refused() -> None:
    with pytest.raises(UserError, match="no labels"):
        labelled_grammar("talk")
    with pytest.raises(UserError, match="holds no words out"):
        labelled_grammar("headlines", held_out_words=True)
