"""A sentence taken by itself: what the filter finds possible when it goes through everything, found without that."""

from itertools import product

import pytest

from llm_core.data.grammar import sentences
from llm_core.data.grammar.predictor import Predictor
from llm_core.data.grammar.sampler import sample
from llm_core.data.grammar.sentences import check_sentences
from llm_core.data.grammar.surface import sentence_spans
from tests.data.grammar.small_grammar import small_grammar


@pytest.mark.parametrize("language", ["en", "zh"])
def test_unseen_ancestors_do_not_change_what_is_valid(language: str) -> None:
    grammar = small_grammar()
    starts = sentences._starts(grammar, language)
    texts = [sample(grammar, language, 1, index).text for index in range(30)]
    found = {text[start:end] for text in texts for start, end in sentence_spans(text)}
    swaps = {"en": ("box", "bed", "outside", "mouse", "ball", "Tom", "Lily"), "zh": ("盒子里", "床上", "外面", "老鼠", "球", "汤姆")}  # fmt: skip
    changed = {text.replace(one, other) for text in found for one, other in product(swaps[language], repeat=2)}
    outcomes = set()
    for sentence in sorted(changed)[:300]:
        everything = Predictor(grammar, language, starts)
        exact = everything.push(sentence) > -1e30 and everything.end() > -1e30
        assert [one.valid for one in check_sentences(grammar, language, sentence)] == [exact], sentence
        outcomes.add(exact)
    assert outcomes == {True, False}
