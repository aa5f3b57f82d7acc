"""The contract that every model family keeps: what goes in, what comes out, how it steps.

Knows no family. `tests/models/test_contract.py` is the one sheet of behaviours that each family passes.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol, Self

import torch
from torch import Tensor, nn

from llm_core.config import ModelConfig


@dataclass(frozen=True)
class Batch:
    """A padded batch of token sequences, and what some objectives need beside it.

    tokens (B, T) int64, or embeddings (B, T, width) in their place · lengths (B,): how many positions of each row are
    real, None when all are · segments (B, T): 0 or 1 for the first or second of two sentences · source: the text an
    encoder-decoder reads · permutation (B, T) int64: the order in which a permuted objective predicts positions, the
    lowest number first; each is predicted from those with a lower one.
    """

    tokens: Tensor | None = None
    lengths: Tensor | None = None
    embeddings: Tensor | None = None
    segments: Tensor | None = None
    source: "Batch | None" = None
    permutation: Tensor | None = None

    def __post_init__(self) -> None:
        if (self.tokens is None) == (self.embeddings is None):
            raise ValueError("a batch holds either tokens or embeddings")

    @property
    def shape(self) -> tuple[int, int]:
        """B and T."""
        filled = self.tokens if self.tokens is not None else self.embeddings
        assert filled is not None
        return filled.shape[0], filled.shape[1]

    @property
    def device(self) -> torch.device:
        filled = self.tokens if self.tokens is not None else self.embeddings
        assert filled is not None
        return filled.device

    @property
    def real(self) -> Tensor | None:
        """(B, T) true where a position is real and not padding; None when all are."""
        if self.lengths is None:
            return None
        return torch.arange(self.shape[1], device=self.device) < self.lengths[:, None]

    def to(self, device: torch.device) -> "Batch":
        """The same batch on another device."""
        moved = {
            name: value.to(device)
            for name in ("tokens", "lengths", "embeddings", "segments", "source", "permutation")
            if (value := getattr(self, name)) is not None
        }
        return replace(self, **moved)


class State(Protocol):
    """What a causal model carries from one step to the next: a cache of keys and values, a hidden state, a history."""

    def select(self, rows: Tensor) -> Self:
        """The state of these rows (int64 indices, repeats allowed), as beam search reorders them."""
        ...

    @property
    def length(self) -> int:
        """Tokens taken in so far."""
        ...


class Model(nn.Module, ABC):
    """A language model: `head(body(batch))`, and `step` where it is causal."""

    config: ModelConfig
    causal: bool
    """Whether position t sees nothing after t, so that the model can write; only then has it `start` and `step`."""
    has_hidden: bool = True
    """Whether there is a hidden vector per position between body and head; an n-gram has none."""

    @abstractmethod
    def forward(self, batch: Batch) -> Tensor:
        """Logits (B, T, V); an n-gram gives log-probabilities. Padding positions hold no meaning."""

    def body(self, batch: Batch) -> Tensor:
        """Hidden (B, T, width). Raises NotImplementedError where `has_hidden` is false."""
        raise NotImplementedError(f"{type(self).__name__} has no hidden vectors")

    def head(self, hidden: Tensor) -> Tensor:
        """Logits of hidden vectors. Raises NotImplementedError where `has_hidden` is false."""
        raise NotImplementedError(f"{type(self).__name__} has no hidden vectors")

    def start(self, rows: int, capacity: int | None = None, source: Batch | None = None) -> State:
        """An empty state for `rows` sequences of at most `capacity` tokens (the model's context when None)."""
        raise NotImplementedError(f"{type(self).__name__} does not write left to right")

    def step(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """Take in tokens (B, n), n >= 1, after those in `state`; logits (B, n, V) and the state after them.

        Equal to the full forward at the same positions. The state passed in must not be used again.
        """
        raise NotImplementedError(f"{type(self).__name__} does not write left to right")

    def make_room(self, tensors: Mapping[str, Tensor]) -> None:
        """Before weights are loaded: take the sizes that the config does not fix, as those of an n-gram's counts."""

    @property
    def maximum_length(self) -> int | None:
        """Longest sequence the model can take; None when there is no limit."""
        return self.config.context
