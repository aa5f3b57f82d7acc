"""TF-IDF and logistic regression: the classifier that every other has to beat, predicted from its own arrays.

Two blocks of features, each of length 1 for a text: n-grams of words, and n-grams of characters within words.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from llm_core.inference.classifiers.about import About, read_about
from llm_core.inference.classifiers.arrays import packed, unpacked
from llm_core.inference.classifiers.base import ABOUT, ARRAYS, Contribution, LinearClassifier
from llm_core.inference.classifiers.counting import LONGEST, count_matrix, tfidf
from llm_core.inference.classifiers.words import (
    all_character_ngrams,
    placed_character_ngrams,
    placed_words,
    shown,
    word_ngrams,
    words,
)

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Floats = NDArray[np.float64]


class LinearAbout(About):
    """word_keys, character_keys: the features in the order of the weights."""

    family: Literal["tfidf_logistic_regression"] = "tfidf_logistic_regression"
    word_keys: tuple[str, ...]
    character_keys: tuple[str, ...]


class TfidfLogisticRegression(LinearClassifier):
    """inverse_frequency (F,), weights (K, F), intercept (K,) over both blocks of keys, those of words first."""

    family = "tfidf_logistic_regression"

    def __init__(
        self,
        names: tuple[str, ...],
        word_keys: tuple[str, ...],
        character_keys: tuple[str, ...],
        inverse_frequency: Floats,
        weights: Floats,
        intercept: Floats,
    ) -> None:
        self.names = names
        self.word_keys, self.character_keys = word_keys, character_keys
        self._word_places = {key: place for place, key in enumerate(word_keys)}
        self._character_places = {key: place for place, key in enumerate(character_keys)}
        self.inverse_frequency, self.weights, self.intercept = inverse_frequency, weights, intercept
        self.parameters = weights.size + intercept.size

    def probabilities(self, texts: Sequence[str]) -> Floats:
        return softmax(self.features(texts) @ self.weights.T + self.intercept)

    def features(self, texts: Sequence[str]) -> "csr_matrix":
        """(N, F) the TF-IDF of both blocks side by side."""
        from scipy.sparse import hstack

        found = [words(text[:LONGEST]) for text in texts]
        split = len(self.word_keys)
        counted = count_matrix(map(word_ngrams, found), self._word_places)
        spelled = count_matrix(map(all_character_ngrams, found), self._character_places)
        blocks = (
            tfidf(counted, self.inverse_frequency[:split]),
            tfidf(spelled, self.inverse_frequency[split:]),
        )
        return hstack(blocks, format="csr")

    def contributions(self, text: str) -> list[Contribution]:
        text = text[:LONGEST]
        row = self.features([text])
        value = dict(zip(row.indices.tolist(), row.data.tolist(), strict=True))
        found = self._occurrences(text)
        times = np.bincount([place for place, _, _, _ in found], minlength=len(self.inverse_frequency))
        return [
            Contribution(shown(key), start, end, self.weights[:, place] * value[place] / times[place])
            for place, key, start, end in found
        ]

    def _occurrences(self, text: str) -> list[tuple[int, str, int, int]]:
        """Place among the weights, key, start and end of every known feature in the text, as they begin."""
        found, spans = placed_words(text)
        occurrences = []
        for size in (1, 2, 3):
            for first in range(len(found) - size + 1):
                key = " ".join(found[first : first + size])
                place = self._word_places.get(key)
                if place is not None:
                    occurrences.append((place, key, spans[first][0], spans[first + size - 1][1]))
        for word, (start, _) in zip(found, spans, strict=True):
            for key, first, last in placed_character_ngrams(word):
                place = self._character_places.get(key)
                if place is not None:
                    occurrences.append((len(self.word_keys) + place, key, start + first, start + last))
        return sorted(occurrences, key=lambda found: (found[2], found[3]))

    def files(self) -> dict[str, bytes]:
        about = LinearAbout(names=self.names, word_keys=self.word_keys, character_keys=self.character_keys)
        arrays = {
            "inverse_frequency": self.inverse_frequency,
            "weights": self.weights,
            "intercept": self.intercept,
        }
        return {ABOUT: about.model_dump_json().encode(), ARRAYS: packed(arrays)}


def load(folder: Path, about: bytes) -> TfidfLogisticRegression:
    """Raises UserError on files that do not fit each other."""
    read = read_about(LinearAbout, about)
    classes, features = len(read.names), len(read.word_keys) + len(read.character_keys)
    shapes: dict[str, tuple[int | None, ...]] = {
        "inverse_frequency": (features,),
        "weights": (classes, features),
        "intercept": (classes,),
    }
    arrays = unpacked(folder, shapes)
    return TfidfLogisticRegression(read.names, read.word_keys, read.character_keys, **arrays)


def softmax(logits: Floats) -> Floats:
    """Probabilities (N, K), each row sums to 1."""
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: Floats = raised / raised.sum(axis=1, keepdims=True)
    return shares
