"""Attention: a position looks at others and takes in a weighted mean of their values.

Fused (`scaled_dot_product_attention`) unless somebody watches scores or pattern: those exist only in the explicit
computation. Both give the same result.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from llm_core.config import TransformerConfig
from llm_core.models.layers import Norm, rotate
from llm_core.taps import Tap

KeysValues = tuple[Tensor, Tensor]
"""Keys and values, each (B, groups, length, size): a cache, or what a decoder takes from its source."""


@dataclass(frozen=True, slots=True)
class View:
    """What attention may see in one forward pass, the same for all layers.

    causal: no position sees a later one · mask: bool, broadcast to (B, heads, T, keys), true where one may look ·
    rotary: the table for the positions of this pass · start: how many tokens the cache already holds · content: how many
    positions, the first ones, have keys and values, where the others only ask · blind: bool, broadcast like the mask,
    true for a position that may look nowhere: it takes nothing in, and the mask lets it look only so that its pattern
    has numbers.
    """

    causal: bool
    mask: Tensor | None = None
    rotary: Tensor | None = None
    start: int = 0
    content: int | None = None
    blind: Tensor | None = None


class Attention(nn.Module):
    """What self-attention and cross-attention share: from queries, keys and values to the sum over heads."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.groups = config.key_value_heads or config.heads
        self.size = config.width // config.heads
        self.dropout = config.dropout
        self.output = nn.Linear(config.width, config.width, bias=config.biases)
        self.query_norm = Norm(self.size, config) if config.query_key_norm else None
        self.key_norm = Norm(self.size, config) if config.query_key_norm else None
        self.queries, self.keys, self.values = Tap(), Tap(), Tap()
        self.scores, self.pattern, self.head_outputs = Tap(), Tap(), Tap()
        self.added = Tap()

    def attend(
        self,
        queries: Tensor,
        keys: Tensor,
        values: Tensor,
        mask: Tensor | None,
        causal: bool,
        blind: Tensor | None = None,
    ) -> Tensor:
        """queries (B, heads, T, size); keys and values (B, groups, length, size); result (B, T, width)."""
        if self.scores.wanted or self.pattern.wanted:
            mixed = self._explicit(queries, keys, values, mask, causal)  # (B, heads, T, size)
        else:
            mixed = self._fused(queries, keys, values, mask, causal)
        if blind is not None:
            mixed = mixed.masked_fill(blind, 0.0)
        mixed = self.head_outputs(mixed)
        out: Tensor = self.added(self.output(mixed.transpose(1, 2).flatten(2)))
        return out

    def _fused(self, queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None, causal: bool) -> Tensor:
        dropout = self.dropout if self.training else 0.0
        grouped = self.groups != self.heads
        if queries.device.type == "cpu" and torch.is_autocast_enabled("cpu"):
            # torch 2.13's backward pass of this kernel takes 20 times as long in bf16 as in fp32 on a CPU.
            with torch.autocast("cpu", enabled=False):
                queries, keys, values = queries.float(), keys.float(), values.float()
                return F.scaled_dot_product_attention(queries, keys, values, mask, dropout, causal, enable_gqa=grouped)
        return F.scaled_dot_product_attention(queries, keys, values, mask, dropout, causal, enable_gqa=grouped)

    def _explicit(self, queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None, causal: bool) -> Tensor:
        if self.groups != self.heads:
            repeats = self.heads // self.groups
            keys, values = keys.repeat_interleave(repeats, 1), values.repeat_interleave(repeats, 1)
        # Divided before and masked in place: scores are the largest tensor here, and every pass over them counts.
        scores = (queries / math.sqrt(self.size)) @ keys.transpose(-2, -1)  # (B, heads, T, length)
        if causal:
            later = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).triu_(1)
            scores.masked_fill_(later, -math.inf)
        if mask is not None:
            scores.masked_fill_(~mask, -math.inf)
        pattern = self.pattern(self.scores(scores).softmax(-1))
        return F.dropout(pattern, self.dropout, self.training) @ values


class SelfAttention(Attention):
    """Positions of one text look at each other. Queries, keys and values come out of one matrix."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__(config)
        biased = config.biases if config.query_key_value_biases is None else config.query_key_value_biases
        self.query_key_value = nn.Linear(config.width, (self.heads + 2 * self.groups) * self.size, bias=biased)

    def forward(self, x: Tensor, view: View, cache: KeysValues | None = None) -> Tensor:
        """x (B, T, width). With a cache, the new keys and values are written into it after `view.start`."""
        heads, groups = self.heads, self.groups
        together = self.query_key_value(x).unflatten(-1, (heads + 2 * groups, self.size))  # (B, T, all, size)
        # Queries and keys stay together, so that one operation serves both.
        turned, values = together.split_with_sizes((heads + groups, groups), dim=2)
        if self.query_norm is not None and self.key_norm is not None:
            if self.query_norm.weight is None:
                turned = self.query_norm(turned)
            else:
                queries, keys = turned.split_with_sizes((heads, groups), dim=2)
                turned = torch.cat((self.query_norm(queries), self.key_norm(keys)), dim=2)
        if view.rotary is not None:
            turned = rotate(turned, view.rotary)
        queries, keys = turned.split_with_sizes((heads, groups), dim=2)
        queries = self.queries(queries.transpose(1, 2))  # (B, heads, T, size)
        keys = self.keys(keys.transpose(1, 2))  # (B, groups, T, size)
        values = self.values(values.transpose(1, 2))
        if cache is not None:
            end = view.start + x.shape[1]
            cache[0][:, :, view.start : end] = keys
            cache[1][:, :, view.start : end] = values
            keys, values = cache[0][:, :, :end], cache[1][:, :, :end]
        if view.content is not None:
            keys, values = keys[:, :, : view.content], values[:, :, : view.content]
        return self.attend(queries, keys, values, view.mask, view.causal, view.blind)


class CrossAttention(Attention):
    """Positions of one text look at another: a decoder at its source. Positions carry no rotation here."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__(config)
        biased = config.biases if config.query_key_value_biases is None else config.query_key_value_biases
        self.query = nn.Linear(config.width, config.width, bias=biased)
        self.key_value = nn.Linear(config.width, 2 * self.groups * self.size, bias=biased)

    def read(self, source: Tensor) -> KeysValues:
        """Keys and values of the source (B, S, width), the same for every position that will look at them."""
        keys, values = self.key_value(source).unflatten(-1, (2 * self.groups, self.size)).transpose(1, 2).chunk(2, 1)
        if self.key_norm is not None:
            keys = self.key_norm(keys)
        return self.keys(keys), self.values(values)

    def forward(self, x: Tensor, source: KeysValues, mask: Tensor | None) -> Tensor:
        """x (B, T, width); mask (B, 1, 1, S) true where the source is real."""
        queries = self.query(x).unflatten(-1, (self.heads, self.size)).transpose(1, 2)  # (B, heads, T, size)
        if self.query_norm is not None:
            queries = self.query_norm(queries)
        return self.attend(self.queries(queries), *source, mask, causal=False)
