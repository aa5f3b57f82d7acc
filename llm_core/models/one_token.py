"""One new token through a stack of blocks, without calling its modules: the same arithmetic in half the time.

At one token a small model spends more time finding its modules and parameters than multiplying. This runs where nobody
watches and nothing in the blocks has been replaced, wrapped or hooked; otherwise the blocks run themselves.
`tests/models/test_one_token.py` holds the two equal.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from llm_core.config import TransformerConfig
from llm_core.models.attention import KeysValues, SelfAttention
from llm_core.models.layers import FeedForward, Norm, activate, rotate
from llm_core.taps import Tap

Pair = tuple[Tensor | None, Tensor | None]
"""Weight and bias; of a norm without learned gain, neither."""


@dataclass(frozen=True, slots=True)
class BlockWeights:
    """The parameters of one block, found once."""

    attention_norm: Pair
    query_key_value: tuple[Tensor, Tensor | None]
    query_norm: Pair
    key_norm: Pair
    output: tuple[Tensor, Tensor | None]
    feed_forward_norm: Pair
    gate: tuple[Tensor, Tensor | None] | None
    up: tuple[Tensor, Tensor | None] | None
    down: tuple[Tensor, Tensor | None] | None


@dataclass(frozen=True, slots=True)
class StackWeights:
    """The parameters of all blocks and of the norm after them."""

    blocks: list[BlockWeights]
    final_norm: Pair


def gather(blocks: nn.ModuleList, final_norm: Norm | None) -> StackWeights | None:
    """The weights of all blocks; None where a block is not as it was built or is being trained."""
    known = (type(blocks), SelfAttention, FeedForward, Norm, nn.Linear, Tap, *{type(block) for block in blocks})
    for module in blocks.modules():
        if type(module) not in known or module.training or module._forward_hooks or module._forward_pre_hooks:
            return None
    return StackWeights([_gather_block(block) for block in blocks], _norm(final_norm))


def _gather_block(block: nn.Module) -> BlockWeights:
    attention, feed_forward = block.attention, block.feed_forward
    assert isinstance(attention, SelfAttention)
    inner = feed_forward if isinstance(feed_forward, FeedForward) else None
    return BlockWeights(
        attention_norm=_norm(block.attention_norm),
        query_key_value=_linear(attention.query_key_value),
        query_norm=_norm(attention.query_norm),
        key_norm=_norm(attention.key_norm),
        output=_linear(attention.output),
        feed_forward_norm=_norm(block.feed_forward_norm),
        gate=_linear(inner.gate) if inner and inner.gate is not None else None,
        up=_linear(inner.up) if inner else None,
        down=_linear(inner.down) if inner else None,
    )


def _linear(module: nn.Linear) -> tuple[Tensor, Tensor | None]:
    return module.weight, module.bias


def _norm(module: object) -> Pair:
    return (module.weight, module.bias) if isinstance(module, Norm) else (None, None)


def run_one(
    x: Tensor,
    config: TransformerConfig,
    weights: StackWeights,
    caches: list[KeysValues],
    start: int,
    rotary: Tensor | None,
) -> Tensor:
    """From the embedded token (B, 1, width) to its hidden vector (B, 1, width). Writes into the caches at `start`."""
    heads, groups = config.heads, config.key_value_heads or config.heads
    size, rows, end = config.width // heads, x.shape[0], start + 1
    before, activation, grouped = config.norm_position == "before", config.activation, heads != groups
    for block, (keys, values) in zip(weights.blocks, caches, strict=True):
        y = _normalize(x, block.attention_norm, config) if before else x
        together = F.linear(y, *block.query_key_value).view(rows, heads + 2 * groups, size)
        if config.query_key_norm or rotary is not None:
            turned, fresh_values = together.split_with_sizes((heads + groups, groups), dim=1)
            if config.query_key_norm and not config.norm_weights:
                turned = _normalize(turned, block.query_norm, config)
            elif config.query_key_norm:
                queries = _normalize(turned[:, :heads], block.query_norm, config)
                turned = torch.cat((queries, _normalize(turned[:, heads:], block.key_norm, config)), dim=1)
            if rotary is not None:
                turned = rotate(turned, rotary)
            queries, fresh_keys = turned.split_with_sizes((heads, groups), dim=1)
        else:
            queries, fresh_keys, fresh_values = together.split_with_sizes((heads, groups, groups), dim=1)
        keys.select(2, start).copy_(fresh_keys)
        values.select(2, start).copy_(fresh_values)
        mixed = F.scaled_dot_product_attention(
            queries.unsqueeze(2), keys.narrow(2, 0, end), values.narrow(2, 0, end), enable_gqa=grouped
        )  # (B, heads, 1, size)
        out = F.linear(mixed.view(rows, 1, config.width), *block.output)
        x = x + out if before else _normalize(x + out, block.attention_norm, config)
        if block.up is None or block.down is None:
            continue
        y = _normalize(x, block.feed_forward_norm, config) if before else x
        inner = F.linear(y, *block.up)
        if block.gate is None:
            inner = activate(inner, activation)
        else:
            inner = activate(F.linear(y, *block.gate), activation) * inner
        out = F.linear(inner, *block.down)
        x = x + out if before else _normalize(x + out, block.feed_forward_norm, config)
    return _normalize(x, weights.final_norm, config) if config.final_norm else x


def _normalize(x: Tensor, gain: Pair, config: TransformerConfig) -> Tensor:
    shape = x.shape[-1:]
    if config.norm == "rms":
        x = x if gain[0] is None else x.to(gain[0].dtype)
        return torch.rms_norm(x, shape, gain[0], config.norm_epsilon)
    return torch.layer_norm(x, shape, gain[0], gain[1], config.norm_epsilon)
