"""Linear probes: what can be read off the residual stream by a linear map, layer by layer, and how much of it the probe
has learned by heart.

A probe is a logistic regression from a token's vector to a label (Alain & Bengio 2017), trained on some texts and tested on
others. A wide vector tells words apart, and a probe can learn a label for each word by heart. So a second one is trained
on a control task (Hewitt & Liang 2019, "Designing and Interpreting Probes with Control Tasks"): every type of token has a
label drawn at random, once and for all, from how often the labels come. Selectivity is the accuracy less that of the
control: what the stream says, beyond what the probe could memorize. That it says so does not prove that the model uses it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llm_core.errors import UserError
from llm_core.interpret import intervals
from llm_core.interpret.attention import Floats
from llm_core.interpret.components import Component, streams
from llm_core.interpret.hidden_states import hidden_states
from llm_core.interpret.probe_labels import LabelledTokens
from llm_core.models.base import Model

MOST_TOKENS = 4000
"""Tokens that a probe is trained on, and as many at most that it is tested with."""
_TRAINED_ON = 0.6
_STRENGTH = 0.1
"""Of the penalty on large weights, as scikit-learn's C: small, since vectors are many and wide."""
_ITERATIONS = 300

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Probed:
    """What a probe at one place gets right in texts that it has not seen, `tokens` in all, with a 95 % interval.

    control: what one gets right whose labels are random by type · majority: what always saying the most frequent label
    would get right.
    """

    place: Component
    accuracy: float
    low: float
    high: float
    control: float
    majority: float
    tokens: int

    @property
    def selectivity(self) -> float:
        """Accuracy less that of the control task."""
        return self.accuracy - self.control


def probe(model: Model, labelled: LabelledTokens, seed: int = 0) -> Iterator[Probed]:
    """Train and test a probe and its control at the embedding and after each layer: yields one place after the other.

    Of an encoder-decoder the encoder is probed. Raises UserError where the texts are too few to train and to test.
    """
    vectors, text, label, types = _gathered(model, labelled)
    trained = _training_texts(text, seed)
    train, test = _at_most(np.flatnonzero(trained), seed), _at_most(np.flatnonzero(~trained), seed)
    if len(train) == 0 or len(test) == 0 or len(np.unique(label[train])) < 2:
        raise UserError("These texts are too few to train a probe and to test it; ask about more.")
    control = control_labels(types, label, seed)
    majority = float((label[test] == np.bincount(label[train]).argmax()).mean())
    for place, states in vectors:
        right = _right(states, label, train, test)
        estimate = _estimate(right, text[test])
        yield Probed(
            place, float(right.mean()), estimate[0], estimate[1],
            float(_right(states, control, train, test).mean()), majority, len(test),
        )  # fmt: skip


def control_labels(types: tuple[str, ...], label: Integers, seed: int) -> Integers:
    """(N,) a label for each type, drawn at random from how often the labels come, and the same for all its tokens."""
    known = sorted(set(types))
    drawn = np.random.default_rng(seed).choice(label, size=len(known))
    by_type = dict(zip(known, drawn.tolist(), strict=True))
    return np.array([by_type[each] for each in types], dtype=np.int64)


def _gathered(
    model: Model, labelled: LabelledTokens
) -> tuple[list[tuple[Component, Floats]], Integers, Integers, tuple[str, ...]]:
    """The vectors (N, width) of the labelled tokens by place, and of each its text, label and type."""
    states = hidden_states(model, labelled.readings, streams(model)[0])
    rows = {(int(text), int(at)): row for row, (text, at) in enumerate(zip(states.text, states.position, strict=True))}
    chosen = states.pick([rows[int(text), int(at)] for text, at in zip(labelled.text, labelled.position, strict=True)])
    return list(zip(chosen.places, chosen.states, strict=True)), labelled.text, labelled.label, labelled.types


def _training_texts(text: Integers, seed: int) -> NDArray[np.bool_]:
    """(N,) whether a token's text is one to train on: a share of the texts, the others are for the test."""
    known = np.unique(text)
    shuffled = np.random.default_rng(seed).permutation(known)
    return np.isin(text, shuffled[: max(1, round(_TRAINED_ON * len(known)))])


def _at_most(rows: Integers, seed: int) -> Integers:
    if len(rows) <= MOST_TOKENS:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, MOST_TOKENS, replace=False))


def _right(states: Floats, label: Integers, train: Integers, test: Integers) -> NDArray[np.float64]:
    """(tested,) 1 where a probe says the right label."""
    from sklearn.linear_model import LogisticRegression

    if len(np.unique(label[train])) < 2:  # a control can give all types the same label
        return np.asarray(label[test] == label[train][0], dtype=np.float64)
    mean, deviation = states[train].mean(0), states[train].std(0) + 1e-6
    model = LogisticRegression(C=_STRENGTH, max_iter=_ITERATIONS)
    model.fit((states[train] - mean) / deviation, label[train])
    said = model.predict((states[test] - mean) / deviation)
    return np.asarray(said == label[test], dtype=np.float64)


def _estimate(right: NDArray[np.float64], text: Integers) -> tuple[float, float]:
    """The bounds of a 95 % interval of a mean over tokens that stand in texts together."""
    _, number = np.unique(text, return_inverse=True)
    sums = np.bincount(number, weights=right).astype(np.float64)
    found = intervals.share(sums, np.bincount(number).astype(np.int64))
    return float(found.low), float(found.high)
