"""How TF-IDF and logistic regression are fitted: the strength of the penalty by cross-validation, by scikit-learn.

The penalties are tried from strong to weak, each fit going on from the one before, fold by fold, until the time that
is left is needed for the last fit on everything.
"""

import time
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from llm_core.data.splits import fold_numbers
from llm_core.errors import N_
from llm_core.inference.classifiers.counting import LONGEST, Counts, inverse_frequencies, tfidf
from llm_core.inference.classifiers.linear import TfidfLogisticRegression
from llm_core.inference.classifiers.words import all_character_ngrams, word_ngrams, words
from llm_core.training.classifiers.base import Family, FitOptions, Fitted, Progress
from llm_core.training.classifiers.budget import Budget
from llm_core.training.classifiers.preparing import Documents, read_documents

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from llm_core.data.labelled import Labelled

    Block = tuple[tuple[str, ...], csr_matrix]

STRENGTHS = (0.3, 1.0, 3.0, 10.0, 30.0)
"""scikit-learn's C, the inverse of the penalty."""
FOLDS = 5
_CAREFUL = 0.3
"""Share of the time that iterations may take before the clock is looked at again, if they take as long as any so far."""
_TRIED = 3
_SECONDS, _PER_FEATURE = 4e-9, 30
"""About what an iteration takes for each number in the features and each class, and for how many such a feature counts."""
_ENOUGH = 30
"""Iterations that make a fit of use."""
_FEWEST_FEATURES, _FEWEST_DOCUMENTS = 1_500, 500
_NEVER = -30.0
"""The logit of a class without a text."""
MOST_WEIGHTS = 4_000_000
ITERATIONS = 100
LEAST, FEW = 2, 200
"""Documents that a key must be in to be learned from, where there are not fewer documents than this."""
_READING = 0.35
"""Share of the time for counting."""
_RESERVED, _FEWEST = 60, 10
"""Iterations on everything that are kept for the last fit, and the fewest that are worth a fit on a fold."""


