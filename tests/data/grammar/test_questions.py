"""Questions about stories: the answer stands where it is said to stand."""

import pytest

from llm_core.data.grammar.grammar import LANGUAGES, Grammar, load_grammar
from llm_core.data.grammar.questions import questions
from llm_core.data.grammar.sampler import about, sample, texts
from llm_core.errors import UserError
from tests.data.grammar.small_grammar import STORIES, small_grammar


@pytest.fixture(scope="module")
def stories() -> Grammar:
    return load_grammar("stories")


@pytest.mark.parametrize("language", LANGUAGES)
def test_spans_cut_out_the_answers(stories: Grammar, language: str) -> None:
    asked = [(index, one) for index in range(60) for one in questions(stories, language, 1, index)]
    assert len(asked) > 60
    for index, one in asked:
        assert one.context == next(texts(stories, language, 1, index, 1))
        assert one.answer == one.context[one.start : one.end] == one.answer.strip() != ""
        assert one.question.endswith("?" if language == "en" else "？")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_answer_is_what_the_variable_was(stories: Grammar, language: str) -> None:
    """Of a thing in the plural, more than its word."""
    for index in range(40):
        _, asked = about(stories, language, 2, index)
        for one, (question, answer, _) in zip(questions(stories, language, 2, index), asked, strict=True):
            assert one.question == question
            assert one.answer.lower() == answer.lower() or one.answer.lower()[:3] == answer.lower()[:3]


def test_a_frame_without_questions_asks_none() -> None:
    grammar = small_grammar()
    for index in range(30):
        asked = questions(grammar, "en", 1, index)
        text = sample(grammar, "en", 1, index)
        if text.truth.frame == "counted":
            assert asked == ()
        else:
            assert [one.answer for one in asked] == [text.truth.values["P"]]
            assert asked[0].question == f"Where is the {text.truth.values['O']}?"


def test_an_answer_that_no_text_shows_is_a_fault_of_the_grammar() -> None:
    silent = STORIES.replace('body = ["put", "middle", "ask"]', 'body = ["ask"]').replace(
        "weight = 1\nvariables", "weight = 0.0001\nvariables"
    )
    silent = (
        silent.replace("where is the {O} ?", "what is {P} ?")
        .replace("{O} 在 哪里 ？", "{P} 有 什么 ？")
        .replace('answer = "P"', 'answer = "O"')
    )
    with pytest.raises(UserError, match="does not show the answer"):
        questions(small_grammar(stories=silent), "en", 1, 0)
