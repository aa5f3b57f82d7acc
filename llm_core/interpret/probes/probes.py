"""Linear probes: what can be read off the residual stream by a linear map, layer by layer, and how much of it the probe
has learned by heart.

A probe is a logistic regression from a token's vector to a label (Alain & Bengio 2017), trained on some texts and tested on
others. A wide vector tells words apart, and a probe can learn a label for each word by heart. So a second one is trained
on a control task (Hewitt & Liang 2019, "Designing and Interpreting Probes with Control Tasks"): every type of token has a
label drawn at random, once and for all, from how often the labels come. Selectivity is the accuracy less that of the
control: what the stream says, beyond what the probe could memorize. And whoever saw only the word, and never its text,
would get `by_word` right. That the stream says something does not prove that the model uses it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from llm_core.errors import UserError
from llm_core.interpret import intervals
from llm_core.interpret.attention.attention import Floats
from llm_core.interpret.components import Component, streams
from llm_core.interpret.geometry.hidden_states import HiddenStates, hidden_states
from llm_core.interpret.probes.probe_labels import LabelledTokens
from llm_core.models.base import Model

MOST_TOKENS = 4000
"""Tokens that a probe is trained on, and as many at most that it is tested with."""
_TRAINED_ON = 0.6
_STRENGTH = 0.1
"""Of the penalty on large weights, as scikit-learn's C: small, since vectors are many and wide."""
_ITERATIONS = 300

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class LinearProbe:
    """What reads a label off a vector x (width,): softmax of weights (L, width) x + biases (L,).

    The bias of a label that never came in training is minus infinity.
    """

    weights: Floats = field(repr=False)
    biases: Floats = field(repr=False)

    def shares(self, vectors: Floats) -> NDArray[np.float64]:
        """(N, L) how likely each label is, of vectors (N, width)."""
        logits = vectors.astype(np.float64) @ self.weights.T.astype(np.float64) + self.biases
        raised = np.exp(logits - logits.max(-1, keepdims=True))
        shares: NDArray[np.float64] = raised / raised.sum(-1, keepdims=True)
        return shares


@dataclass(frozen=True)
class Probed:
    """What a probe at one place gets right in texts that it has not seen, `tokens` in all, with a 95 % interval.

    control: what one gets right whose labels are random by type · majority: what always saying the most frequent label
    would get right · by_word: the same with the most frequent label of each type · confusion (L, L): tokens by what they
    are and what the probe says, in the order of `names` · reader: the probe itself.
    """

    place: Component
    accuracy: float
    low: float
    high: float
    control: float
    majority: float
    by_word: float
    tokens: int
    names: tuple[str, ...]
    confusion: Integers = field(repr=False, compare=False)
    reader: LinearProbe = field(repr=False, compare=False)

    @property
    def selectivity(self) -> float:
        """Accuracy less that of the control task."""
        return self.accuracy - self.control


def probe(model: Model, labelled: LabelledTokens, seed: int = 0) -> Iterator[Probed]:
    """Train and test a probe and its control at the embedding and after each layer: yields one place after the other.

    Of an encoder-decoder the encoder is probed. Raises UserError where the texts are too few to train and to test.
    """
    label, types = labelled.label, labelled.types
    trained = _training_texts(labelled.text, seed)
    train, test = _at_most(np.flatnonzero(trained), seed), _at_most(np.flatnonzero(~trained), seed)
    if len(train) == 0 or len(test) == 0 or len(np.unique(label[train])) < 2:
        raise UserError("These texts are too few to train a probe and to test it; ask about more.")
    control = control_labels(types, label, seed)
    common = int(np.bincount(label[train]).argmax())
    majority, by_word = float((label[test] == common).mean()), _by_word(types, label, train, test, common)
    count = len(labelled.names)
    states, rows = _states_of(model, labelled, np.concatenate([train, test]))
    known, fresh = rows[: len(train)], rows[len(train) :]
    for place, vectors in zip(states.places, states.states, strict=True):
        reader = trained_probe(vectors[known], label[train], count)
        said = reader.shares(vectors[fresh]).argmax(-1)
        of_control = trained_probe(vectors[known], control[train], count).shares(vectors[fresh]).argmax(-1)
        confusion = np.zeros((count, count), dtype=np.int64)
        np.add.at(confusion, (label[test], said), 1)
        low, high = _interval(said == label[test], labelled.text[test])
        yield Probed(
            place, float((said == label[test]).mean()), low, high, float((of_control == control[test]).mean()), majority,
            by_word, len(test), labelled.names, confusion, reader,
        )  # fmt: skip


