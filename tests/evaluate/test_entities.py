"""Entities are counted as seqeval counts them."""

import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics import classification_report, f1_score, precision_score, recall_score
from seqeval.metrics.sequence_labeling import get_entities

from llm_core.data.tag_spans import tag_spans
from llm_core.evaluate.entities import entity_scores

TAGS = ["O", "B-person", "I-person", "B-place", "I-place", "B-spot", "I-spot"]
tags = st.sampled_from(TAGS)
rows = st.lists(st.tuples(tags, tags), min_size=1, max_size=14)


@given(st.lists(tags, max_size=20))
@settings(max_examples=300)
def test_spans_are_seqevals_however_odd_the_tags(given_tags: list[str]) -> None:
    assert tag_spans(given_tags) == [(kind, first, last + 1) for kind, first, last in get_entities(given_tags)]


@given(st.lists(rows, min_size=1, max_size=5))
@settings(max_examples=300, deadline=None)
def test_precision_recall_and_f1_are_seqevals(texts: list[list[tuple[str, str]]]) -> None:
    right, ours = [[one for one, _ in text] for text in texts], [[one for _, one in text] for text in texts]
    found = entity_scores(right, ours)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # where nothing is named, a share of nothing is 0
        assert found.overall.precision == pytest.approx(precision_score(right, ours))
        assert found.overall.recall == pytest.approx(recall_score(right, ours))
        assert found.overall.f1 == pytest.approx(f1_score(right, ours))
        if found.kinds:
            report = classification_report(right, ours, output_dict=True)
            assert {kind: pytest.approx(one.f1) for kind, one in found.kinds.items()} == {kind: report[kind]["f1-score"] for kind in found.kinds}  # fmt: skip
            assert found.macro_f1 == pytest.approx(report["macro avg"]["f1-score"])
            assert {kind: one.expected for kind, one in found.kinds.items()} == {kind: report[kind]["support"] for kind in found.kinds}  # fmt: skip


def test_half_an_entity_is_a_miss_and_a_false_find() -> None:
    right = [["B-place", "I-place", "O", "B-person"]]
    found = entity_scores(right, [["B-place", "O", "O", "B-person"]])
    assert (found.overall.expected, found.overall.named, found.overall.right) == (2, 2, 1)
    assert found.overall.f1 == 0.5
    assert (found.kinds["place"].f1, found.kinds["person"].f1, found.macro_f1) == (0.0, 1.0, 0.5)


def test_texts_without_entities_score_nothing_and_as_many_tags_as_words_are_needed() -> None:
    found = entity_scores([["O", "O"]], [["O", "O"]])
    assert (found.overall.f1, found.macro_f1, found.kinds) == (0.0, 0.0, {})
    with pytest.raises(ValueError, match="1 tags for 2 words"):
        entity_scores([["O", "O"]], [["O"]])
