"""Which parts of a text carried the decision of a classifier, by several methods that can be laid side by side.

All of them explain one number, the margin of a class: its logit minus the mean logit of the other classes (of two classes
the log of the odds, in nats). A softmax changes nothing about it, so that networks, linear models and those that only
give probabilities are asked the same question. Positive scores speak for the class.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from llm_core.errors import N_, UserError
from llm_core.inference.classifiers.base import Classifier, LinearClassifier, NetworkClassifier
from llm_core.inference.classifiers.words import placed_words
from llm_core.interpret.attribution.vector_attribution import complete, gradient_times_vector, integrate

if TYPE_CHECKING:
    from torch import Tensor

Method = Literal["gradient_input", "integrated_gradients", "occlusion", "weights"]
METHODS: dict[Method, str] = {
    "gradient_input": N_("Gradient × input"),
    "integrated_gradients": N_("Integrated gradients"),
    "occlusion": N_("Occlusion"),
    "weights": N_("Weights"),
}
"""Name of each method in links and files, and on screen."""

_LEAST_PROBABILITY = 1e-12
MOST_UNITS = 400
"""Words that are left out one at a time; of a longer text the first so many."""

Span = tuple[int, int]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Attribution:
    """scores (T,): what each part adds to the margin of class `target` · spans: where each part stands in the text.

    margin: what is explained · baseline: the margin of what it is compared with, where the method has such a thing ·
    delta: sum of scores minus (margin - baseline), where the method promises that it is 0 · steps: of the integral.
    """

    method: Method
    target: int
    spans: tuple[Span, ...]
    scores: Floats
    margin: float
    baseline: float | None = None
    delta: float | None = None
    steps: int | None = None

    @property
    def complete(self) -> bool | None:
        """Whether the scores add up to the difference to the baseline within 1 %; None where that is not promised."""
        if self.delta is None or self.baseline is None:
            return None
        return complete(self.delta, self.margin - self.baseline)


def margins(probabilities: Floats, target: int) -> Floats:
    """(N,) margins of class `target` from probabilities (N, K). Raises UserError for a class that is not there."""
    logs = np.log(np.maximum(probabilities, _LEAST_PROBABILITY))
    _check(target, logs.shape[1])
    others = np.delete(logs, target, axis=1)
    found: Floats = logs[:, target] - (others.mean(axis=1) if others.shape[1] else 0.0)
    return found


def _check(target: int, classes: int) -> None:
    """Raises UserError for a class that is not there."""
    if not 0 <= target < classes:
        raise UserError("There is no class {target}: the classes count from 0 to {last}.", target=target, last=classes - 1)  # fmt: skip


def _margin(logits: "Tensor", target: int) -> "Tensor":
    """(B,) of logits (B, K)."""
    classes = logits.shape[1]
    rest = logits.sum(1) - logits[:, target]
    return logits[:, target] - rest / max(1, classes - 1)


def gradient_times_input(classifier: NetworkClassifier, text: str, target: int) -> Attribution:
    """How steeply the margin rises along each token's vector, times the vector (Shrikumar et al. 2017, 2.3).

    What it says holds for very small changes of the vectors.
    """
    _check(target, len(classifier.names))
    tokens = classifier.tokens(text)
    scores, margin = gradient_times_vector(_margin_of(classifier, target), classifier.embed(tokens.ids))
    return Attribution("gradient_input", target, tokens.spans, scores, margin)


def integrated_gradients(classifier: NetworkClassifier, text: str, target: int) -> Attribution:
    """The gradient along the straight way from vectors that say nothing to the text's own (Sundararajan et al. 2017).

    Its scores add up to the difference in margin between the two (completeness), or `complete` says that they do not.
    """
    _check(target, len(classifier.names))
    tokens = classifier.tokens(text)
    found = integrate(_margin_of(classifier, target), classifier.embed(tokens.ids), classifier.nothing(tokens.ids))
    return Attribution(
        "integrated_gradients", target, tokens.spans, found.scores, found.value, found.baseline, found.delta, found.steps
    )  # fmt: skip


def _margin_of(classifier: NetworkClassifier, target: int) -> "Callable[[Tensor], Tensor]":
    """The margin (B,) as a function of the vectors (B, T, width) of a text."""
    import torch

    def margin(vectors: "Tensor") -> "Tensor":
        lengths = torch.full((len(vectors),), vectors.shape[1])
        return _margin(classifier.logits_of(vectors, lengths), target)

    return margin


def occlusion(classifier: Classifier, text: str, target: int) -> Attribution:
    """What the margin loses when one word is left out, for each word (Zeiler & Fergus 2014; Li et al. 2016).

    Asks nothing of a classifier but probabilities, so that every family can be explained.
    """
    spans = placed_words(text)[1][:MOST_UNITS]
    found = margins(classifier.probabilities([text, *(without(text, [span]) for span in spans)]), target)
    return Attribution("occlusion", target, tuple(spans), found[0] - found[1:], float(found[0]))


def linear_weights(classifier: LinearClassifier, text: str, target: int) -> Attribution:
    """What every known feature of the text adds to the margin, as the model computes it: exact, not an estimate.

    The baseline is the margin of a text without a known feature, the intercept.
    """
    _check(target, len(classifier.names))
    parts = classifier.contributions(text)
    weights = np.array([part.weights for part in parts]).reshape(len(parts), len(classifier.names))
    others = np.delete(weights, target, axis=1)
    scores = weights[:, target] - (others.mean(axis=1) if others.shape[1] else 0.0)
    margin, baseline = margins(classifier.probabilities([text, ""]), target)
    delta = float(scores.sum() - (margin - baseline))
    spans = tuple((part.start, part.end) for part in parts)
    return Attribution("weights", target, spans, scores, float(margin), float(baseline), delta)


def without(text: str, spans: Sequence[Span]) -> str:
    """The text without these places, which do not overlap; the space before each goes with it."""
    for start, end in sorted(spans, reverse=True):
        before = start - 1 if start and text[start - 1] == " " and not text[end : end + 1].isalnum() else start
        text = text[:before] + text[end:]
    return text


def onto_words(attribution: Attribution, text: str) -> tuple[tuple[Span, ...], Floats, float]:
    """The same scores by words, so that methods with other parts can be compared: spans, scores (words,), and the rest.

    A part that stands on several words is shared among them by the characters it has there; what stands on no word, such
    as a sign for the beginning of a text, is the rest.
    """
    spans = placed_words(text)[1]
    owner = np.full(len(text), -1)
    for number, (start, end) in enumerate(spans):
        owner[start:end] = number
    scores = np.zeros(len(spans))
    rest = 0.0
    for (start, end), score in zip(attribution.spans, attribution.scores, strict=True):
        touched = owner[start:end]
        touched = touched[touched >= 0]
        if len(touched):
            np.add.at(scores, touched, score / len(touched))
        else:
            rest += float(score)
    return tuple(spans), scores, rest
