"""The grammars that come with the program: every text reads back, and nothing is left unnamed.

`benchmarks/grammar_exactness.py` does the same for ten thousand texts.
"""

import math

import pytest

from llm_core.data.corpora import CORPORA
from llm_core.data.grammar.checks import count_items, find_faults
from llm_core.data.grammar.grammar import LANGUAGES, load_grammar
from llm_core.data.grammar.sampler import sample, texts

GRAMMARS = ("stories", "reviews", "headlines", "talk")


@pytest.mark.parametrize("name", GRAMMARS)
def test_texts_of_a_shipped_grammar_read_back_as_they_were_written(name: str) -> None:
    grammar = load_grammar(name)
    assert find_faults(grammar, seed=77, start=0, count=25) == []
    assert not any(grammar.unknown_parts.values())


def test_mean_surprise_of_stories_agrees_with_the_entropies_of_their_draws() -> None:
    made = [sample(load_grammar("stories"), "zh", 78, index) for index in range(400)]
    differences = [-one.log_probability - one.entropy for one in made]
    mean = sum(differences) / len(made)
    error = math.sqrt(sum((value - mean) ** 2 for value in differences)) / len(made)
    assert abs(mean) < 4 * error


@pytest.mark.parametrize("language", LANGUAGES)
def test_stories_ask_for_every_skill_often_enough_to_be_learnt(language: str) -> None:
    items = count_items(load_grammar("stories"), language, seed=79, count=200)
    wanted = {"recall", "place", "pronoun", "cause", "colour", "holder", "addition", "subtraction", "quote"}
    wanted |= {"agreement", "article"} if language == "en" else {"measure"}
    assert wanted <= set(items)
    assert all(items[skill] >= 10 for skill in wanted)


def test_stories_are_short_enough_for_their_context_and_hardly_ever_alike() -> None:
    for language in LANGUAGES:
        context = CORPORA[f"stories-{language}"].defaults["model"]["context"]
        made = list(texts(load_grammar("stories"), language, 80, 0, 2000))
        longest = max(len(text) if language == "zh" else len(text.split()) * 2 for text in made)
        assert longest < context * (1 if language == "zh" else 2)
        assert len(set(made)) > 0.99 * len(made)
