"""The perfect predictor, dressed as a model, reaches every figure's bound: no excess, all skills, all texts valid."""

import math

import numpy as np
import pytest

from llm_core.data.grammar.grammar import Grammar
from llm_core.data.grammar.sampler import Sampled, sample, texts
from llm_core.evaluate.excess import excess_per_story
from llm_core.evaluate.skills import examine
from llm_core.evaluate.surprise import expected, surprises
from llm_core.evaluate.validity import check_texts
from llm_core.inference.stories import sample_stories
from tests.evaluate.given import Following, Perfect, characters, tales


@pytest.fixture(scope="module")
def grammar() -> Grammar:
    return tales()


@pytest.fixture(scope="module", params=["en", "zh"])
def known(request: pytest.FixtureRequest, grammar: Grammar) -> tuple[Perfect, list[Sampled]]:
    stories = [sample(grammar, request.param, 3, index) for index in range(12)]
    tokenizer = characters(*texts(grammar, request.param, 1, 0, 60))
    return Perfect(tokenizer, grammar, request.param), stories


def test_it_loses_nothing_above_the_floor_and_others_do(known: tuple[Perfect, list[Sampled]]) -> None:
    model, stories = known
    rows = [model._tokenizer.encode(story.text) for story in stories]
    nats = np.array([-story.log_probability for story in stories])
    excess = excess_per_story(model, rows, nats)
    assert excess.mean == pytest.approx(0, abs=1e-5)
    assert excess.error == pytest.approx(0, abs=1e-5)
    assert excess.stories == len(stories)
    other = excess_per_story(Following(model._tokenizer.vocabulary_size), rows, nats)
    uniform = math.log(model._tokenizer.vocabulary_size)
    by_hand = [uniform * (len(row) + 1) - lost for row, lost in zip(rows, nats, strict=True)]
    assert other.mean == pytest.approx(np.mean(by_hand), rel=1e-5)
    assert other.error == pytest.approx(np.std(by_hand, ddof=1) / math.sqrt(len(rows)), rel=1e-5)
    assert other.interval[0] > 0


def test_it_solves_every_skill_item(known: tuple[Perfect, list[Sampled]]) -> None:
    model, stories = known
    grades = examine(model._tokenizer, stories).grade(model)
    assert set(grades) == {"place", "pronoun", "quote"}
    assert all(correct == count for correct, count in grades.values())
    assert sum(count for _, count in grades.values()) == sum(len(story.truth.items) for story in stories)


def test_its_surprise_is_the_models_at_every_token_and_sums_to_the_storys(
    grammar: Grammar, known: tuple[Perfect, list[Sampled]]
) -> None:
    model, stories = known
    for story in stories[:3]:
        found = surprises(model, model._tokenizer, grammar, story.language, story.text, ended=True)
        assert "".join(each.text for each in found) == story.text
        assert [each.end for each in found[:-1]] == [each.start for each in found[1:]]
        for each in found:
            assert each.model == pytest.approx(each.perfect, abs=1e-5)
            assert story.text[each.start : each.end] == each.text
        assert sum(each.perfect or 0.0 for each in found) == pytest.approx(-story.log_probability)


def test_what_it_writes_is_valid_and_depends_on_its_own_seed_alone(
    grammar: Grammar, known: tuple[Perfect, list[Sampled]]
) -> None:
    model, stories = known
    model.eval()
    written = sample_stories(model, model._tokenizer, 8, seed=5)
    validity = check_texts(grammar, stories[0].language, written)
    assert (validity.stories_valid, validity.sentences_valid) == (1.0, 1.0)
    assert (validity.stories, validity.sentences) == (8, 16)
    assert len(set(written)) > 1
    assert sample_stories(model, model._tokenizer, 3, seed=7) == written[2:5]


def test_a_sentence_is_judged_by_itself_and_a_story_as_a_whole(grammar: Grammar) -> None:
    good = "Tom put a book in the box. He said, “It is in the box.”"
    forgetful = "Tom put a book in the box. She said, “It is in the bag.”"
    broken = "Tom put a book in the box. He said box."
    found = check_texts(grammar, "en", [good, forgetful, broken, ""])
    assert (found.sentences, found.valid_sentences) == (6, 5)
    assert (found.stories, found.valid_stories) == (4, 1)
    assert found.stories_valid == 0.25
    assert check_texts(grammar, "en", []).sentences_valid == 0.0


def test_surprise_is_infinite_where_a_text_leaves_the_grammar_and_nothing_after_it(grammar: Grammar) -> None:
    text = "Tom put a cat in the box."
    tokenizer = characters(text)
    model = Following(tokenizer.vocabulary_size)
    found = surprises(model, tokenizer, grammar, "en", text, ended=True)
    at = text.index("c")
    assert all(each.perfect is not None and math.isfinite(each.perfect) for each in found[:at])
    assert found[at].perfect == math.inf
    assert [each.perfect for each in found[at + 1 :]] == [None] * (len(text) - at)
    assert [each.model for each in found] == pytest.approx([math.log(tokenizer.vocabulary_size)] * len(found))


def test_the_bytes_of_a_character_are_taken_together(grammar: Grammar) -> None:
    text = "汤姆把一个球放在盒子里。"
    tokenizer = characters("one word")  # no Chinese: every character is three bytes
    found = surprises(Following(tokenizer.vocabulary_size), tokenizer, grammar, "zh", text)
    assert [each.text for each in found] == list(text)
    assert [each.model for each in found] == pytest.approx([3 * math.log(tokenizer.vocabulary_size)] * len(found))
    whole = surprises(Following(500), characters(text), grammar, "zh", text)
    assert [each.perfect for each in found] == [each.perfect for each in whole]


def test_bytes_that_make_no_character_leave_the_grammar(grammar: Grammar) -> None:
    tokenizer = characters("Tom")
    ids = [*tokenizer.encode("Tom"), tokenizer.encode("盒")[0]]
    found = surprises(Following(tokenizer.vocabulary_size), tokenizer, grammar, "en", tokenizer.decode(ids), ids=ids)
    assert found[-1].text == "\ufffd"
    assert found[-1].perfect == math.inf


def test_what_is_expected_next_sums_to_one_and_is_unknown_outside_the_grammar(grammar: Grammar) -> None:
    pieces = expected(grammar, "en", "Tom put a book in the")
    assert pieces is not None
    assert {piece for piece, _ in pieces} == {" box", " bag", " bathtub"}
    assert [share for _, share in pieces] == sorted((share for _, share in pieces), reverse=True)
    assert sum(share for _, share in pieces) == pytest.approx(1)
    assert expected(grammar, "en", "Tom put a book in the box. He said, “It is in the box.”") == [
        ("", pytest.approx(1))
    ]
    assert expected(grammar, "en", "Tom put the cat") is None
    assert len(expected(grammar, "en", "", count=2) or []) == 2
