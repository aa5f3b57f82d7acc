"""A decision tree over counts of words: one question after another, each about one word or phrase."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from llm_core.errors import UserError
from llm_core.inference.classifiers.about import About, read_about
from llm_core.inference.classifiers.arrays import packed, unpacked
from llm_core.inference.classifiers.base import ABOUT, ARRAYS, Decision, TreeClassifier
from llm_core.inference.classifiers.counting import LONGEST, count_matrix
from llm_core.inference.classifiers.words import shown, word_ngrams, words

if TYPE_CHECKING:
    from scipy.sparse import csc_matrix, csr_matrix

LEAF = -1


class TreeAbout(About):
    """keys: the words and phrases that are counted."""

    family: Literal["decision_tree"] = "decision_tree"
    keys: tuple[str, ...]


class DecisionTree(TreeClassifier):
    """left, right (nodes,): the node after the answer "at most" or "more", LEAF at a leaf · feature, threshold (nodes,):
    the question · shares (nodes, K): of the classes among the training texts that come to a node. A node stands before
    those below it."""

    family = "decision_tree"

    def __init__(
        self,
        names: tuple[str, ...],
        keys: tuple[str, ...],
        left: NDArray[np.int64],
        right: NDArray[np.int64],
        feature: NDArray[np.int64],
        threshold: NDArray[np.float64],
        shares: NDArray[np.float64],
    ) -> None:
        self.names = names
        self.keys = keys
        self._places = {key: place for place, key in enumerate(keys)}
        self.left, self.right, self.feature = left, right, feature
        self.threshold, self.shares = threshold, shares
        leaves = int((left == LEAF).sum())
        self.parameters = 2 * (len(left) - leaves) + leaves * len(names)

    def counts(self, texts: Sequence[str]) -> "csr_matrix":
        """(N, keys) how often each word or phrase occurs."""
        return count_matrix((word_ngrams(words(text[:LONGEST])) for text in texts), self._places)

    def probabilities(self, texts: Sequence[str]) -> NDArray[np.float64]:
        counts: csc_matrix = self.counts(texts).tocsc()
        node = np.zeros(len(texts), dtype=np.int64)
        value = np.zeros(len(texts))
        for at in range(len(self.left)):
            here = np.flatnonzero(node == at)
            if self.left[at] == LEAF or not len(here):
                continue
            column = slice(counts.indptr[self.feature[at]], counts.indptr[self.feature[at] + 1])
            value[counts.indices[column]] = counts.data[column]
            node[here] = np.where(value[here] <= self.threshold[at], self.left[at], self.right[at])
            value[counts.indices[column]] = 0.0
        shares: NDArray[np.float64] = self.shares[node]
        return shares

    def path(self, text: str) -> list[Decision]:
        row = self.counts([text])
        value = dict(zip(row.indices.tolist(), row.data.tolist(), strict=True))
        decisions, at = [], 0
        while self.left[at] != LEAF:
            feature, threshold = int(self.feature[at]), float(self.threshold[at])
            went_left = value.get(feature, 0.0) <= threshold
            decisions.append(Decision(shown(self.keys[feature]), threshold, value.get(feature, 0.0), went_left))
            at = int(self.left[at] if went_left else self.right[at])
        return decisions

    def files(self) -> dict[str, bytes]:
        about = TreeAbout(names=self.names, keys=self.keys)
        arrays: dict[str, NDArray[Any]] = {
            "left": self.left,
            "right": self.right,
            "feature": self.feature,
            "threshold": self.threshold,
            "shares": self.shares,
        }
        return {ABOUT: about.model_dump_json().encode(), ARRAYS: packed(arrays)}


def load(folder: Path, about: bytes) -> DecisionTree:
    """Raises UserError on files that do not fit each other, such as a tree that leads back to where it came from."""
    read = read_about(TreeAbout, about)
    shapes: dict[str, tuple[int | None, ...]] = {
        "left": (None,), "right": (None,), "feature": (None,), "threshold": (None,), "shares": (None, len(read.names)),
    }  # fmt: skip
    arrays = unpacked(folder, shapes)
    nodes = len(arrays["left"])
    inner = np.flatnonzero(arrays["left"] != LEAF)
    after = np.stack((arrays["left"], arrays["right"]))[:, inner]
    sound = (
        nodes > 0
        and all(len(array) == nodes for array in arrays.values())
        and bool((after > inner).all() and (after < nodes).all())
        and bool(((arrays["feature"][inner] >= 0) & (arrays["feature"][inner] < len(read.keys))).all())
    )
    if not sound:
        raise UserError("{file} holds no sound tree.", file=ARRAYS)
    return DecisionTree(read.names, read.keys, **arrays)
