"""Questions out of texts whose truth is written down here by hand, and out of the shipped grammars."""

import re
from pathlib import Path

import pytest

from llm_core.data.foreign_files import read_tokenizer
from llm_core.data.grammar.grammar import load_grammar
from llm_core.data.grammar.parallel import ParallelSentence
from llm_core.data.grammar.sampler import Sampled, sample
from llm_core.data.grammar.truth import Chain, Item, Link, Node, Truth, Word
from llm_core.data.tokenizers import Tokenizer, train_tokenizer
from llm_core.interpret.attention.attention import Part
from llm_core.interpret.attention.known_links import aligned_texts, ask_pair, ask_text, known_texts
from llm_core.interpret.attention.questions import NO_UNIT, AskedText, Question
from llm_core.models.base import Model
from tests import foreign
from tests.interpret.opened import model_of

TEXT = "Lily had two cups. They were on the bed near Tom. Where is the ball? He said, “It is in the box.” He looked in the box."  # fmt: skip
PRONOUNS = {"They", "He", "It"}
VERBS = {"had", "were", "is", "said", "looked"}


def spans(text: str, found: str) -> list[tuple[int, int]]:
    return [match.span() for match in re.finditer(re.escape(found), text)]


def told() -> Sampled:
    """The text above with its truth."""
    words = [match.span() for match in re.finditer(r"\w+|[^\w\s]", TEXT)]
    part = {**dict.fromkeys(PRONOUNS, "PRON"), **dict.fromkeys(VERBS, "AUX")}
    box = spans(TEXT, "in the box")
    tom, cups = spans(TEXT, "Tom") + spans(TEXT, "He"), spans(TEXT, "cups") + spans(TEXT, "They")
    ball = spans(TEXT, "ball") + spans(TEXT, "It")
    variables = {
        span: name for name, mentions in (("A", tom), ("O", cups), ("B", ball), ("P", box)) for span in mentions
    }

    def variable(start: int, end: int) -> str | None:
        return next((name for (first, last), name in variables.items() if first <= start and end <= last), None)

    (were,), (first_is, second_is) = spans(TEXT, "were"), spans(TEXT, " is ")
    truth = Truth(
        "made", Node("made", 0, len(TEXT)),
        tuple(Word(*word, part.get(TEXT[slice(*word)], "NOUN"), None, variable(*word), None) for word in words),
        (
            Link(*were, *cups[1]),  # They were
            Link(first_is[0] + 1, first_is[1] - 1, *ball[0]),  # Where is the ball: the noun comes after
            Link(second_is[0] + 1, second_is[1] - 1, *ball[1]),  # It is
            Link(*spans(TEXT, "two")[0], *cups[0]),  # a number word is no verb
        ),
        (
            Chain("A", "name", tuple(tom)), Chain("O", "thing", tuple(cups)), Chain("B", "thing", tuple(ball)),
            Chain("P", "spot", tuple(box)),
        ),
        (), (Item("place", box[1][0] - 1, box[1][1], (" in the box",), (" on the bed",)),), {},
    )  # fmt: skip
    return Sampled(TEXT, "en", -1.0, -1.0, 1.0, truth)


def words_tokenizer() -> Tokenizer:
    return train_tokenizer("word", 400, [TEXT] * 2)


def pieces_tokenizer() -> Tokenizer:
    """Hardly more than bytes, so that a word has several tokens."""
    return train_tokenizer("bpe", 265, [TEXT] * 2)


def shown(asked: AskedText, part: Part, question: Question) -> tuple[str, str, set[str]]:
    """What stands at the positions that ask, the unit that is asked about, and the units that are right, as text."""
    side = asked.reading.text
    units = asked.units[part]

    def unit(number: int) -> str:
        at = [side.spans[token] for token, of in enumerate(units) if of == number]
        return TEXT[at[0][0] : at[-1][1]].strip()

    first, last = side.spans[question.positions[0]], side.spans[question.positions[-1]]
    return TEXT[first[0] : last[1]].strip(), unit(question.place), {unit(number) for number in question.right}


