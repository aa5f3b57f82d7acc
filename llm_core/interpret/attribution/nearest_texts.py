"""Training texts that lie nearest to a text: by its words, or by what a network makes of it."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from llm_core.inference.classifiers.words import word_ngrams, words

Floats = NDArray[np.float64]


@runtime_checkable
class HasVectors(Protocol):
    """A classifier that can show what its last layer sees of a text."""

    def vectors(self, texts: Sequence[str]) -> Floats:
        """(N, width)."""
        ...


@dataclass(frozen=True)
class Near:
    """A training text by its place, and the cosine of the angle between it and the text: 1 the same direction."""

    place: int
    cosine: float


class NearestByWords:
    """TF-IDF of words and short phrases over training texts, and their cosine, from an index by feature.

    A feature that stands n times in a text counts 1 + ln n, times 1 + ln((1 + texts) / (1 + texts with it)), as in
    scikit-learn with sublinear frequencies; every text has length 1.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        found = [Counter(_features(text)) for text in texts]
        with_feature = Counter(feature for counts in found for feature in counts)
        self._inverse = {
            feature: 1 + math.log((1 + len(texts)) / (1 + count)) for feature, count in with_feature.items()
        }
        places: dict[str, list[int]] = {}
        weights: dict[str, list[float]] = {}
        for place, counts in enumerate(found):
            for feature, weight in self._weighed(counts).items():
                places.setdefault(feature, []).append(place)
                weights.setdefault(feature, []).append(weight)
        self._index = {feature: (np.array(places[feature]), np.array(weights[feature])) for feature in places}
        self._texts = len(texts)

    def of(self, text: str, count: int) -> list[Near]:
        """The nearest, the nearest first; none where the text shares no word with any."""
        cosines = np.zeros(self._texts)
        for feature, weight in self._weighed(Counter(_features(text))).items():
            places, weights = self._index[feature]
            cosines[places] += weight * weights
        return [near for near in _largest(cosines, count) if near.cosine > 0]

    def _weighed(self, counts: "Counter[str]") -> dict[str, float]:
        """The known features of a text with their weights, of length 1 together."""
        raw = {
            feature: (1 + math.log(count)) * self._inverse[feature]
            for feature, count in counts.items() if feature in self._inverse
        }  # fmt: skip
        length = math.sqrt(math.fsum(weight * weight for weight in raw.values()))
        return {feature: weight / length for feature, weight in raw.items()}


class NearestByVectors:
    """What the last layer of a network sees of training texts; cosine, each number measured from its mean."""

    def __init__(self, vectors: Floats) -> None:
        """vectors (N, width)."""
        self._mean = vectors.mean(axis=0)
        self._rows = _unit(vectors - self._mean)

    def of(self, vector: Floats, count: int) -> list[Near]:
        """The nearest to a vector (width,), the nearest first."""
        return _largest(self._rows @ _unit((vector - self._mean)[None])[0], count)


def _features(text: str) -> list[str]:
    return word_ngrams(words(text))


def _unit(rows: Floats) -> Floats:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    found: Floats = rows / np.where(lengths > 0, lengths, 1.0)
    return found


def _largest(cosines: Floats, count: int) -> list[Near]:
    order = np.argsort(-cosines, kind="stable")[:count]
    return [Near(int(place), float(cosines[place])) for place in order]
