"""One text judged: what is right is found right, and where it goes wrong is told, with what could have stood there."""

import pytest

from llm_core.data.grammar.grammar import Grammar
from llm_core.data.grammar.sampler import Sampled, sample, texts
from llm_core.data.tokenizers import Tokenizer
from llm_core.evaluate.judging import Judgement, judge, judge_sentences
from tests.evaluate.given import Perfect, characters, tales

LANGUAGE = "en"
RIGHT = "Lily put a ball in the box. Lily said, “It is in the box.”"
ASTRAY = "Lily put a ball in the box. Lily said, “It is in the bag.”"


@pytest.fixture(scope="module")
def grammar() -> Grammar:
    return tales()


@pytest.fixture(scope="module")
def tokenizer(grammar: Grammar) -> Tokenizer:
    return characters(*texts(grammar, LANGUAGE, 1, 0, 60))


def judged(grammar: Grammar, tokenizer: Tokenizer, text: str, given: str = "", ended: bool = True) -> Judgement:
    model = Perfect(tokenizer, grammar, LANGUAGE)
    written = tokenizer.encode(text[len(given) :]) + [tokenizer.end_of_text] * ended
    return judge(model, tokenizer, grammar, LANGUAGE, tokenizer.encode(given), written)


def test_a_text_of_the_grammar_is_valid_to_its_end(grammar: Grammar, tokenizer: Tokenizer) -> None:
    story: Sampled = sample(grammar, LANGUAGE, 3, 0)
    found = judged(grammar, tokenizer, story.text)
    assert (found.story, found.left, found.expected) == ("valid", None, ())
    assert found.compared == pytest.approx((-story.log_probability, -story.log_probability), abs=1e-3)
    assert [one.valid for one in judge_sentences(grammar, LANGUAGE, found)] == [True, True]


def test_where_a_text_leaves_the_grammar_is_told_with_what_belongs_there(grammar: Grammar, tokenizer: Tokenizer) -> None:  # fmt: skip
    found = judged(grammar, tokenizer, ASTRAY, given=ASTRAY[:30])
    assert found.story == "left"
    assert found.left is not None
    assert found.tokens[found.left].start == next(
        n for n, (a, b) in enumerate(zip(RIGHT, ASTRAY, strict=True)) if a != b
    )
    assert found.expected == (("ox", pytest.approx(1.0)),)
    assert found.given == 30
    # The sentence is one that could be said, only not here.
    assert all(one.valid for one in judge_sentences(grammar, LANGUAGE, found))


def test_a_text_without_an_end_is_open_and_its_last_sentence_is_not_judged(grammar: Grammar, tokenizer: Tokenizer) -> None:  # fmt: skip
    found = judged(grammar, tokenizer, RIGHT[:-12], ended=False)
    assert (found.story, found.left) == ("open", None)
    (first,) = judge_sentences(grammar, LANGUAGE, found)
    assert first.valid
    assert RIGHT[first.start : first.end] == "Lily put a ball in the box."


def test_an_end_too_early_leaves_the_grammar(grammar: Grammar, tokenizer: Tokenizer) -> None:
    found = judged(grammar, tokenizer, "Lily put a ball in the box.")
    assert found.story == "left"
    assert found.left == len(found.tokens) - 1
    assert found.tokens[-1].text == ""
    assert "" not in dict(found.expected)


def test_nothing_written_is_open(grammar: Grammar, tokenizer: Tokenizer) -> None:
    found = judged(grammar, tokenizer, "", ended=False)
    assert (found.story, found.tokens, found.compared) == ("open", (), (0.0, 0.0))
    assert judge_sentences(grammar, LANGUAGE, found) == []
