"""Talk: turns on lines of their own, between two who take turns."""

import pytest

from llm_core.data.grammar.grammar import LANGUAGES, load_grammar
from llm_core.data.grammar.sampler import texts
from llm_core.data.grammar.sentences import check_sentences
from llm_core.data.grammar.talk import Talk, Turn, read_turns, talk, write_turns
from llm_core.errors import UserError


@pytest.mark.parametrize("language", LANGUAGES)
def test_two_speak_in_turn(language: str) -> None:
    grammar = load_grammar("talk")
    for index in range(80):
        one = talk(grammar, language, 1, index)
        assert 4 <= len(one.turns) <= 8
        assert len(one.speakers) == 2
        assert [turn.speaker for turn in one.turns] == [one.speakers[place % 2] for place in range(len(one.turns))]
        assert all(turn.text[-1] in ".?!。？！" for turn in one.turns)
        assert one.text == next(texts(grammar, language, 1, index, 1))


@pytest.mark.parametrize("language", LANGUAGES)
def test_turns_written_and_read_again_are_the_same(language: str) -> None:
    turns = (Turn("Lily", "Is it here: in the box?"), Turn("Tom", "Yes."))
    assert read_turns(write_turns(turns, language), language) == Talk(turns, language)


@pytest.mark.parametrize("text", ["", "Lily says hello.", "Lily: Hello.\n\nTom: Hi.", ": Hello.", "Lily: "])
def test_lines_that_are_no_turns_are_refused_with_their_number(text: str) -> None:
    with pytest.raises(UserError, match=r"Line [12] of the talk"):
        read_turns(text, "en")


def test_both_languages_have_as_many_turns() -> None:
    grammar = load_grammar("talk")
    for index in range(30):
        assert len(talk(grammar, "en", 2, index).turns) == len(talk(grammar, "zh", 2, index).turns)


def test_a_talk_is_checked_line_by_line() -> None:
    grammar = load_grammar("talk")
    text = next(texts(grammar, "en", 3, 0, 1))
    checked = check_sentences(grammar, "en", text)
    assert [text[one.start : one.end] for one in checked] == text.split("\n")
    assert all(one.valid for one in checked)
    wrong = text.split("\n")[0] + "\nTom: I is glad."
    assert [one.valid for one in check_sentences(grammar, "en", wrong)] == [True, False]
