"""Classifiers whose every answer can be worked out on paper."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from llm_core.inference.classifiers.base import Classifier, Contribution, LinearClassifier
from llm_core.inference.classifiers.words import placed_words, words


class WordWeights(LinearClassifier):
    """Each word adds its weights to the logits, as often as it stands there."""

    family = "tfidf_logistic_regression"
    parameters = 0

    def __init__(self, weights: Mapping[str, Sequence[float]], intercept: Sequence[float]) -> None:
        self.weights = {word: np.array(row, dtype=np.float64) for word, row in weights.items()}
        self.intercept = np.array(intercept, dtype=np.float64)
        self.names = tuple("abcdefgh"[: len(intercept)])
        self.asked: list[str] = []

    def logits(self, text: str) -> NDArray[np.float64]:
        total = self.intercept.copy()
        for word in words(text):
            total = total + self.weights.get(word, 0.0)
        return total

    def probabilities(self, texts: Sequence[str]) -> NDArray[np.float64]:
        self.asked += texts
        logits = np.array([self.logits(text) for text in texts])
        raised = np.exp(logits - logits.max(1, keepdims=True))
        return raised / raised.sum(1, keepdims=True)

    def contributions(self, text: str) -> list[Contribution]:
        found, spans = placed_words(text)
        return [
            Contribution(word, start, end, self.weights[word])
            for word, (start, end) in zip(found, spans, strict=True)
            if word in self.weights
        ]

    def files(self) -> dict[str, bytes]:
        return {}


class Negated(Classifier):
    """Class 1 where a word of praise stands without "not" anywhere: no sum of words can say it."""

    family = "lstm"
    names = ("bad", "good")
    parameters = 0

    def probabilities(self, texts: Sequence[str]) -> NDArray[np.float64]:
        good = np.array([("good" in words(text)) != ("not" in words(text)) for text in texts])
        return np.where(good[:, None], [0.1, 0.9], [0.8, 0.2])

    def files(self) -> dict[str, bytes]:
        return {}