def every(tokenizer: Tokenizer, model: Model, part: Part, score: str) -> list[tuple[str, str, set[str]]]:
    asked = ask_text(model, tokenizer, part, told())
    return [shown(asked, part, question) for question in asked.questions[part][score]]


@pytest.fixture(params=[words_tokenizer, pieces_tokenizer], ids=["words", "pieces"])
def tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    made: Tokenizer = request.param()
    return made


@pytest.fixture
def decoder() -> Model:
    return model_of(context=400)


@pytest.fixture
def encoder() -> Model:
    return model_of(context=400, architecture="encoder")


def ends(found: list[tuple[str, str, set[str]]], before: list[str], tokenizer: Tokenizer) -> bool:
    """Whether the positions that ask are the last tokens of these words, or the space after them in small pieces."""
    small = tokenizer.kind == "bpe"
    return all((at or small) and word.endswith(at) for (at, *_), word in zip(found, before, strict=True))


def test_an_encoder_is_asked_at_the_verb_itself(tokenizer: Tokenizer, encoder: Model) -> None:
    assert every(tokenizer, encoder, "encoder", "subject") == [
        ("were", "were", {"They"}), ("is", "is", {"ball"}), ("is", "is", {"It"})
    ]  # fmt: skip


def test_a_decoder_is_asked_before_the_verb_and_only_for_a_noun_that_it_has_read(
    tokenizer: Tokenizer, decoder: Model
) -> None:
    found = every(tokenizer, decoder, "decoder", "subject")
    assert [each[1:] for each in found] == [("were", {"They"}), ("is", {"It"})]
    assert ends(found, ["They", "It"], tokenizer)


def test_a_pronoun_asks_for_the_nouns_before_it_and_for_no_other_pronoun(
    tokenizer: Tokenizer, decoder: Model, encoder: Model
) -> None:
    expected = [("He", {"Tom"}), ("He", {"Tom"}), ("They", {"cups"}), ("It", {"ball"})]
    written, read = (every(tokenizer, *each, "antecedent") for each in ((decoder, "decoder"), (encoder, "encoder")))
    assert [each[1:] for each in written] == [each[1:] for each in read] == expected
    assert [each[0] for each in read] == ["He", "He", "They", "It"]
    assert ends(written, ["?", "”", ".", "“"], tokenizer)


def test_what_stands_before_a_place_asks_for_the_words_of_its_first_mention(
    tokenizer: Tokenizer, decoder: Model
) -> None:
    found = every(tokenizer, decoder, "decoder", "place")
    assert [each[1:] for each in found] == [("in", {"in", "the", "box"})]
    assert ends(found, ["looked"], tokenizer)
    asked = ask_text(decoder, tokenizer, "decoder", told())
    (question,) = asked.questions["decoder"]["place"]
    first = TEXT.index("in the box")
    right = [token for token, unit in enumerate(asked.units["decoder"]) if unit in question.right]
    assert all(first - 1 <= asked.reading.text.spans[token][0] < first + 10 for token in right)
    assert "".join(asked.reading.text.tokens[token] for token in right).strip() == "in the box"


def test_an_encoder_has_no_place_to_write_at(tokenizer: Tokenizer, encoder: Model) -> None:
    assert "place" not in ask_text(encoder, tokenizer, "encoder", told()).questions["encoder"]


def test_what_does_not_fit_in_the_context_is_not_asked(tokenizer: Tokenizer) -> None:
    short = model_of(context=1 + len(tokenizer.encode(TEXT[: TEXT.index(" Where")])))
    asked = ask_text(short, tokenizer, "decoder", told()).questions["decoder"]
    assert [len(asked[score]) for score in ("subject", "antecedent", "place")] == [1, 1, 0]


