"""Training texts that lie nearest to a text: by its words, or by what a network makes of it."""

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
    """TF-IDF of words and short phrases over training texts; cosine."""

    def __init__(self, texts: Sequence[str]) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer

        self._vectorizer = TfidfVectorizer(analyzer=_features, sublinear_tf=True)
        self._rows = self._vectorizer.fit_transform([text or " " for text in texts]) if any(map(_features, texts)) else None  # fmt: skip

    def of(self, text: str, count: int) -> list[Near]:
        """The nearest, the nearest first; none where the text shares no word with any."""
        if self._rows is None:
            return []
        cosines = np.asarray((self._rows @ self._vectorizer.transform([text]).T).todense())[:, 0]
        return [near for near in _largest(cosines, count) if near.cosine > 0]


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
