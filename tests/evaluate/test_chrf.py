"""chrF against sacreBLEU, which counts it for everybody, and against what can be counted by hand."""

import pytest
import sacrebleu
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_core.evaluate.chrf import chrf

sentences = st.text(alphabet="莉汤姆放球 了。ab", max_size=12)


@given(pairs=st.lists(st.tuples(sentences, sentences), min_size=1, max_size=6))
@settings(max_examples=150)
def test_it_is_sacrebleus_chrf2(pairs: list[tuple[str, str]]) -> None:
    ours, theirs = [one for one, _ in pairs], [other for _, other in pairs]
    expected = sacrebleu.corpus_chrf(ours, [theirs]).score / 100
    assert chrf(ours, theirs) == pytest.approx(expected, abs=1e-9)


def test_alike_is_one_and_nothing_shared_is_none() -> None:
    assert chrf(["莉莉回家了。"], ["莉莉回家了。"]) == pytest.approx(1.0)
    assert chrf(["abc"], ["莉莉"]) == 0.0
    assert chrf([""], ["莉莉"]) == 0.0
    assert chrf([], []) == 0.0


def test_a_sentence_counted_by_hand() -> None:
    # "ab" of "abc": of single characters all 2 of 2 written and 2 of 3 known, of pairs 1 of 1 and 1 of 2.
    precision, recall = (2 / 2 + 1 / 1) / 2, (2 / 3 + 1 / 2) / 2
    assert chrf(["ab"], ["abc"]) == pytest.approx(5 * precision * recall / (4 * precision + recall))
