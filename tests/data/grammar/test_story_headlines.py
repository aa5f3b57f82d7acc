"""Stories with headlines: the headline speaks of its story, in both languages."""

import pytest

from llm_core.data.grammar.grammar import LANGUAGES, load_grammar
from llm_core.data.grammar.headlines import StoryHeadline, story_headline
from llm_core.data.grammar.sampler import texts
from tests.data.grammar.small_grammar import small_grammar


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_headline_speaks_of_its_story(language: str) -> None:
    stories = load_grammar("stories")
    for index in range(40):
        pair = story_headline(stories, language, 1, index)
        assert pair is not None
        assert pair.story == next(texts(stories, language, 1, index, 1))
        assert 0 < len(pair.headline) < len(pair.story) / 2
        assert pair.headline[0].isupper() or language == "zh"
        assert not pair.headline.endswith((".", "。"))
        names = [word for word in pair.headline.split()[1:] if word[0].isupper()]
        assert all(name in pair.story for name in names)


def test_a_headline_shows_what_the_story_drew() -> None:
    grammar = small_grammar()
    pairs = [story_headline(grammar, "en", 1, index) for index in range(20)]
    assert None in pairs
    for pair in pairs:
        if pair is not None:
            assert isinstance(pair, StoryHeadline)
            thing, _, _ = pair.headline.partition(" ")
            assert thing.lower() in pair.story
