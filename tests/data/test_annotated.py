"""Texts with the answer to what is asked of them: what a grammar knows of a text comes along, whole and in place."""

from pathlib import Path

import numpy as np
import pytest

from llm_core.config import RunConfig, load_recipe
from llm_core.data.annotated import Annotated, annotated, names_of
from llm_core.data.corpora import CORPORA, with_corpus
from llm_core.data.generated import SEED, annotated_documents, check_rows, documents
from llm_core.data.grammar.grammar import load_grammar
from llm_core.data.grammar.labelled import labelled_text
from llm_core.data.grammar.questions import questions
from llm_core.data.grammar.tagged import tagged_text
from llm_core.data.prepare import TokenizedCorpus, corpus_digest, open_corpus, prepare
from llm_core.data.targets import (
    FIRST_TAG,
    NOT_ASKED,
    TURNS,
    first_tokens,
    row_lengths,
    token_span,
    word_tags,
    words_in,
)
from llm_core.errors import UserError

RECIPES = Path(__file__).parents[2] / "assets" / "recipes"
KINDS = {"labelled": "classify", "tagged": "tag", "questions": "answer"}
NAMES = [name for name, corpus in CORPORA.items() if corpus.kind in KINDS]


def usual(name: str) -> RunConfig:
    return with_corpus(load_recipe(RECIPES / f"{KINDS[CORPORA[name].kind]}.toml"), name)


def few(name: str, folder: Path, count: int, **changes: object) -> TokenizedCorpus:
    return prepare(usual(name).data.model_copy(update={"documents": count, **changes}), folder)


def turns_of(tokens: np.ndarray, count: int) -> list[list[list[int]]]:
    """The stream cut at its signs by hand, so many turns a document."""
    found: list[list[int]] = []
    for token in tokens.tolist():
        if token == 0:
            found.append([])
        else:
            found[-1].append(token)
    return [found[at : at + count] for at in range(0, len(found), count)]


def test_labels_entities_and_answers_are_the_grammars_own() -> None:
    reviews, stories = load_grammar("reviews"), load_grammar("stories")
    for index, made in enumerate(annotated("labelled", reviews, ("zh",), 3, 0, 5)):
        known = labelled_text(reviews, "zh", 3, index)
        assert (made.text, made.label, made.question) == (known.text, known.label, "")
    for index, made in enumerate(annotated("tagged", stories, ("en",), 3, 0, 5)):
        known_entities = tagged_text(stories, "en", 3, index)
        assert (made.text, made.entities) == (known_entities.text, known_entities.entities)
    for index, made in enumerate(annotated("questions", stories, ("en",), 3, 0, 5)):
        asked = [(one.context, one.question, (one.start, one.end)) for one in questions(stories, "en", 3, index)]
        assert (made.text, made.question, made.answer) in asked
        assert made.text[slice(*made.answer)]


def test_two_languages_take_turns_and_any_text_can_be_had_alone() -> None:
    stories = load_grammar("stories")
    made = list(annotated("questions", stories, ("en", "zh"), 1, 0, 8))
    assert [one.language for one in made] == ["en", "zh"] * 4
    assert list(annotated("questions", stories, ("en", "zh"), 1, 5, 3)) == made[5:]
    assert len({one.question for one in annotated("questions", stories, ("en",), 1, 0, 40)}) > 10


def test_what_a_model_chooses_from_begins_with_no_entity() -> None:
    assert names_of("labelled", "reviews") == ("negative", "positive")
    assert len(names_of("labelled", "headlines")) > 2
    tags = names_of("tagged", "stories")
    assert tags[0] == "O"
    assert {"B-person", "I-person", "B-place", "I-place"} <= set(tags)
    assert len(set(tags)) == len(tags)
    assert names_of("questions", "stories") == ()


