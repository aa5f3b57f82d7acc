"""From logits to the next token: penalty, temperature, truncation, and the draw. Knows no model."""

from collections.abc import Sequence
from random import Random

import torch
from torch import Tensor

from llm_core.config import DecodingConfig


def penalize(logits: Tensor, sequences: Sequence[Sequence[int]], penalty: float) -> Tensor:
    """Make every token that its row already has less likely (Keskar 2019, section 4.1); logits (rows, V)."""
    if penalty == 1.0:
        return logits
    logits = logits.clone()
    for row, sequence in enumerate(sequences):
        seen = torch.tensor(sorted(set(sequence)), device=logits.device)
        scores = logits[row, seen]
        logits[row, seen] = torch.where(scores < 0, scores * penalty, scores / penalty)
    return logits


def truncate(logits: Tensor, decoding: DecodingConfig) -> Tensor:
    """Logits (rows, V) with -inf for every token that top-k, top-p (Holtzman 2019) or min-p (Nguyen 2024) leaves out.

    Each works on what the ones before it have left; the likeliest token always stays.
    """
    if decoding.top_k is not None and decoding.top_k < logits.shape[-1]:
        least = logits.topk(decoding.top_k).values[:, -1:]
        logits = logits.masked_fill(logits < least, -torch.inf)
    if decoding.top_p < 1:
        ordered, tokens = logits.sort(dim=-1, descending=True, stable=True)
        p = ordered.softmax(-1)
        enough = p.cumsum(-1) - p >= decoding.top_p  # the ones before already reach the sum
        logits = logits.masked_fill(torch.zeros_like(enough).scatter(-1, tokens, enough), -torch.inf)
    if decoding.min_p > 0:
        p = logits.softmax(-1)
        logits = logits.masked_fill(p < decoding.min_p * p.amax(-1, keepdim=True), -torch.inf)
    return logits


def choose(
    logits: Tensor, sequences: Sequence[Sequence[int]], decoding: DecodingConfig, dice: Sequence[Random]
) -> Tensor:
    """The next token (rows,) of each row of logits (rows, V): the likeliest, or one drawn with the row's own dice."""
    logits = penalize(logits, sequences, decoding.repetition_penalty)
    if decoding.method == "greedy":
        return logits.argmax(-1)
    summed = truncate(logits / decoding.temperature, decoding).softmax(-1, dtype=torch.float64).cumsum(-1)
    thrown = torch.tensor([die.random() for die in dice], dtype=torch.float64, device=logits.device)[:, None]
    # The first token whose sum is above the throw: one of probability zero adds nothing and is never first.
    return torch.searchsorted(summed, thrown * summed[:, -1:], right=True).squeeze(1).clamp(max=logits.shape[-1] - 1)
