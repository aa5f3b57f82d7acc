"""Grammar files that are not right are refused with one sentence that says where."""

import pytest

from llm_core.data.grammar.grammar import load_grammar
from llm_core.errors import UserError
from tests.data.grammar.small_grammar import STORIES, small_grammar


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('A = "name", B = "name!A"', 'A = "nobody", B = "name!A"', "no word class for 'nobody'"),
        ("{A.s} was fine .", "{A.s was fine .", "braces"),
        ("{A.s} was fine .", "{B.s} was fine .", "in one language only"),
        ("{A.s} was fine .", "{A.s} was {x} fine .", "x is not declared"),
        ('body = ["put", "middle", "ask"]', 'body = ["put", "nothing"]', "'nothing'"),
        ('O = "toy", P = "spot@O"', 'O = "toy", P = "spot@Z"', "depends on Z"),
        ('A = "name", B = "name!A"', 'a = "name", B = "name"', "begin with a capital"),
        ('facts = ["O at P"]', 'facts = ["O flies"]', "'O flies'"),
        ('start = "story"', 'start = "tale"', "no frames 'tale'"),
        ("{B.s} saw a {t:toy} .", "{B.s} saw a", "ends with an article"),
        ("{B.s} saw a {t:toy} .", "{B.s} saw a {T:toy} .", "small letter"),
    ],
)
def test_a_broken_grammar_is_refused_with_its_place(before: str, after: str, said: str) -> None:
    assert before in STORIES
    with pytest.raises(UserError) as refusal:
        small_grammar(stories=STORIES.replace(before, after))
    assert said in str(refusal.value)


def test_a_missing_grammar_is_refused() -> None:
    with pytest.raises(UserError, match="no grammar 'nowhere'"):
        load_grammar("nowhere")


def test_the_digest_follows_what_shapes_the_texts() -> None:
    again = small_grammar()
    assert again.digest == small_grammar().digest
    assert small_grammar(stories=STORIES.replace("weight = 3", "weight = 4")).digest != again.digest
    assert len(again.digest) == 64