def test_a_translated_word_is_asked_for_where_it_is_to_be_written() -> None:
    pair = ParallelSentence(
        "Tom saw it.", "汤姆看见它。", ((0, 3), (4, 7), (8, 10), (10, 11)), ((0, 2), (2, 4), (4, 5), (5, 6)),
        ((0, 0), (1, 1), (2, 2), (3, 3)),
    )  # fmt: skip
    tokenizer = train_tokenizer("word", 400, [pair.english, pair.chinese] * 2)
    model = model_of(context=40, architecture="encoder_decoder")
    asked = ask_pair(model, tokenizer, pair, "en")
    source = asked.reading.source
    assert source is not None
    found = []
    for question in asked.questions["cross"]["alignment"]:
        # What stands at a position writes the next token.
        (position,), (right,) = question.positions, question.right
        written = asked.reading.text.tokens[position + 1]
        found.append((written, "".join(t for t, unit in zip(source.tokens, asked.units["cross"], strict=True) if unit == right).strip()))  # fmt: skip
    assert found == [("汤", "Tom"), ("看", "saw"), ("它", "it"), ("。", ".")]
    back = ask_pair(model, tokenizer, pair, "zh")
    assert [len(question.positions) for question in back.questions["cross"]["alignment"]] == [1, 1, 1, 1]
    assert back.reading.source is not None
    assert back.reading.source.tokens[:2] == ("汤", "姆")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_in_stories_every_score_gets_as_many_texts_as_are_wanted(language: str, decoder: Model) -> None:
    kind = "word" if language == "en" else "character"
    stories = load_grammar("stories")
    tokenizer = train_tokenizer(kind, 900, [sample(stories, language, 1, index).text for index in range(100)])
    found = list(known_texts(decoder, tokenizer, 20, 0, language))
    served = {
        score: sum(bool(text.questions["decoder"][score]) for text in found)
        for score in ("subject", "antecedent", "place")
    }
    # Chinese verbs show no number.
    assert served == {"subject": 20 * (language == "en"), "antecedent": served["antecedent"], "place": 20}
    assert 18 <= served["antecedent"] <= 20
    assert 20 < len(found) < 60
    for text in found[20:]:
        asks = [question for questions in text.questions["decoder"].values() for question in questions]
        last = max(question.positions[-1] for question in asks)
        assert len(text.reading.text.ids) == last + 1, "no more is read than is asked about"
    assert next(known_texts(decoder, tokenizer, 20, 0, language)) == found[0]
    assert next(known_texts(decoder, tokenizer, 20, 1, language)) != found[0]


def test_pairs_are_drawn_until_there_are_enough() -> None:
    stories = load_grammar("stories")
    texts = [sample(stories, language, 1, index).text for language in ("en", "zh") for index in range(100)]
    model = model_of(context=64, architecture="encoder_decoder")
    found = list(aligned_texts(model, train_tokenizer("word", 1200, texts), 25, 0, "en"))
    assert len(found) == 25
    assert all(text.questions["cross"]["alignment"] for text in found)
    assert len({text.reading.text.ids for text in found}) > 20


@pytest.mark.parametrize(("kind", "part"), [("gpt2", "decoder"), ("bert", "encoder")])
def test_a_model_that_was_brought_in_is_asked_in_its_own_tokens(kind: str, part: Part, tmp_path: Path) -> None:
    """BERT's tokenizer drops spaces and capitals: places in the text are what counts."""
    size = foreign.tokenizer(kind).get_vocab_size()
    folder = foreign.write_tokenizer(kind, tmp_path)
    tokenizer = read_tokenizer(folder, size, encoder=part == "encoder", config={})
    model = model_of(vocabulary_size=size, context=400, architecture=part)
    asked = ask_text(model, tokenizer, part, told())
    assert asked.units[part][0] == NO_UNIT
    assert (asked.units[part][-1] == NO_UNIT) == (kind == "bert"), "its last token is [SEP]"
    for score, expected in (("subject", ["They", "It"]), ("antecedent", ["Tom", "Tom", "cups", "ball"])):
        found = [shown(asked, part, question)[2] for question in asked.questions[part][score]]
        # An encoder also sees the ball that comes after its verb.
        assert [right for right in found if right != {"ball"} or score == "antecedent"] == [{word} for word in expected]
