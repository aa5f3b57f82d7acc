"""Words that tell a class, and training texts that lie near: against counts by hand and the formulas written out."""

import math

import numpy as np
import pytest

from llm_core.inference.classifiers.words import word_ngrams, words
from llm_core.interpret.attribution.evidence import evidence
from llm_core.interpret.attribution.nearest_texts import HasVectors, NearestByVectors, NearestByWords
from tests.interpret.hand_made import Negated

TEXTS = ["good food", "good day", "good and bad", "bad food", "bad bad day", "once"]
LABELS = np.array([1, 1, 1, 0, 0, 0])


def test_evidence_is_the_log_odds_in_standard_errors() -> None:
    found = evidence(TEXTS, LABELS, 2)
    # "good" stands in 3 of 3 texts of class 1 and in 0 of the 3 others; each count is half a text larger.
    inside, inside_not, outside, outside_not = 3.5, 0.5, 0.5, 3.5
    log_odds = math.log(inside / inside_not) - math.log(outside / outside_not)
    error = math.sqrt(1 / inside + 1 / inside_not + 1 / outside + 1 / outside_not)
    assert found.scores["good"][1] == pytest.approx(log_odds / error)
    assert found.scores["good"][0] == pytest.approx(-log_odds / error)
    assert found.scores["food"] == pytest.approx([0, 0])
    assert "once" not in found.scores
    assert found.telling(1, 5)[0] == "good"
    assert "bad" in found.telling(0, 5)
    assert "good" not in found.telling(0, 5)


def test_telling_words_are_found_where_they_stand() -> None:
    found = evidence(TEXTS, LABELS, 2)
    assert found.places("Very good, bad.", 1) == [(5, 9)]
    assert found.places("", 1) == []


def test_phrases_of_characters_are_told_as_they_are_written() -> None:
    found = evidence(["很好吃", "真好吃", "很难吃", "真难吃"], np.array([1, 1, 0, 0]), 2)
    assert "好吃" in found.telling(1, 9)
    assert (1, 3) in found.places("鱼好吃", 1)


def test_nearest_by_words_is_the_cosine_of_tf_idf() -> None:
    index = NearestByWords(TEXTS)
    text = "bad bad food"
    found = {near.place: near.cosine for near in index.of(text, 10)}
    documents = [word_ngrams(words(one)) for one in TEXTS]
    keys = sorted({key for one in documents for key in one})

    def row(features: list[str]) -> np.ndarray:
        counts = np.array([features.count(key) for key in keys], dtype=float)
        weights = np.where(counts > 0, 1 + np.log(np.maximum(counts, 1)), 0)
        inverse = [math.log((1 + len(TEXTS)) / (1 + sum(key in one for one in documents))) + 1 for key in keys]
        vector = weights * inverse
        return vector / max(1e-12, np.linalg.norm(vector))

    expected = [float(row(word_ngrams(words(text))) @ row(one)) for one in documents]
    assert found == pytest.approx({place: cosine for place, cosine in enumerate(expected) if cosine > 0})
    assert [near.place for near in index.of(text, 2)] == list(np.argsort(expected)[::-1][:2])
    assert index.of("elsewhere", 3) == []
    assert NearestByWords(["", " "]).of("a", 3) == []


def test_nearest_by_vectors_is_the_cosine_from_the_mean() -> None:
    rows = np.random.default_rng(0).normal(3, 1, (20, 4))
    vector = rows[7] + 0.01
    found = NearestByVectors(rows).of(vector, 3)
    mean = rows.mean(0)
    cosines = [float((row - mean) @ (vector - mean) / np.linalg.norm(row - mean) / np.linalg.norm(vector - mean)) for row in rows]  # fmt: skip
    assert [near.place for near in found] == list(np.argsort(cosines)[::-1][:3])
    assert [near.cosine for near in found] == pytest.approx(sorted(cosines)[::-1][:3])
    assert found[0].place == 7


def test_only_some_classifiers_have_vectors() -> None:
    assert not isinstance(Negated(), HasVectors)
