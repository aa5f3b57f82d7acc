"""What a text says of itself: words, links, mentions, places, skill items."""

import pytest

from llm_core.data.grammar.checks import count_items, find_faults
from llm_core.data.grammar.sampler import Sampled, about, sample
from llm_core.data.grammar.sentences import check_sentences
from llm_core.data.grammar.surface import sentence_spans
from tests.data.grammar.small_grammar import small_grammar

GRAMMAR = small_grammar()


def first(frame: str, language: str, **values: str) -> Sampled:
    """The first text of this frame in which variables have these values."""
    for index in range(3000):
        made = sample(GRAMMAR, language, 0, index)
        if made.truth.frame == frame and values.items() <= made.truth.values.items():
            return made
    raise AssertionError("no such text")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_words_cover_a_text_but_for_its_spaces_and_nest_in_its_tree(language: str) -> None:
    for index in range(40):
        made = sample(GRAMMAR, language, 2, index)
        words = made.truth.words
        rest = list(made.text)
        for word in words:
            rest[word.start : word.end] = [" "] * (word.end - word.start)
        assert "".join(rest).strip() == ""
        leaves = [leaf for sentence in made.truth.tree.children for leaf in sentence.children]
        assert [(leaf.start, leaf.end) for leaf in leaves] == [(word.start, word.end) for word in words]
        assert made.truth.tree.end == len(made.text)
        spans = [(node.start, node.end) for node in made.truth.tree.children]
        assert spans == sentence_spans(made.text)


def test_a_verb_agrees_with_its_noun_and_not_with_the_attractor() -> None:
    made = first("counted", "en", K="2", O="mouse", A="Tom")
    assert made.text.startswith("Two mice near Tom were fine")
    (link,) = made.truth.agreements
    assert (made.text[link.start : link.end], made.text[link.to_start : link.to_end]) == ("were", "mice")
    item = next(item for item in made.truth.items if item.skill == "agreement")
    assert (item.right, item.wrong) == ((" were",), (" was",))


def test_mentions_of_one_person_are_one_chain_with_their_pronouns() -> None:
    for index in range(200):
        made = sample(GRAMMAR, "en", 0, index)
        chain = next(chain for chain in made.truth.chains if chain.variable == "A")
        shown = [made.text[start:end] for start, end in chain.spans]
        name = made.truth.values["A"]
        pronoun = "he" if name == "Tom" else "she"
        assert {word.lower() for word in shown} <= {name.lower(), pronoun}
        if len(set(shown)) > 1:
            return
    raise AssertionError("no pronoun in 200 texts")


def test_the_state_says_where_things_are_in_the_words_of_the_text() -> None:
    english, chinese = first("lost", "en", O="ball", P="on the bed"), first("lost", "zh", O="ball", P="on the bed")
    assert english.truth.states[-1] == (len(english.text), {"ball": "on the bed"})
    assert chinese.truth.states[-1] == (len(chinese.text), {"球": "床上"})


def test_items_stand_where_they_say_and_nothing_wrong_is_possible_there() -> None:
    assert find_faults(GRAMMAR, seed=9, start=0, count=150) == []
    for language in ("en", "zh"):
        for index in range(50):
            made = sample(GRAMMAR, language, 4, index)
            for item in made.truth.items:
                assert made.text[item.start : item.end] in item.right
                assert not set(item.right) & set(item.wrong)
    assert set(count_items(GRAMMAR, "zh", 0, 100)) == {"article", "place", "pronoun", "quote", "measure", "addition"}
    assert set(count_items(GRAMMAR, "en", 0, 100)) == {"article", "place", "pronoun", "quote", "agreement", "addition"}


def test_headline_questions_and_answers_speak_of_the_text() -> None:
    for language in ("en", "zh"):
        for index in range(30):
            made = sample(GRAMMAR, language, 0, index)
            headline, asked = about(GRAMMAR, language, 0, index)
            if made.truth.frame != "lost":
                assert (headline, asked) == (None, ())
                continue
            ((question, answer, variable),) = asked
            assert answer in made.text
            assert variable == "P"
            assert question[-1] in "?？"
            assert headline
    assert about(GRAMMAR, "en", 0, 0)[0][0].isupper()  # type: ignore[index]


def test_sentences_are_judged_by_themselves() -> None:
    text = "Lily put a ball in the box. Tom dragon. Tom said, “It is on the bed.” Lily put an ball on the bed."
    checked = check_sentences(GRAMMAR, "en", text)
    assert [text[one.start : one.end] for one in checked] == ["Lily put a ball in the box.", "Tom dragon.", "Tom said, “It is on the bed.”", "Lily put an ball on the bed."]  # fmt: skip
    assert [one.valid for one in checked] == [True, False, True, False]
    # What fits is asked of the words of one sentence: a ball never lies outside.
    assert [
        one.valid for one in check_sentences(GRAMMAR, "en", "Lily put a ball outside. Lily put a mouse outside.")
    ] == [False, True]
    assert [one.valid for one in check_sentences(GRAMMAR, "zh", "莉莉把一个球放在床上。她很好。他很好")] == [
        True,
        True,
        False,
    ]
    assert check_sentences(GRAMMAR, "en", " ") == []
