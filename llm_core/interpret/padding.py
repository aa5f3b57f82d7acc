"""Texts of different lengths side by side: what is short is filled up."""

from collections.abc import Sequence

import torch
from torch import Tensor

from llm_core.models.base import Batch


def padded(rows: Sequence[Sequence[int]], filling: int = 0) -> Tensor:
    """(B, T) int64: B rows, at least one, each filled up to the longest."""
    longest = max(len(row) for row in rows)
    return torch.tensor([[*row, *[filling] * (longest - len(row))] for row in rows], dtype=torch.int64)


def together(texts: Sequence[Sequence[int]], sources: Sequence[Sequence[int]] = ()) -> Batch:
    """Texts as a model reads them in one batch; of an encoder-decoder each with its source."""
    lengths = torch.tensor([len(text) for text in texts])
    return Batch(padded(texts), lengths, source=together(sources) if sources else None)
