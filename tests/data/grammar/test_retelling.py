"""A text told again with one thing changed is a text of the grammar, and all else in it is as it was."""

import math
from itertools import islice

import pytest

from llm_core.data.grammar.grammar import load_grammar
from llm_core.data.grammar.lexicon import Word
from llm_core.data.grammar.predictor import log_probability
from llm_core.data.grammar.retelling import Original
from llm_core.data.grammar.sampler import sample
from tests.data.grammar.small_grammar import small_grammar

GRAMMAR = small_grammar()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_is_told_again_can_be_said_and_differs_in_one_value(language: str) -> None:
    told = 0
    for index in range(12):
        original = Original(GRAMMAR, language, 5, index)
        assert (original.text, original.truth) == (lambda made: (made.text, made.truth))(sample(GRAMMAR, language, 5, index))  # fmt: skip
        for variable in original.variables:
            for value in islice(original.others(variable), 4):
                found = original.retold(variable, value)
                if found is None:
                    continue
                text, truth = found
                told += 1
                assert log_probability(GRAMMAR, language, text) > -math.inf
                assert truth.values == {**original.truth.values, variable: str(value)}
    assert told > 20


def test_the_same_value_tells_the_same_text_and_in_the_other_language_its_translation() -> None:
    for index in range(20):
        original = Original(GRAMMAR, "en", 1, index)
        for variable in original.variables:
            assert original.retold(variable, original.value(variable)) == (original.text, original.truth)
            other = original.retold(variable, original.value(variable), "zh")
            assert other is not None
            assert other[0] == sample(GRAMMAR, "zh", 1, index).text


def test_a_value_that_something_else_cannot_live_with_tells_nothing() -> None:
    stories = load_grammar("stories")
    for index in range(200):
        original = Original(stories, "en", 0, index)
        if {"O", "P", "Q"} <= set(original.variables) and isinstance(original.value("P"), Word):
            assert original.retold("P", original.value("Q")) is None  # two places that the frame keeps apart
            kept = [value for value in original.others("P") if original.retold("P", value) is not None]
            assert kept
            assert original.value("Q") not in kept
            return
    raise AssertionError("no such story")


def test_one_for_many_changes_the_verb_and_nothing_that_does_not_count() -> None:
    for index in range(500):
        original = Original(GRAMMAR, "en", 0, index)
        if original.truth.frame == "counted" and original.truth.values["K"] == "2":
            found = original.retold("K", 1)
            assert found is not None
            before, after = original.text.split(), found[0].split()
            changed = [(one, other) for one, other in zip(before, after, strict=True) if one != other]
            assert ("were", "was") in changed
            assert len(changed) < len(before) / 2
            return
    raise AssertionError("no such text")
