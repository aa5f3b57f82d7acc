"""Skill items against models whose every preference is set by hand."""

import pytest

from llm_core.data.tokenizers import Tokenizer, train_tokenizer
from llm_core.evaluate.skills import examine
from tests.evaluate.given import Following, characters, item, story, words

BOX = "Tom put the ball in the box. Tom said, “It is in the box.” He was glad."
PLACE = item(BOX, "place", "“It is in the", " box", " bag", " bathtub", " bed")
QUOTE = item(BOX, "quote", "“It is in the box.", "”")
PRONOUN = item(BOX, "pronoun", "box.”", " He", " She")


def bpe() -> Tokenizer:
    return train_tokenizer("bpe", 330, (BOX, BOX.replace("box", "bathtub"), BOX.replace("box", "bag")) * 9)


@pytest.mark.parametrize(
    "tokenizer", [characters(BOX), words(BOX, " bag bathtub bed She"), bpe()], ids=lambda t: t.kind
)
def test_an_undecided_model_solves_nothing(tokenizer: Tokenizer) -> None:
    examination = examine(tokenizer, [story(BOX, PLACE, QUOTE, PRONOUN)])
    grades = examination.grade(Following(tokenizer.vocabulary_size))
    assert grades == {"place": (0, 1), "pronoun": (0, 1), "quote": (0, 1)}


def test_each_word_is_compared_where_words_are_tokens() -> None:
    tokenizer = words(BOX, " bag bathtub bed She")
    examination = examine(tokenizer, [story(BOX, PLACE, QUOTE, PRONOUN)])
    model = Following(tokenizer.vocabulary_size)
    model.prefer(tokenizer, " the", " box", 2.0)
    model.prefer(tokenizer, " the", " bed", 1.0)
    model.prefer(tokenizer, " the", " ball", 9.0)  # no candidate: it does not matter
    assert examination.grade(model) == {"place": (1, 1), "pronoun": (0, 1), "quote": (0, 1)}
    model.prefer(tokenizer, " the", " bed", 3.0)
    assert examination.grade(model)["place"] == (0, 1)


def test_without_wrong_candidates_the_whole_vocabulary_competes() -> None:
    tokenizer = words(BOX)
    examination = examine(tokenizer, [story(BOX, QUOTE)])
    model = Following(tokenizer.vocabulary_size)
    model.prefer(tokenizer, ".", "”", 2.0)
    assert examination.grade(model) == {"quote": (1, 1)}
    model.prefer(tokenizer, ".", " said", 3.0)
    assert examination.grade(model) == {"quote": (0, 1)}


def test_candidates_are_compared_wherever_they_part_from_the_right_one() -> None:
    tokenizer = characters(BOX)
    examination = examine(tokenizer, [story(BOX, PLACE)])
    model = Following(tokenizer.vocabulary_size)
    model.prefer(tokenizer, "b", "o", 1.0)  # bo|x against ba|g, ba|thtub and be|d
    assert examination.grade(model) == {"place": (1, 1)}
    model.prefer(tokenizer, "b", "e", 2.0)
    assert examination.grade(model) == {"place": (0, 1)}


def test_of_several_right_candidates_one_is_enough_even_where_the_story_takes_another() -> None:
    text = "She has a cat. The cat runs."
    both = item(text, "recall", "The", " cat", " can", " dot", also=(" dog",))
    tokenizer = characters(text, " dog dot can")
    examination = examine(tokenizer, [story(text, both)])
    model = Following(tokenizer.vocabulary_size)
    model.prefer(tokenizer, " ", "d", 1.0)
    assert examination.grade(model) == {"recall": (0, 1)}
    model.prefer(tokenizer, "o", "g", 1.0)  # " dog" parts from " dot" in a row that the story does not have
    assert examination.grade(model) == {"recall": (1, 1)}
    assert len(examination.rows) == 2


def test_a_sign_that_shares_a_token_with_the_one_before_is_asked_among_what_the_text_allows() -> None:
    tokenizer = bpe()
    assert ".”".encode() in tokenizer.token_bytes
    examination = examine(tokenizer, [story(BOX, QUOTE)])
    model = Following(tokenizer.vocabulary_size)
    model.prefer(tokenizer, " box", " the", 5.0)  # begins otherwise than the text does: no rival
    model.prefer(tokenizer, " box", ".”", 2.0)
    assert examination.grade(model) == {"quote": (1, 1)}
    model.prefer(tokenizer, " box", ".", 3.0)
    assert examination.grade(model) == {"quote": (0, 1)}


def test_characters_of_several_bytes_must_be_right_in_each() -> None:
    tokenizer = characters("Tom said hi.")  # no token for the quote
    text = "Tom said “hi.”"
    examination = examine(tokenizer, [story(text, item(text, "quote", "hi.", "”"))])
    model = Following(tokenizer.vocabulary_size)
    first, second, third = tokenizer.encode("”")
    full_stop = tokenizer.encode(".")[0]
    for before, after in ((full_stop, first), (first, second), (second, third)):
        assert examination.grade(model) == {"quote": (0, 1)}
        model.table[before, after] = 1.0
    assert examination.grade(model) == {"quote": (1, 1)}


def test_chinese_runs_are_cut_anew_with_each_candidate() -> None:
    text = "汤姆把球放在盒子里。汤姆说：“它在盒子里。”"
    other = text.replace("盒子", "床上")
    tokenizer = train_tokenizer("bpe", 300, (text, other) * 20)
    place = item(text, "place", "“它在", "盒子里", "床上", "袋子里")
    examination = examine(tokenizer, [story(text, place)])
    assert examination.rows[0][1:] == tuple(tokenizer.encode(text))
    position = examination.places[examination.questions[0].attempts[0][0].place][1]
    known = tokenizer.decode(examination.rows[0][: position + 1])
    assert text.startswith(known)
    assert len(known) <= place.start


def test_stories_longer_than_the_model_reads_are_left_out_and_unequal_ones_go_together() -> None:
    tokenizer = words(BOX, " bag bathtub bed She")
    short = "Tom ran. He was glad."
    stories = [story(BOX, PLACE), story(short, item(short, "pronoun", "ran.", " He", " She")), story(BOX, PRONOUN)]
    model = Following(tokenizer.vocabulary_size)
    for before in (".", "”"):
        model.prefer(tokenizer, before, " He", 1.0)
    model.prefer(tokenizer, " the", " box", 1.0)
    assert examine(tokenizer, stories).grade(model) == {"place": (1, 1), "pronoun": (2, 2)}
    assert examine(tokenizer, stories, longest=10).grade(model) == {"pronoun": (1, 1)}


def test_nothing_is_asked_where_there_are_no_items() -> None:
    tokenizer = words(BOX)
    assert examine(tokenizer, [story(BOX)]).grade(Following(tokenizer.vocabulary_size)) == {}
