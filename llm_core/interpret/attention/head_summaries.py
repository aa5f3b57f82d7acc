"""What each head looks at on the whole, in a few numbers: how spread out, how far, and how much at certain places.

A number of a text is the mean over those of its positions that have a choice: the first position of a causal text sees
itself alone and is left out, and so is one that has no previous, or no next, position in the number that asks for it.
"""

from collections.abc import Collection
from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from llm_core.errors import N_
from llm_core.interpret.attention.attention import Part, Seen
from llm_core.interpret.reading import as_batch
from llm_core.models.base import Batch

Numbers = NDArray[np.float32]


@dataclass(frozen=True)
class Kind:
    """A summary as a page names it: its title, what it means, and whether it is a share (0 to 1)."""

    title: str
    meaning: str
    share: bool = True


KINDS: dict[str, Kind] = {
    "entropy": Kind(N_("Entropy"), N_("How spread out the attention of a position is, in nats: 0 looks at one token alone."), share=False),
    "distance": Kind(N_("Distance"), N_("How far away the tokens are that a position looks at: the mean over its attention, in tokens."), share=False),
    "first": Kind(N_("First token"), N_("The share of attention that the first token gets.")),
    "previous": Kind(N_("Previous token"), N_("The share of attention that the token right before gets.")),
    "next": Kind(N_("Next token"), N_("The share of attention that the token right after gets; a model that writes left to right cannot look there.")),
    "same": Kind(N_("Same token"), N_("The share of attention that a position gives to itself.")),
    "separator": Kind(N_("Separator"), N_("The share of attention on the signs that stand between texts, such as the end of a text or [SEP].")),
}  # fmt: skip
"""Every summary by its name, in the order in which a table shows them."""


@dataclass(frozen=True)
class Summaries:
    """The summaries of all heads of one part: each (layers, heads), or (layers, B, heads) with one value a text.

    Entropy is in nats, distance in tokens, all others are shares of attention from 0 to 1. Those that compare places
    in one text are None for the cross-attention, whose two sides are two texts. NaN where no position counts.
    """

    entropy: Numbers
    distance: Numbers | None
    first: Numbers
    previous: Numbers | None
    next: Numbers | None
    same: Numbers | None
    separator: Numbers

    def named(self) -> dict[str, Numbers]:
        """Those that there are, by name."""
        return {field.name: value for field in fields(self) if (value := getattr(self, field.name)) is not None}


def summarize(seen: Seen, separators: Collection[int]) -> dict[Part, Summaries]:
    """The summaries of one text, each (layers, heads); `separators` are the ids of the signs between texts."""
    patterns = {part: torch.from_numpy(attention.pattern)[:, None] for part, attention in seen.parts.items()}
    many = summarize_texts(patterns, as_batch(seen.reading), separators)
    return {part: _only(summaries) for part, summaries in many.items()}


def summarize_texts(patterns: dict[Part, Tensor], batch: Batch, separators: Collection[int]) -> dict[Part, Summaries]:
    """The summaries of each of many texts, each (layers, B, heads); patterns as `see_patterns` gives them."""
    source = batch if batch.source is None else batch.source
    sides: dict[Part, tuple[Batch, Batch]] = {
        "decoder": (batch, batch),
        "encoder": (source, source),
        "cross": (batch, source),
    }
    return {part: _summarize(part, pattern, *sides[part], separators) for part, pattern in patterns.items()}


def _summarize(part: Part, pattern: Tensor, text: Batch, source: Batch, separators: Collection[int]) -> Summaries:
    """Of pattern (layers, B, heads, T, S), whose rows are positions of `text` and columns those of `source`."""
    device = pattern.device
    counts = _real(text).to(device)  # (B, T) which positions count
    if part == "decoder":
        counts[:, 0] = False
    assert source.tokens is not None
    separates = torch.isin(source.tokens, torch.tensor(sorted(separators), dtype=source.tokens.dtype)).to(device)

    def shown(values: Tensor, counted: Tensor = counts) -> Numbers:
        """Values (layers, B, heads, positions) become their means over the positions that count."""
        weights = counted[:, None].float()  # (B, 1, positions)
        mean: Numbers = ((values * weights).sum(-1) / weights.sum(-1)).cpu().numpy()
        return mean

    entropy = shown(torch.special.entr(pattern).sum(-1))
    first = shown(pattern[..., 0])
    separator = shown((pattern * separates[:, None, None].float()).sum(-1))
    if part == "cross":
        return Summaries(entropy, None, first, None, None, None, separator)
    places = torch.arange(pattern.shape[-1], device=device)
    apart = (places[:, None] - places).abs().float()  # (T, T)
    return Summaries(
        entropy=entropy,
        distance=shown((pattern * apart).sum(-1)),
        first=first,
        previous=shown(pattern.diagonal(-1, -2, -1), counts[:, 1:]),
        next=shown(pattern.diagonal(1, -2, -1), counts[:, :-1] & _real(text).to(device)[:, 1:]),
        same=shown(pattern.diagonal(0, -2, -1)),
        separator=separator,
    )


def _real(batch: Batch) -> Tensor:
    """(B, T) true where a position is real."""
    real = batch.real
    return torch.ones(batch.shape, dtype=torch.bool, device=batch.device) if real is None else real.clone()


def _only(many: Summaries) -> Summaries:
    """Of a batch of one text, that one."""

    def pick(values: Numbers | None) -> Numbers | None:
        return None if values is None else values[:, 0]

    return Summaries(
        entropy=many.entropy[:, 0],
        distance=pick(many.distance),
        first=many.first[:, 0],
        previous=pick(many.previous),
        next=pick(many.next),
        same=pick(many.same),
        separator=many.separator[:, 0],
    )
