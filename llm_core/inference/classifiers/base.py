"""What every classifier of texts can do once it has learned: probabilities, files, and a view of its reasons.

Knows no family: each is loaded by the module that `LOADERS` names, so that a classifier of a later room comes in
through the same door. A classifier's files are `classifier.json`, which names family and classes, and arrays in
safetensors; there is no pickle anywhere.
"""

import importlib
import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from llm_core.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

ABOUT, ARRAYS = "classifier.json", "arrays.safetensors"
MAXIMUM_ABOUT = 64_000_000
"""Bytes of the largest classifier.json that is read: a vocabulary of a million entries stays far below."""

LOADERS: dict[str, str] = {
    "majority": "llm_core.inference.classifiers.majority",
    "tfidf_logistic_regression": "llm_core.inference.classifiers.linear",
    "decision_tree": "llm_core.inference.classifiers.tree",
    "bag_of_ngrams": "llm_core.inference.classifiers.bag",
    "lstm": "llm_core.inference.classifiers.network",
    "transformer": "llm_core.inference.classifiers.network",
    "encoder_finetuned": "llm_core.inference.classifiers.encoder",
    "encoder_head_only": "llm_core.inference.classifiers.encoder",
    "encoder_lora": "llm_core.inference.classifiers.encoder",
}
"""By family, the module whose `load(folder: Path, about: bytes) -> Classifier` reads one; `about` is the content of
classifier.json. A module is imported when it is needed: the linear ones know no torch."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """How a network reads a text: ids (T,) int64, what a person sees of each, and where it stands in the text.

    `spans` are (start, end) in characters, the end left out. Tokens may overlap, as a bigram does with its words.
    """

    ids: NDArray[np.int64]
    pieces: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]


class Contribution(NamedTuple):
    """One occurrence of a feature in a text, and what it adds to the logit of each class."""

    feature: str
    start: int
    end: int
    weights: NDArray[np.float64]  # (K,)


class Decision(NamedTuple):
    """One question on a tree's path: whether the text's value of the feature is at most the threshold (then left)."""

    feature: str
    threshold: float
    value: float
    went_left: bool


class Classifier(ABC):
    """A classifier that has learned. Reading it changes nothing, so that several threads may share one."""

    family: str
    names: tuple[str, ...]
    """The classes, in the order of the columns of `probabilities`."""
    parameters: int
    """How many numbers were learned."""

    @abstractmethod
    def probabilities(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """(N, K), each row sums to 1. Takes any text: an empty one, one character, a million characters."""

    @abstractmethod
    def files(self) -> dict[str, bytes]:
        """Name and content of every file that makes the classifier: JSON and safetensors only."""


class NetworkClassifier(Classifier):
    """A network that reads tokens in order; its parts are open, so that a decision can be followed back to tokens."""

    @abstractmethod
    def tokens(self, text: str) -> Tokens:
        """What the network reads of a text; at least one token, of a long text the part that is read."""

    @abstractmethod
    def embed(self, ids: NDArray[np.int64]) -> "Tensor":
        """The vectors (T, width) of ids (T,), before anything is done with them."""

    @abstractmethod
    def logits_of(self, embeddings: "Tensor", lengths: "Tensor") -> "Tensor":
        """Logits (B, K) of vectors (B, T, width), of which the first lengths (B,) of each row are real.

        Differentiable in the vectors; the softmax of it over `embed(tokens(text).ids)` is `probabilities([text])`.
        """

    def nothing(self, ids: NDArray[np.int64]) -> "Tensor":
        """Vectors (T, width) in the place of those of `ids` that say nothing: what a text is compared with."""
        import torch

        return torch.zeros_like(self.embed(ids))


class LinearClassifier(Classifier):
    """A classifier whose logits are a sum over the features found in a text."""

    @abstractmethod
    def contributions(self, text: str) -> list[Contribution]:
        """Every occurrence of a known feature, in order; together with the intercept they sum to the logits.

        A feature found several times shares its weight equally among its places.
        """


class TreeClassifier(Classifier):
    """A classifier that asks one question after another."""

    @abstractmethod
    def path(self, text: str) -> list[Decision]:
        """The questions that lead from the root to this text's leaf."""


def save_classifier(classifier: Classifier, folder: Path) -> None:
    """Write a classifier's files into a folder, which is made where it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in classifier.files().items():
        (folder / name).write_bytes(content)


def load_classifier(folder: Path) -> Classifier:
    """The classifier in a folder. Raises UserError on files that are missing or do not fit each other."""
    try:
        about = (folder / ABOUT).read_bytes() if (folder / ABOUT).stat().st_size <= MAXIMUM_ABOUT else b""
    except FileNotFoundError:
        raise UserError("{folder} holds no classifier: {file} is missing.", folder=folder.name, file=ABOUT) from None
    except OSError as error:
        raise UserError("{file} cannot be read: {reason}.", file=ABOUT, reason=error.strerror or str(error)) from None
    try:
        family = json.loads(about)["family"]
        module = LOADERS[family]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise UserError("{file} names no family of classifiers that is known here.", file=ABOUT) from None
    loaded: Any = importlib.import_module(module).load(folder, about)
    assert isinstance(loaded, Classifier)
    return loaded