@pytest.mark.parametrize("name", NAMES)
def test_a_text_with_answers_fits_its_own_defaults(name: str, tmp_path: Path) -> None:
    config = usual(name)
    corpus = few(name, tmp_path, 6_000 // config.model.context * 4)
    assert corpus.rows == CORPORA[name].kind
    assert corpus.labels == names_of(CORPORA[name].kind, CORPORA[name].source)  # type: ignore[arg-type]
    longest = max(int(row_lengths(side, CORPORA[name].kind).max()) for side in (corpus.training, corpus.held_out))  # type: ignore[arg-type]
    assert longest <= config.model.context
    assert corpus.tokenizer.vocabulary_size < config.data.vocabulary_size


def test_a_stream_holds_texts_and_classes_by_turns(tmp_path: Path) -> None:
    corpus = few("labelled-reviews-en", tmp_path, 40, held_out=0.25)
    made = list(annotated_documents(CORPORA["labelled-reviews-en"], 0, 40))
    assert corpus.documents == (30, 10)
    found = turns_of(corpus.training, 2) + turns_of(corpus.held_out, 2)
    assert [corpus.tokenizer.decode(text) for text, _ in found] == [one.text for one in made]
    assert [corpus.labels[target - 1] for _, (target,) in found] == [one.label for one in made]
    assert list(documents(CORPORA["labelled-reviews-en"], 0, 2)) == [one.text for one in made[:2]]


@pytest.mark.parametrize("kind", ["word", "character", "bpe", "wordpiece"])
def test_tags_of_tokens_say_where_the_entities_are_whatever_a_token_is(kind: str, tmp_path: Path) -> None:
    name = "entities-en-zh" if kind != "bpe" else "entities-en"
    corpus = few(name, tmp_path, 24, tokenizer=kind, vocabulary_size=700, held_out=0.5)
    made = list(annotated_documents(CORPORA[name], 12, 12))
    for one, (text, targets) in zip(made, turns_of(corpus.held_out, 2), strict=True):
        assert corpus.tokenizer.decode(text) == one.text
        assert len(targets) == len(text)
        spans = corpus.tokenizer.spans(one.text)
        begun = [
            (corpus.labels[target - FIRST_TAG][2:], one.text[slice(*span)].strip())
            for span, target in zip(spans, targets, strict=True)
            if target >= FIRST_TAG and corpus.labels[target - FIRST_TAG].startswith("B-")
        ]
        assert [kind for kind, _ in begun] == [kind for kind, _, _ in one.entities]
        assert all(one.text[start:end].startswith(piece) for (_, start, end), (_, piece) in zip(one.entities, begun, strict=True))  # fmt: skip
        assert all(target >= NOT_ASKED for target in targets)


def test_a_stream_holds_questions_texts_and_the_places_of_answers_by_turns(tmp_path: Path) -> None:
    corpus = few("questions-en-zh", tmp_path, 30, held_out=0.2)
    made = list(annotated_documents(CORPORA["questions-en-zh"], 0, 30))
    found = turns_of(corpus.training, TURNS["questions"]) + turns_of(corpus.held_out, 3)
    decode = corpus.tokenizer.decode
    for one, (question, text, (first, last)) in zip(made, found, strict=True):
        assert (decode(question), decode(text)) == (one.question, one.text)
        assert decode(text[first - 1 : last]).strip() == one.text[slice(*one.answer)]
    sizes = [len(question) + len(text) + 2 for question, text, _ in found]
    assert row_lengths(corpus.training, "questions").tolist() == sizes[: corpus.documents[0]]


def test_the_labels_stay_with_the_corpus(tmp_path: Path) -> None:
    corpus = few("entities-zh", tmp_path, 10)
    again = open_corpus(tmp_path / corpus.digest)
    assert again.labels == corpus.labels
    data = usual("entities-zh").data
    assert corpus_digest(data) != corpus_digest(data.model_copy(update={"corpus": "entities-en"}))


def test_words_are_cut_at_spaces_and_signs_and_chinese_by_character() -> None:
    text = "Lily's cat, 莉莉的猫 2024!"
    assert [text[slice(*word)] for word in words_in(text)] == [
        "Lily's",
        "cat",
        ",",
        "莉",
        "莉",
        "的",
        "猫",
        "2024",
        "!",
    ]
    assert word_tags(words_in("红色的公园"), [("place", 0, 2), ("place", 3, 5)]) == ["B-place", "I-place", "O", "B-place", "I-place"]  # fmt: skip
    assert word_tags(words_in("Lily's cat"), [("person", 0, 4)]) == ["B-person", "O"]


def test_only_the_first_token_of_a_word_carries_its_tag() -> None:
    # "rainbow cat", of which the tokens are "rain", "bow", " c", "at"; a token of two characters belongs to the first.
    assert first_tokens([(0, 7), (8, 11)], [(0, 4), (4, 7), (7, 9), (9, 11)]) == [0, 2]
    assert first_tokens([(0, 1), (1, 2), (2, 3)], [(0, 2), (2, 3)]) == [0, None, 1]
    assert first_tokens([(0, 2), (5, 6)], [(0, 2)]) == [0, None]
    assert token_span([(0, 4), (4, 7), (7, 9), (9, 11)], (5, 8)) == (1, 2)
    with pytest.raises(UserError, match="characters 20 to 25"):
        token_span([(0, 4)], (20, 25))


def test_what_is_asked_and_the_text_must_fit() -> None:
    data = usual("entities-en").data
    check_rows(data)
    with pytest.raises(UserError, match="recipe tag"):
        check_rows(data.model_copy(update={"rows": "documents"}))
    with pytest.raises(UserError, match="entities-en"):
        check_rows(data.model_copy(update={"corpus": "stories-en"}))


def test_everything_there_is_to_read_of_a_text_includes_its_question() -> None:
    assert Annotated("The cat sat.", "en", question="Who sat?").whole == "Who sat?\nThe cat sat."
    assert Annotated("The cat sat.", "en").whole == "The cat sat."


def test_numbers_of_texts_are_the_same_everywhere() -> None:
    first = next(annotated_documents(CORPORA["labelled-headlines-en"], 0, 1))
    assert first.text == labelled_text(load_grammar("headlines"), "en", SEED, 0).text