def _states_of(model: Model, labelled: LabelledTokens, chosen: Integers) -> tuple[HiddenStates, Integers]:
    """The stream at these of the labelled tokens, no other is kept, and the row of each of them in it."""
    positions = [
        np.unique(labelled.position[chosen[labelled.text[chosen] == text]]) for text in range(len(labelled.readings))
    ]
    states = hidden_states(model, labelled.readings, streams(model)[0], positions)
    rows = {place: row for row, place in enumerate(zip(states.text.tolist(), states.position.tolist(), strict=True))}
    wanted = zip(labelled.text[chosen].tolist(), labelled.position[chosen].tolist(), strict=True)
    return states, np.array([rows[place] for place in wanted], dtype=np.int64)


def trained_probe(vectors: Floats, label: Integers, labels: int) -> LinearProbe:
    """A logistic regression from vectors (N, width), each axis first brought to one scale, to one of L labels (N,)."""
    from sklearn.linear_model import LogisticRegression

    weights = np.zeros((labels, vectors.shape[1]), dtype=np.float32)
    biases = np.full(labels, -np.inf, dtype=np.float32)
    known = np.unique(label)
    if len(known) < 2:  # a control can give all types the same label
        biases[known] = 0.0
        return LinearProbe(weights, biases)
    mean, deviation = vectors.mean(0), vectors.std(0) + 1e-6
    model = LogisticRegression(C=_STRENGTH, max_iter=_ITERATIONS)
    model.fit((vectors - mean) / deviation, label)
    found, free = model.coef_ / deviation, model.intercept_ - (model.coef_ / deviation) @ mean
    if len(known) == 2:  # one row says how far the second label is ahead of the first
        found, free = np.concatenate([-found, found]) / 2, np.concatenate([-free, free]) / 2
    weights[known], biases[known] = found, free
    return LinearProbe(weights, biases)


def control_labels(types: tuple[str, ...], label: Integers, seed: int) -> Integers:
    """(N,) a label for each type, drawn at random from how often the labels come, and the same for all its tokens."""
    known = sorted(set(types))
    drawn = np.random.default_rng(seed).choice(label, size=len(known))
    by_type = dict(zip(known, drawn.tolist(), strict=True))
    return np.array([by_type[each] for each in types], dtype=np.int64)


def _by_word(types: tuple[str, ...], label: Integers, train: Integers, test: Integers, common: int) -> float:
    """How often the most frequent label of a type in training is right; of a type that never came, the common one."""
    _, number = np.unique(types, return_inverse=True)
    counts = np.zeros((number.max() + 1, label.max() + 1), dtype=np.int64)
    np.add.at(counts, (number[train], label[train]), 1)
    said = np.where(counts.any(-1), counts.argmax(-1), common)
    return float((said[number[test]] == label[test]).mean())


def _training_texts(text: Integers, seed: int) -> NDArray[np.bool_]:
    """(N,) whether a token's text is one to train on: a share of the texts, the others are for the test."""
    known = np.unique(text)
    shuffled = np.random.default_rng(seed).permutation(known)
    return np.isin(text, shuffled[: max(1, round(_TRAINED_ON * len(known)))])


def _at_most(rows: Integers, seed: int) -> Integers:
    if len(rows) <= MOST_TOKENS:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, MOST_TOKENS, replace=False))


def _interval(right: NDArray[np.bool_], text: Integers) -> tuple[float, float]:
    """The bounds of a 95 % interval of a mean over tokens that stand in texts together."""
    _, number = np.unique(text, return_inverse=True)
    sums = np.bincount(number, weights=right.astype(np.float64)).astype(np.float64)
    found = intervals.share(sums, np.bincount(number).astype(np.int64))
    return float(found.low), float(found.high)
