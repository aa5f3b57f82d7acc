"""A small network that reads the words of a text and names its class: made to learn from a table in seconds.

Its own model and not a `TaskModel`, because a token's vector brings K more numbers, a score for each class, whose sum
goes straight to the logits: a linear model beside the deep one (Cheng et al. 2016, "Wide & deep learning"). Started from
naive Bayes log-count ratios (Wang & Manning 2012, "Baselines and bigrams") it knows from the first step on what a linear
model of words knows. The Transformer is the blocks of `llm_core.models.transformer`.
"""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from llm_core.config import Config, TransformerConfig
from llm_core.models.layers import drop
from llm_core.models.transformer import Stack


class TextNetworkConfig(Config):
    """rows: vectors in the table, the first of which is zero · context: words that are read in one pass."""

    encoder: Literal["lstm", "transformer"]
    rows: int
    classes: int
    context: int
    width: int = 64
    layers: int = 1
    heads: int = 4
    dropout: float = 0.0


class TextNetwork(nn.Module):
    """vectors (B, T, width + K) of a text's words → logits (B, K)."""

    def __init__(self, config: TextNetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.table = nn.Parameter(torch.zeros(config.rows, config.width + config.classes))
        self.encoder = BidirectionalLSTM(config) if config.encoder == "lstm" else _transformer(config)
        self.norm = nn.LayerNorm(config.width)
        self.head = nn.Linear(3 * config.width, config.classes)

    def embed(self, ids: Tensor, table: Tensor | None = None) -> Tensor:
        """ids (..., parts of a position) → vectors (..., width + K): the sum over the parts; of another table if given."""
        positions = ids.flatten(0, -2)
        summed = F.embedding_bag(positions, self.table if table is None else table, mode="sum")
        return summed.view(*ids.shape[:-1], -1)

    def forward(self, vectors: Tensor, lengths: Tensor) -> Tensor:
        """Logits (B, K) of texts that fit into the context; lengths (B,), at least 1."""
        deep, scores = torch.split(vectors, [self.config.width, self.config.classes], dim=-1)
        real = (torch.arange(deep.shape[1], device=deep.device) < lengths[:, None])[:, :, None]  # (B, T, 1)
        count = lengths[:, None].to(deep.dtype)
        x = drop(deep, self.config.dropout, self.training)  # (B, T, width)
        hidden = self.norm(self._encode(x, lengths, real[:, :, 0]))
        mean = (hidden * real).sum(1) / count
        largest = hidden.masked_fill(~real, float("-inf")).amax(1)
        bag = (deep * real).sum(1) / count
        pooled = drop(torch.cat((mean, largest, bag), dim=-1), self.config.dropout, self.training)
        linear = (scores * real).sum(1) / count.sqrt()
        logits: Tensor = self.head(pooled) + linear
        return logits

    def _encode(self, x: Tensor, lengths: Tensor, real: Tensor) -> Tensor:
        if isinstance(self.encoder, BidirectionalLSTM):
            both_ways: Tensor = self.encoder(x, lengths)
            return both_ways
        return self.encoder.run(self.encoder.embed(x), self.encoder.view(x.shape[1], real=real))


class BidirectionalLSTM(nn.Module):
    """Two LSTMs (Graves & Schmidhuber 2005): one reads from the beginning, one from the end of the text.

    The one from the end reads the text turned around, so that padding stays behind for both and changes nothing.
    """

    def __init__(self, config: TextNetworkConfig) -> None:
        super().__init__()
        half = config.width // 2
        self.forwards = nn.ModuleList(nn.LSTM(config.width, half, batch_first=True) for _ in range(config.layers))
        self.backwards = nn.ModuleList(nn.LSTM(config.width, half, batch_first=True) for _ in range(config.layers))
        self.dropout = config.dropout

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """(B, T, width) → (B, T, width); what stands at padding has no meaning."""
        place = torch.arange(x.shape[1], device=x.device)
        turned = (lengths[:, None] - 1 - place).clamp(min=0)[:, :, None]  # (B, T, 1)
        for onward, back in zip(self.forwards, self.backwards, strict=True):
            x = drop(x, self.dropout, self.training)
            left: Tensor = onward(x)[0]
            right: Tensor = back(x.gather(1, turned.expand_as(x)))[0]
            x = torch.cat((left, right.gather(1, turned.expand_as(right))), dim=-1)
        return x


def _transformer(config: TextNetworkConfig) -> Stack:
    return Stack(
        TransformerConfig(
            architecture="encoder", context=max(2, config.context), width=config.width, layers=config.layers,
            heads=config.heads, feed_forward_width=2 * config.width, dropout=config.dropout, final_norm=False,
        ),
        causal=False,
    )  # fmt: skip
