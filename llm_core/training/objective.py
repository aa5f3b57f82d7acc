"""What a model is asked to predict. The loop knows only this seam; an objective knows the data and the loss.

An objective makes training examples out of a corpus (a `Source` with a small exact state), gives the loss of a model on
one, and scores a model on what is held out. Where examples come from is its own matter: windows of a token stream, whole documents,
sentences with masks, pairs of texts, rows with labels.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from llm_core.config import RunConfig
from llm_core.data.prepare import TokenizedCorpus
from llm_core.evaluate.language_model import Score
from llm_core.models.base import Batch, Model


@dataclass(frozen=True, slots=True)
class Example:
    """One batch with what is wanted of it.

    targets: token ids (B, T) or class ids (B,), int64 · weights: like targets, how much each counts, None when all
    count the same; 0 where nothing is asked (padding, words that were not masked) · labels: class ids (B,) of whole
    rows, where they are asked beside the tokens.
    """

    batch: Batch
    targets: Tensor
    weights: Tensor | None = None
    labels: Tensor | None = None

    @property
    def asked(self) -> int:
        """How many targets count."""
        return self.targets.numel() if self.weights is None else int((self.weights > 0).sum())

    def to(self, device: torch.device) -> "Example":
        """The same example on another device."""
        weights = None if self.weights is None else self.weights.to(device)
        labels = None if self.labels is None else self.labels.to(device)
        targets = self.targets.to(device)
        return replace(self, batch=self.batch.to(device), targets=targets, weights=weights, labels=labels)


class Source(Protocol):
    """An endless row of training examples whose state is a few whole numbers, exact to the example."""

    def next(self) -> Example: ...

    def state(self) -> dict[str, int]: ...

    def restore(self, state: dict[str, int]) -> None: ...


class Objective(ABC):
    """One kind of thing to learn."""

    @abstractmethod
    def source(self, corpus: TokenizedCorpus, config: RunConfig) -> Source:
        """Training examples in the order that the run's seed gives."""

    @abstractmethod
    def score(self, model: Model, corpus: TokenizedCorpus, config: RunConfig, limit: int | None) -> Score:
        """The model on held-out text, at most `limit` tokens of it. Draws no random number from torch's generators."""

    def loss(self, model: Model, example: Example) -> Tensor:
        """Mean nats per target, a scalar with a gradient. Weighted where the example says so."""
        logits = model(example.batch)  # (..., V)
        return weighted_cross_entropy(logits, example.targets, example.weights)

    def losses(self, model: Model, example: Example) -> Tensor:
        """Nats of each target, like `example.targets`; NaN where nothing is asked."""
        asked = torch.ones_like(example.targets, dtype=torch.bool) if example.weights is None else example.weights > 0
        logits = model.head(model.body(example.batch)[asked])  # a vocabulary is large: only where something is asked
        found = torch.full(asked.shape, float("nan"), device=asked.device)
        found[asked] = F.cross_entropy(logits.float(), example.targets[asked], reduction="none")
        return found


def weighted_cross_entropy(logits: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
    """Mean nats; logits (..., V) · targets (...) · weights (...) or None. Zero where no weight is left."""
    flat, wanted = logits.flatten(0, -2), targets.flatten()
    if weights is None:
        return F.cross_entropy(flat, wanted)
    each = F.cross_entropy(flat, wanted, reduction="none") * weights.flatten()
    return each.sum() / weights.sum().clamp(min=1e-9)
