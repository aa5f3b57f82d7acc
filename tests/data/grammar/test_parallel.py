"""Parallel sentences: which words say what in the other language."""

import itertools

import pytest

from llm_core.data.grammar.grammar import Grammar, load_grammar
from llm_core.data.grammar.parallel import ParallelSentence, parallel_sentences
from llm_core.data.grammar.sampler import texts
from tests.data.grammar.small_grammar import small_grammar


@pytest.fixture(scope="module")
def stories() -> Grammar:
    return load_grammar("stories")


def said(pair: ParallelSentence) -> set[tuple[str, str]]:
    """The aligned words themselves."""
    return {
        (pair.english[slice(*pair.english_words[here])], pair.chinese[slice(*pair.chinese_words[there])])
        for here, there in pair.alignment
    }


def test_slots_and_marked_words_of_a_sentence_are_aligned() -> None:
    """Against words and phrases of the small grammar, written down by hand."""
    known = {
        ("Lily", "莉莉"), ("Tom", "汤姆"), ("put", "放"), ("ball", "球"), ("orange", "橙子"), ("mouse", "老鼠"), ("mice", "老鼠"),
        ("balls", "球"), ("oranges", "橙子"), ("in the box", "盒子里"), ("on the bed", "床上"), ("outside", "外面"),
        ("he", "他"), ("she", "她"), ("He", "他"), ("She", "她"), (".", "。"), ("“", "“"), ("”", "”"),
    }  # fmt: skip
    grammar = small_grammar()
    found = {pair for index in range(60) for one in parallel_sentences(grammar, 1, index) for pair in said(one)}
    numbers = {("one", "一"), ("two", "两"), ("three", "三"), ("four", "四"), ("five", "五"), ("six", "六")}
    assert {(english.lower(), chinese) for english, chinese in found} <= {(a.lower(), b) for a, b in known | numbers}
    assert {("put", "放"), ("in the box", "盒子里"), ("ball", "球"), ("two", "两")} <= found


def test_alignments_are_in_range_and_no_word_has_two_partners(stories: Grammar) -> None:
    for index in range(40):
        for pair in parallel_sentences(stories, 2, index):
            english, chinese = [here for here, _ in pair.alignment], [there for _, there in pair.alignment]
            assert english == sorted(set(english))
            assert len(set(chinese)) == len(chinese)
            assert all(0 <= here < len(pair.english_words) for here in english)
            assert all(0 <= there < len(pair.chinese_words) for there in chinese)


def test_words_cover_their_sentences_and_do_not_overlap(stories: Grammar) -> None:
    for index in range(40):
        for pair in parallel_sentences(stories, 3, index):
            for sentence, words in ((pair.english, pair.english_words), (pair.chinese, pair.chinese_words)):
                assert words[0][0] == 0
                assert words[-1][1] == len(sentence)
                assert all(start < end for start, end in words)
                gaps = [sentence[end:start] for (_, end), (start, _) in itertools.pairwise(words)]
                assert set(gaps) <= {"", " "}


def test_sentences_put_together_are_the_text_in_each_language(stories: Grammar) -> None:
    for index in range(20):
        pairs = parallel_sentences(stories, 4, index)
        assert " ".join(pair.english for pair in pairs) == next(texts(stories, "en", 4, index, 1))
        assert "".join(pair.chinese for pair in pairs) == next(texts(stories, "zh", 4, index, 1))


def test_most_sentences_have_more_than_their_sign_aligned(stories: Grammar) -> None:
    pairs = [pair for index in range(40) for pair in parallel_sentences(stories, 5, index)]
    assert sum(len(pair.alignment) >= 2 for pair in pairs) / len(pairs) > 0.9
    assert pairs == [pair for index in range(40) for pair in parallel_sentences(stories, 5, index)]
