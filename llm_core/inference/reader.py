"""What decoding stands on: a written token, and rows read together through a model's cache. Knows no method."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import exp

import torch
from torch import Tensor

from llm_core.models.base import Batch, Model, State
from llm_core.taps import Edit, observe

Edits = Mapping[str, Edit] | Callable[[int, int], Mapping[str, Edit]]
"""What is changed at the taps in every forward pass; or a function that says so of the place, in its row, of the first
token that is read at once, and of how many are read; such a one changes nothing while a source is read."""


@dataclass(frozen=True, slots=True)
class Token:
    """One token written. `position` counts from the start of its row, prompt included.

    probability, logprobability (natural logarithm), alternatives (token, probability; likeliest first) and entropy (in
    nats) are the model's own: at temperature 1, before penalty and truncation.
    """

    id: int
    row: int
    position: int
    probability: float
    logprobability: float
    alternatives: tuple[tuple[int, float], ...]
    entropy: float


class Reader:
    """Rows that grow together, read through the model's cache.

    When a window is full it moves on by a quarter of the context and is read anew: tokens in a cache know their
    position. Where it stands depends on the position alone, never on the prompt's length or on other rows.
    `source`: what an encoder-decoder reads, a row for each.
    """

    def __init__(self, model: Model, longest: int, edits: Edits | None = None, source: Batch | None = None) -> None:
        self.model = model
        self.edits = edits
        self.limit = model.maximum_length
        self.capacity = longest if self.limit is None else min(longest, self.limit)
        self.device = next((tensor.device for tensor in (*model.parameters(), *model.buffers())), torch.device("cpu"))
        self.source = None if source is None else source.to(self.device)
        self.begin = 0
        self.state: State | None = None

    def read(self, sequences: Sequence[Sequence[int]], position: int) -> Tensor:
        """Logits (rows, V) for the token at `position`, after all that stand before it in each row."""
        begin = self._begin(position)
        # Inference mode must not reach out of this block: a generator's caller runs between two of its yields.
        with torch.inference_mode():
            if self.state is None or begin != self.begin:
                self.begin, self.state = begin, self._start(len(sequences))
            read = begin + self.state.length
            fresh = torch.tensor([sequence[read:position] for sequence in sequences], device=self.device)
            edits = self.edits(read, fresh.shape[1]) if callable(self.edits) else self.edits
            if edits:
                with observe(self.model, only=(), edits=edits):
                    logits, self.state = self.model.step(fresh, self.state)
            else:
                logits, self.state = self.model.step(fresh, self.state)
            return logits[:, -1]

    def select(self, rows: Sequence[int]) -> None:
        """Go on with these rows only; repeats are allowed."""
        chosen = torch.tensor(rows, device=self.device)
        if self.source is not None and self.source.tokens is not None:
            lengths = self.source.lengths
            self.source = Batch(self.source.tokens[chosen], None if lengths is None else lengths[chosen])
        if self.state is not None:
            with torch.inference_mode():
                self.state = self.state.select(chosen)

    def _start(self, rows: int) -> State:
        if not self.edits or callable(self.edits):
            return self.model.start(rows, self.capacity, self.source)
        with observe(self.model, only=(), edits=self.edits):  # the source is read here
            return self.model.start(rows, self.capacity, self.source)

    def _begin(self, position: int) -> int:
        if self.limit is None or position <= self.limit:
            return 0
        hop = max(1, self.limit // 4)
        return hop * -((self.limit - position) // hop)


def describe(logits: Tensor, chosen: Tensor, rows: Sequence[int], position: int, alternatives: int) -> list[Token]:
    """The tokens chosen (rows,) from logits (rows, V), with the model's own probabilities."""
    scores = logits.log_softmax(-1)
    entropies = (scores.exp() * scores).nansum(-1).tolist()  # what cannot come, 0 times -inf, adds nothing
    taken = scores.gather(1, chosen[:, None]).squeeze(1).tolist()
    others: list[list[int]] = [[]] * len(rows)
    other_scores: list[list[float]] = [[]] * len(rows)
    if alternatives:
        likeliest = scores.topk(min(alternatives, scores.shape[-1]))
        others, other_scores = likeliest.indices.tolist(), likeliest.values.tolist()
    return [
        Token(
            id=token,
            row=row,
            position=position,
            probability=exp(taken[index]),
            logprobability=taken[index],
            alternatives=tuple(zip(others[index], map(exp, other_scores[index]), strict=True)),
            entropy=abs(entropies[index]),
        )
        for index, (token, row) in enumerate(zip(chosen.tolist(), rows, strict=True))
    ]
