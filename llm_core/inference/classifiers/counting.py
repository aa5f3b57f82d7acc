"""Texts as rows of numbers, for the classifiers that know no order: how often each n-gram occurs, and TF-IDF."""

from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

LONGEST = 20_000
"""Characters of a text that are read: about ten pages. So a text of a million characters costs no more than these."""


class Counts:
    """How often each key occurs in each document, taken in one document at a time.

    places: the column of each key. Keys that have none get the next with `grow`, and are left out without.
    """

    def __init__(self, places: dict[str, int], grow: bool = False) -> None:
        self.places, self._grow = places, grow
        self._columns, self._counts, self._ends = array("i"), array("d"), array("q", [0])

    def add(self, document: Sequence[str]) -> None:
        """Count the keys of the next document."""
        places = self.places
        for key, count in Counter(document).items():
            place = places.setdefault(key, len(places)) if self._grow else places.get(key)
            if place is not None:
                self._columns.append(place)
                self._counts.append(count)
        self._ends.append(len(self._columns))

    def matrix(self) -> "csr_matrix":
        """(documents, keys)."""
        from scipy.sparse import csr_matrix

        shape = (len(self._ends) - 1, len(self.places))
        if not len(self._columns):
            return csr_matrix(shape)
        columns, ends = np.frombuffer(self._columns, np.int32), np.frombuffer(self._ends, np.int64)
        matrix = csr_matrix((np.frombuffer(self._counts, np.float64), columns, ends), shape=shape)
        matrix.sort_indices()
        return matrix


def count_matrix(documents: Iterable[Sequence[str]], places: dict[str, int]) -> "csr_matrix":
    """(documents, keys) how often each key with a place occurs in each document."""
    counts = Counts(places)
    for document in documents:
        counts.add(document)
    return counts.matrix()


def tfidf(counts: "csr_matrix", inverse_frequency: NDArray[np.float64]) -> "csr_matrix":
    """1 + log of the count, times the inverse document frequency, each row of length 1 (or 0 where nothing is known)."""
    from scipy.sparse import csr_matrix

    weighted = csr_matrix(counts, dtype=np.float64, copy=True)
    weighted.data = (1.0 + np.log(weighted.data)) * inverse_frequency[weighted.indices]
    rows = np.repeat(np.arange(weighted.shape[0]), np.diff(weighted.indptr))
    squares = np.bincount(rows, weighted.data**2, minlength=weighted.shape[0])
    weighted.data /= np.sqrt(squares)[rows]
    return weighted


def inverse_frequencies(counts: "csr_matrix") -> NDArray[np.float64]:
    """log((1 + documents) / (1 + documents with the key)) + 1 for each key, as scikit-learn has it."""
    documents, keys = counts.shape
    with_key = np.bincount(counts.indices, minlength=keys)
    found: NDArray[np.float64] = np.log((1 + documents) / (1 + with_key)) + 1
    return found