class TfidfLogisticRegressionFamily(Family):
    """Words, pairs (of Chinese characters threes, too) and n-grams of 2 to 5 characters within words."""

    name = "tfidf_logistic_regression"
    title = N_("TF-IDF + logistic regression")
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
        counted, spelled = Counts({}, grow=True), Counts({}, grow=True)

        def read(text: str) -> None:
            found = words(text)
            counted.add(word_ngrams(found))
            spelled.add(all_character_ngrams(found))

        documents = yield from read_documents(training, read, budget, seed, options, LONGEST, _READING)
        classes = len(training.names)
        blocks = [worth_counting(counts, MOST_WEIGHTS // 2 // classes) for counts in (counted, spelled)]
        yield Progress(budget.elapsed, budget.share, 0, 0.0)
        blocks, documents = _affordable(blocks, documents, budget.left)
        (word_keys, _), (character_keys, _) = blocks
        features, inverse = _features([counts for _, counts in blocks])
        search = _Search(features, documents, budget, seed)
        yield from search.run()
        model = yield from search.last_fit()
        fitted = (inverse, *every_class(model, documents.labels, classes, features.shape[1]))
        classifier = TfidfLogisticRegression(training.names, word_keys, character_keys, *fitted)
        yield Fitted(classifier, budget.elapsed, search.chosen)


class _Search:
    """The best strength by the accuracy on folds that were not fitted on, as many of them as the time allows."""

    def __init__(self, features: "csr_matrix", documents: Documents[None], budget: Budget, seed: int) -> None:
        # Imported before anything is timed: the first time takes a second or more.
        from sklearn.linear_model import LogisticRegression

        self._make = LogisticRegression
        self._features, self._documents, self._budget, self._seed = features, documents, budget, seed
        self._classes = len(np.unique(documents.labels))
        self._right: dict[float, list[float]] = {strength: [] for strength in STRENGTHS}
        self._iteration = self._time_of_an_iteration()
        """Seconds of one iteration over all documents, the longest seen."""

    def run(self) -> Generator[Progress, None, None]:
        """Fit on the folds, `Progress` after each fit."""
        documents, step = self._documents, 0
        count = min(FOLDS, int(np.bincount(documents.labels).max()))
        if count < 2 or self._classes < 2:
            return
        numbers = fold_numbers(documents.labels, documents.groups, count, self._seed)
        for fold in range(count):
            kept, held_out = np.flatnonzero(numbers != fold), np.flatnonzero((numbers == fold) & documents.originals)
            if len(np.unique(documents.labels[kept])) < 2 or not len(held_out):
                continue
            model = None
            for strength in STRENGTHS:
                room = self._budget.left - _RESERVED * self._iteration
                if room < _FEWEST * self._iteration:
                    return
                model = yield from self._fit(strength, kept, model, room)
                step += 1
                right = model.predict(self._features[held_out]) == documents.labels[held_out]
                self._right[strength].append(float(right.mean()))
                share = max(step / (count * len(STRENGTHS) + 1), self._budget.share)
                yield Progress(
                    self._budget.elapsed, share, step, 0.0, inner_accuracy=self._right[strength][-1]
                )  # fmt: skip

    @property
    def _folds(self) -> int:
        """Folds on which every strength was tried."""
        return min(len(right) for right in self._right.values())

    @property
    def best(self) -> float:
        """The strength with the highest mean accuracy; the middle one where the time was too short to try them."""
        if not self._folds:
            return STRENGTHS[len(STRENGTHS) // 2]
        tried = {strength: np.mean(right[: self._folds]) for strength, right in self._right.items()}
        return max(tried, key=lambda strength: (tried[strength], -strength))

    @property
    def chosen(self) -> dict[str, float | int | str]:
        """What is told of the choice."""
        told: dict[str, float | int | str] = {"C": self.best, "folds": self._folds}
        right = self._right[self.best][: self._folds]
        return told | ({"inner_accuracy": float(np.mean(right))} if right else {})

    def last_fit(self) -> Generator[Progress, None, Any]:
        """scikit-learn's model with the best strength, on everything; None where there is but one class."""
        if self._classes < 2:
            return None
        everything = np.arange(len(self._documents))
        return (yield from self._fit(self.best, everything, None, self._budget.left))

    def _fit(
        self, strength: float, chosen: NDArray[np.int64], before: Any, seconds: float
    ) -> Generator[Progress, None, Any]:
        """A model fitted in `seconds` at the most, from the weights of the one before.

        Where the time may not do, the search goes a few iterations at a time and then on from where it was.
        """
        from sklearn.exceptions import ConvergenceWarning

        model = before or self._make(warm_start=True)
        features, labels = self._features[chosen], self._documents.labels[chosen]
        weight = len(chosen) / len(self._documents)
        begun, done = self._budget.elapsed, 0
        while True:
            left = seconds - (self._budget.elapsed - begun)
            affordable = int(_CAREFUL * left / self._iteration) if self._iteration else ITERATIONS
            part = ITERATIONS - done if affordable >= ITERATIONS else min(max(1, affordable), ITERATIONS - done)
            model.set_params(C=strength, max_iter=part)
            start = self._budget.elapsed
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                model.fit(features, labels)
            took, iterations = self._budget.elapsed - start, max(1, int(model.n_iter_.max()))
            done += iterations
            self._iteration = max(self._iteration, took / iterations / weight)
            if done >= ITERATIONS or iterations < part or left - took < 2 * took / iterations:
                return model
            yield Progress(self._budget.elapsed, self._budget.share, done, 0.0)

    def _time_of_an_iteration(self) -> float:
        """Seconds of an iteration over all documents, told from three."""
        labels = self._documents.labels
        if self._classes < 2:
            return 0.0
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # The first of all is slow: one text of each class.
            _, first = np.unique(labels, return_index=True)
            self._make(max_iter=1).fit(self._features[first], labels[first])
            start = self._budget.elapsed
            self._make(C=STRENGTHS[0], max_iter=_TRIED).fit(self._features, labels)
        return (self._budget.elapsed - start) / _TRIED


def _affordable(
    blocks: list["Block"], documents: Documents[None], seconds: float
) -> tuple[list["Block"], Documents[None]]:
    """As many of the most frequent features, and then of the texts, as let the search take _ENOUGH steps in the time.

    This matters where there are many classes, long texts or very little time.
    """
    classes = len(np.unique(documents.labels))
    while True:
        size = sum(counts.nnz + _PER_FEATURE * counts.shape[1] for _, counts in blocks)
        if _ENOUGH * _SECONDS * size * (classes if classes > 2 else 1) <= seconds:
            return blocks, documents
        widest = max(len(keys) for keys, _ in blocks)
        if widest > _FEWEST_FEATURES:
            half = widest // 2
            blocks = [(keys[:half], counts[:, :half]) for keys, counts in blocks]
        elif len(documents) > max(_FEWEST_DOCUMENTS, 2 * classes):
            half = len(documents) // 2
            blocks = [(keys, counts[:half]) for keys, counts in blocks]
            documents = documents.first(half)
        else:
            return blocks, documents


def _features(blocks: Sequence["csr_matrix"]) -> tuple["csr_matrix", NDArray[np.float64]]:
    """TF-IDF of all blocks side by side, and the inverse document frequencies."""
    from scipy.sparse import hstack

    inverse = [inverse_frequencies(block) for block in blocks]
    weighted = [tfidf(block, frequency) for block, frequency in zip(blocks, inverse, strict=True)]
    return hstack(weighted, format="csr"), np.concatenate(inverse)


def worth_counting(counts: Counts, most: int) -> "Block":
    """The keys worth counting, at most so many, and how often each occurs in each document (documents, keys).

    What occurs in one document alone is left out unless documents are few; of the rest the most frequent stay.
    """
    matrix, keys = counts.matrix(), list(counts.places)
    with_key = np.bincount(matrix.indices, minlength=len(keys))
    enough = np.flatnonzero(with_key >= (LEAST if matrix.shape[0] >= FEW else 1)).tolist()
    order = sorted(enough, key=lambda place: (-with_key[place], keys[place]))[:most]
    return tuple(keys[place] for place in order), matrix[:, order]


def every_class(
    model: Any, labels: NDArray[np.int64], classes: int, features: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """weights (K, F) and intercept (K,) of scikit-learn's model, which has one row where there are two classes, and
    none for a class that it has not seen."""
    weights = np.zeros((classes, features))
    intercept = np.full(classes, _NEVER)
    if model is None:
        intercept[labels[0]] = 0.0
        return weights, intercept
    if len(model.classes_) == 2 and len(model.coef_) == 1:
        halves = np.array([-0.5, 0.5])
        weights[model.classes_] = halves[:, None] * model.coef_
        intercept[model.classes_] = halves * model.intercept_
    else:
        weights[model.classes_], intercept[model.classes_] = model.coef_, model.intercept_
    return weights, intercept
