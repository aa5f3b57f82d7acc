"""Entity tags: well formed, and true to the spans they name."""

import pytest

from llm_core.data.grammar.grammar import LANGUAGES, load_grammar
from llm_core.data.grammar.tagged import TaggedText, tagged_text
from tests.data.grammar.small_grammar import small_grammar


def all_tagged(language: str) -> list[TaggedText]:
    kinds = ("stories", "headlines", "talk")
    return [tagged_text(load_grammar(name), language, 3, index) for name in kinds for index in range(15)]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_word_has_one_tag_and_the_words_are_the_text(language: str) -> None:
    for text in all_tagged(language):
        assert len(text.words) == len(text.tags)
        assert all(token.strip() == token != "" for token in text.tokens)
        assert "".join(text.tokens) == "".join(text.text.split())


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_entity_goes_on_only_where_one_of_its_kind_began(language: str) -> None:
    for text in all_tagged(language):
        before = "O"
        for tag in text.tags:
            if tag.startswith("I-"):
                assert before in (f"B-{tag[2:]}", tag)
            before = tag


@pytest.mark.parametrize(("language", "people"), [("en", {"Lily", "Tom"}), ("zh", {"莉莉", "汤姆"})])
def test_names_are_persons_and_pronouns_are_no_entities(language: str, people: set[str]) -> None:
    grammar = small_grammar()
    named = set()
    for index in range(40):
        text = tagged_text(grammar, language, 1, index)
        found = {(kind, text.text[start:end]) for kind, start, end in text.entities}
        assert found <= {("person", name) for name in people}
        named |= found
    assert named == {("person", name) for name in people}


def test_phrases_are_one_entity_and_neighbors_are_two() -> None:
    stories, headlines = load_grammar("stories"), load_grammar("headlines")
    texts = [tagged_text(stories, "en", 2, index) for index in range(40)]
    texts += [tagged_text(headlines, "en", 2, index) for index in range(80)]
    entities = {(kind, text.text[start:end]) for text in texts for kind, start, end in text.entities}
    assert any(kind == "organization" and " " in shown for kind, shown in entities)
    assert not any(kind == "person" and " " in shown for kind, shown in entities)
    assert {"person", "place", "organization"} <= {kind for kind, _ in entities}


def test_a_place_that_a_template_names_is_tagged_as_one_that_was_drawn() -> None:
    stories = load_grammar("stories")
    tags = set()
    for index in range(150):
        text = tagged_text(stories, "en", 6, index)
        tags |= {
            tag for token, tag in zip(text.tokens, text.tags, strict=True) if token in ("farm", "market", "shop", "zoo")
        }
    assert tags == {"B-place"}
