"""The story with its truth: nothing of the text is lost, pronouns carry the right name, the tree has every word."""

import numpy as np
import pytest

from llm_core.data.grammar.grammar import load_grammar
from llm_core.data.grammar.sampler import Sampled, sample
from pages.ui.charts import DARK, LIGHT
from pages.ui.corpus.figures import grid, shown, vectors, zipf
from pages.ui.corpus.told import as_story, told, worlds
from pages.ui.corpus.tree import extent, tree

STORIES = [(language, index) for index in range(12) for language in ("en", "zh")]


def drawn(language: str, index: int) -> Sampled:
    return sample(load_grammar("stories"), language, 5, index)


@pytest.mark.parametrize(("language", "index"), STORIES)
def test_sentences_and_words_give_the_text_again(language: str, index: int) -> None:
    sampled = drawn(language, index)
    story = told(sampled)
    rows = as_story([story], worlds(sampled), "who", None)
    text = " ".join("".join(segment["text"] for segment in row["sides"][0]["segments"]) for row in rows)
    assert text.replace(" ", "").replace("\n", "") == sampled.text.replace(" ", "").replace("\n", "")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_pronoun_carries_the_name_of_the_one_it_means(language: str) -> None:
    labelled = 0
    for index in range(20):
        sampled = drawn(language, index)
        story = told(sampled)
        for sentence in as_story([story], worlds(sampled), "who", None):
            for segment in sentence["sides"][0]["segments"]:
                if "label" in segment:
                    labelled += 1
                    assert segment["label"] == story.names[segment["chain"]] != segment["text"]
    assert labelled > 10


def test_a_word_agrees_with_the_word_that_the_truth_says() -> None:
    for index in range(60):
        sampled = drawn("en", index)
        if not sampled.truth.agreements:
            continue
        link, story = sampled.truth.agreements[0], told(sampled)
        (word,) = [word for word in story.words if word.start == link.start]
        assert [story.words[other].start for other in word.agrees] == [link.to_start]
        assert any("agrees with" in segment.get("said", "") for row in as_story([story], [], "part", None) for segment in row["sides"][0]["segments"])  # fmt: skip
        return
    pytest.fail("no story has an agreement")


def test_only_the_skill_that_is_asked_for_is_marked() -> None:
    sampled = next(each for each in (drawn("en", index) for index in range(60)) if {item.skill for item in each.truth.items} > {"place"})  # fmt: skip
    rows = as_story([told(sampled)], [], "who", "place")
    marked = {segment["word"] for row in rows for segment in row["sides"][0]["segments"] if segment.get("marked")}
    items = [item for item in sampled.truth.items if item.skill == "place"]
    expected = {
        word.number for word in told(sampled).words if any(i.start < word.end and word.start < i.end for i in items)
    }
    assert marked == expected


@pytest.mark.parametrize(("language", "index"), STORIES[:6])
def test_the_tree_holds_every_word_inside_its_frame(language: str, index: int) -> None:
    story = told(drawn(language, index))
    width, height = extent(story)
    figure = tree(story, "who", LIGHT)
    words, links = (next(trace for trace in figure.data if trace.name == name) for name in ("words", "links"))
    assert list(words.text) == [word.text for word in story.words]
    assert all(0 < x < width for x in words.x)
    assert all(-height < y < 0 for y in words.y)
    assert len(figure.layout.shapes) == len(links.x)


def test_what_a_word_holds_is_no_markup_in_a_picture() -> None:
    words = ["<b>x</b>", "\n", "&amp;"]
    for colors in (LIGHT, DARK):
        figures = (
            zipf(words, [30, 10, 3], -1.0, 3.0, colors),
            grid(np.eye(3), words, words, "%{z}", colors),
            vectors(words, [1, 5, 9], 12, np.eye(3, 4), colors),
        )
        assert all("<b>x" not in figure.to_json().replace("\\u003c", "<") for figure in figures)
    assert shown("\n") == "↵"


@pytest.mark.parametrize("grammar", ["reviews", "headlines", "talk"])
def test_texts_of_every_grammar_can_be_told(grammar: str) -> None:
    for index in range(5):
        sides = [told(sample(load_grammar(grammar), language, 5, index)) for language in ("en", "zh")]
        assert as_story(sides, [], "part", None)
        assert sides[0].palette.keys() == sides[1].palette.keys()
        assert tree(sides[1], "part", DARK).data


def test_a_word_without_any_length_has_no_direction_and_no_fault() -> None:
    figure = vectors(["a", "b"], [0, 1], 2, np.zeros((2, 3)), LIGHT)
    assert np.isfinite(np.array(figure.data[-1].z)).all()
