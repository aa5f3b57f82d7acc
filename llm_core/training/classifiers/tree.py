"""How a decision tree is grown: by scikit-learn, as deep as serves texts it has not seen.

One deep tree is grown on most of the texts; cut at each depth it is tried on the others. The tree of the best depth is
then grown on all of them.
"""

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from llm_core.data.splits import stratified
from llm_core.errors import N_
from llm_core.inference.classifiers.counting import LONGEST, Counts
from llm_core.inference.classifiers.tree import LEAF, DecisionTree
from llm_core.inference.classifiers.words import word_ngrams, words
from llm_core.training.classifiers.base import Family, FitOptions, Fitted, Progress
from llm_core.training.classifiers.budget import Budget
from llm_core.training.classifiers.linear import worth_counting
from llm_core.training.classifiers.preparing import read_documents

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from llm_core.data.labelled import Labelled

DEPTHS = (1, 2, 3, 5, 8, 12, 18, 27, 40, 60)
MOST_KEYS = 3_000
_INNER = 0.15
_READING = 0.35
"""Share of the time for counting."""
_FIRST = 500
"""Texts in the trial that shows how long a tree takes."""
_TREES, _EXPONENT = 2.5, 1.5
"""What is to come is less than so many trees, and a tree of n times the texts takes less than n to this power as long."""


class DecisionTreeFamily(Family):
    """Questions about how often the most frequent words and phrases occur, by how much each sorts the classes (Gini)."""

    name = "decision_tree"
    title = N_("Decision tree")
    neural = False

    def fit(
        self,
        training: "Labelled",
        *,
        seconds: float,
        seed: int,
        options: FitOptions = FitOptions(),
        clock: Callable[[], float] = time.monotonic,
    ) -> Iterator[Progress | Fitted]:
        budget = Budget(seconds, clock)
        counted = Counts({}, grow=True)

        def read(text: str) -> None:
            counted.add(word_ngrams(words(text)))

        documents = yield from read_documents(training, read, budget, seed, options, LONGEST, _READING)
        keys, counts = worth_counting(counted, MOST_KEYS)
        yield Progress(budget.elapsed, budget.share, 0, 0.0)
        chosen = _as_many_as_fit(counts, documents.labels, budget, seed)
        yield Progress(budget.elapsed, budget.share, 1, 0.0)
        held_out = np.zeros(len(documents), dtype=np.bool_)
        held_out[chosen] = stratified(documents.labels[chosen], documents.groups[chosen], _INNER, seed)
        inner = np.flatnonzero(held_out & documents.originals)
        kept = chosen[~held_out[chosen]]
        depth, accuracy = DEPTHS[len(DEPTHS) // 2], None
        if len(inner):
            deep = _grown(counts[kept], documents.labels[kept], max(DEPTHS), seed)
            depth, accuracy = _best_depth(deep, counts[inner], documents.labels[inner])
            yield Progress(budget.elapsed, max(0.6, budget.share), 2, 0.0, inner_accuracy=accuracy)
        tree = _grown(counts[chosen], documents.labels[chosen], depth, seed)
        told: dict[str, float | int | str] = {"depth": depth, "leaves": int(tree.get_n_leaves())}
        yield Fitted(copied(tree, training.names, keys), budget.elapsed, told)


def _grown(counts: "csr_matrix", labels: NDArray[np.int64], depth: int, seed: int) -> Any:
    from sklearn.tree import DecisionTreeClassifier

    return DecisionTreeClassifier(max_depth=depth, min_samples_leaf=2, random_state=seed).fit(counts, labels)


def _as_many_as_fit(counts: "csr_matrix", labels: NDArray[np.int64], budget: Budget, seed: int) -> NDArray[np.int64]:
    """The first documents, which stand in random order: so many that two trees fit into the time, told from small ones.

    A tree cannot be stopped half-way; its time grows a little faster than the number of documents.
    """
    # The first of all is the import, which takes a second or more, and is not timed.
    _grown(counts[:1], labels[:1], 1, seed)
    total = counts.shape[0]
    tried = min(total, _FIRST)
    start = budget.elapsed
    _grown(counts[:tried], labels[:tried], max(DEPTHS), seed)
    took = budget.elapsed - start
    if not took:
        return np.arange(total)
    times_longer = max(0.0, 0.9 * budget.left) / (_TREES * took)
    return np.arange(min(total, max(2, int(tried * times_longer ** (1 / _EXPONENT)))))


def _best_depth(deep: Any, counts: "csr_matrix", labels: NDArray[np.int64]) -> tuple[int, float]:
    """The least depth that has the highest accuracy when the tree is cut there."""
    paths = deep.decision_path(counts)
    tree = deep.tree_
    level = _levels(tree.children_left, tree.children_right)
    says = deep.classes_[tree.value[:, 0].argmax(axis=1)]
    found = {}
    for depth in DEPTHS:
        # The last node on a text's path at this depth or above: the one with the highest number, for children come later.
        at = [nodes[level[nodes] <= depth].max() for nodes in np.split(paths.indices, paths.indptr[1:-1])]
        found[depth] = float((says[at] == labels).mean())
    best = max(found, key=lambda depth: (found[depth], -depth))
    return best, found[best]


def _levels(left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.int64]:
    level = np.zeros(len(left), dtype=np.int64)
    for node in np.flatnonzero(left != LEAF):
        level[left[node]] = level[right[node]] = level[node] + 1
    return level


def copied(tree: Any, names: tuple[str, ...], keys: tuple[str, ...]) -> DecisionTree:
    """Our tree with the nodes of scikit-learn's, every class in its column."""
    nodes = tree.tree_
    shares = np.zeros((nodes.node_count, len(names)))
    shares[:, tree.classes_] = nodes.value[:, 0] / nodes.value[:, 0].sum(axis=1, keepdims=True)
    arrays = (nodes.children_left, nodes.children_right, nodes.feature)
    left, right, feature = (np.asarray(array, dtype=np.int64) for array in arrays)
    return DecisionTree(names, keys, left, right, feature, np.asarray(nodes.threshold, dtype=np.float64), shares)
