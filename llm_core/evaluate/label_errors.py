"""Labels that are likely wrong: where a classifier that never saw a text is sure of another one.

Confident learning (Northcutt, Jiang & Chuang 2021, "Confident Learning: Estimating Uncertainty in Dataset Labels"), in
its simple form: the off-diagonal of the confident joint, equations 1 and 2. The probabilities must be of texts that the
classifier was not fitted to.
"""

from dataclasses import dataclass

import numpy as np

from llm_core.evaluate.classification import Floats, Labels


@dataclass(frozen=True)
class Suspect:
    """A text, by its position, that is labelled `label` and looks like `suggested`; with both probabilities."""

    position: int
    label: int
    suggested: int
    given: float
    expected: float


def thresholds(labels: Labels, probabilities: Floats) -> Floats:
    """From which probability on a class counts as likely: its mean over the texts with that label (K,); of a class that
    labels no text, infinite."""
    classes = probabilities.shape[1]
    counts = np.bincount(labels, minlength=classes)
    sums = np.bincount(labels, probabilities[np.arange(len(labels)), labels], classes)
    found: Floats = np.where(counts > 0, sums / np.maximum(counts, 1), np.inf)
    return found


def suspects(labels: Labels, probabilities: Floats) -> tuple[Suspect, ...]:
    """Texts whose likeliest class, of those that reach their threshold, is not their label; the least likely label
    first. `probabilities`: (N, K)."""
    reached = probabilities >= thresholds(labels, probabilities)
    likeliest = np.where(reached, probabilities, -np.inf).argmax(axis=1)
    positions = np.flatnonzero(reached.any(axis=1) & (likeliest != labels))
    given = probabilities[positions, labels[positions]]
    order = positions[np.argsort(given, kind="stable")]
    return tuple(
        Suspect(int(at), int(labels[at]), int(likeliest[at]), float(probabilities[at, labels[at]]), float(probabilities[at, likeliest[at]]))
        for at in order
    )  # fmt: skip
