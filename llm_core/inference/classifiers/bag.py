"""fastText's classifier (Joulin et al. 2016, "Bag of tricks for efficient text classification").

The mean of the vectors of a text's words, word n-grams and character n-grams, then one linear layer. A key's vector is
found by its hash, so that there is no list of keys; two that share a hash share a vector.
"""

import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from llm_core.inference.classifiers.about import About, read_about
from llm_core.inference.classifiers.arrays import packed, unpacked
from llm_core.inference.classifiers.base import ABOUT, ARRAYS, Classifier
from llm_core.inference.classifiers.counting import LONGEST
from llm_core.inference.classifiers.linear import softmax
from llm_core.inference.classifiers.words import all_character_ngrams, word_ngrams, words


class BagAbout(About):
    """buckets: how many vectors there are."""

    family: Literal["bag_of_ngrams"] = "bag_of_ngrams"
    buckets: int = Field(ge=1, le=1 << 24)


class BagOfNgrams(Classifier):
    """vectors (buckets, width) float32 · weights (K, width), intercept (K,)."""

    family = "bag_of_ngrams"

    def __init__(
        self,
        names: tuple[str, ...],
        vectors: NDArray[np.float32],
        weights: NDArray[np.float32],
        intercept: NDArray[np.float32],
    ) -> None:
        self.names = names
        self._vectors, self._weights, self._intercept = vectors, weights, intercept
        self.parameters = vectors.size + weights.size + intercept.size

    def probabilities(self, texts: Sequence[str]) -> NDArray[np.float64]:
        means = np.zeros((len(texts), self._vectors.shape[1]))
        for row, text in enumerate(texts):
            buckets = hashed(text, len(self._vectors))
            if len(buckets):
                means[row] = self._vectors[buckets].mean(axis=0, dtype=np.float64)
        return softmax(means @ self._weights.T.astype(np.float64) + self._intercept)

    def files(self) -> dict[str, bytes]:
        about = BagAbout(names=self.names, buckets=len(self._vectors))
        arrays = {"vectors": self._vectors, "weights": self._weights, "intercept": self._intercept}
        return {ABOUT: about.model_dump_json().encode(), ARRAYS: packed(arrays)}


def load(folder: Path, about: bytes) -> BagOfNgrams:
    """Raises UserError on files that do not fit each other."""
    read = read_about(BagAbout, about)
    shapes: dict[str, tuple[int | None, ...]] = {"vectors": (read.buckets, None), "weights": (len(read.names), None)}
    arrays = unpacked(folder, {**shapes, "intercept": (len(read.names),)})
    # One reads the width that the other has.
    unpacked(folder, {"weights": (len(read.names), arrays["vectors"].shape[1])})
    return BagOfNgrams(read.names, arrays["vectors"], arrays["weights"], arrays["intercept"])


def hashed(text: str, buckets: int) -> NDArray[np.int64]:
    """The bucket of each n-gram of a text, repeats included: CRC-32 of its key, the same on every machine."""
    found = words(text[:LONGEST])
    keys = (*word_ngrams(found), *all_character_ngrams(found))
    return np.array([zlib.crc32(key.encode("utf-8", "surrogatepass")) % buckets for key in keys], dtype=np.int64)
