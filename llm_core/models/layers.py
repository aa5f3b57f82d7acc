"""The parts of a block that know nothing of attention: norms, activations, the feed-forward layer, positions."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from llm_core.config import Activation, TransformerConfig
from llm_core.models.kernels import relu_squared, rms_norm
from llm_core.models.size import inner_width
from llm_core.taps import Tap


class Norm(nn.Module):
    """Layer norm (Ba 2016) or RMS norm (Zhang 2019) over the last dimension, with or without a learned gain."""

    def __init__(self, size: int, config: TransformerConfig) -> None:
        super().__init__()
        self.size = (size,)
        self.epsilon = config.norm_epsilon
        self.kind = config.norm
        biased = config.norm_weights and config.norm == "layer" and config.biases
        self.weight = nn.Parameter(torch.ones(size)) if config.norm_weights else None
        self.bias = nn.Parameter(torch.zeros(size)) if biased else None

    def forward(self, x: Tensor) -> Tensor:
        if self.kind == "rms":
            if self.training:
                y = rms_norm(x, self.epsilon)
                return y if self.weight is None else y * self.weight
            # Under autocast x may be narrower than the gain, for which torch has no fused way.
            x = x if self.weight is None else x.to(self.weight.dtype)
            return F.rms_norm(x, self.size, self.weight, self.epsilon)
        return F.layer_norm(x, self.size, self.weight, self.bias, self.epsilon)


def activate(x: Tensor, activation: Activation, training: bool = False) -> Tensor:
    """The nonlinearity alone; of SwiGLU, the part that the gate goes through."""
    match activation:
        case "relu":
            return F.relu(x)
        case "gelu":
            return F.gelu(x)
        case "gelu_tanh":
            return F.gelu(x, approximate="tanh")
        case "swiglu":
            return F.silu(x)
        case "relu_squared":
            return relu_squared(x) if training else F.relu(x).square()


class FeedForward(nn.Module):
    """Each position by itself through a wider layer and back. SwiGLU (Shazeer 2020) has a third matrix, the gate."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        width, inner = config.width, inner_width(config)
        self.activation = config.activation
        self.gate = nn.Linear(width, inner, bias=config.biases) if config.activation == "swiglu" else None
        self.up = nn.Linear(width, inner, bias=config.biases)
        self.down = nn.Linear(inner, width, bias=config.biases)
        self.activations = Tap()
        self.added = Tap()
        self.dropout = config.dropout

    def forward(self, x: Tensor) -> Tensor:
        inner = self.up(x)  # (B, T, inner)
        if self.gate is None:
            inner = activate(inner, self.activation, self.training)
        else:
            inner = activate(self.gate(x), self.activation, self.training) * inner
        inner = drop(self.activations(inner), self.dropout, self.training)
        down: Tensor = self.added(self.down(inner))  # (B, T, width)
        return down


def sinusoids(length: int, width: int) -> Tensor:
    """Fixed position vectors (length, width) of Vaswani 2017, section 3.5: sine and cosine in turn."""
    frequencies = torch.exp(torch.arange(0, width, 2) * (-math.log(10_000.0) / width))
    angles = torch.outer(torch.arange(length, dtype=torch.float32), frequencies)
    return torch.stack((angles.sin(), angles.cos()), dim=-1).flatten(1)


def rotary_table(length: int, size: int, base: float) -> Tensor:
    """Cosine and sine (length, 1, size / 2, 2) for `rotate`: by position and pair of a head's dimensions (Su 2021)."""
    frequencies = base ** (-torch.arange(0, size, 2, dtype=torch.float64) / size)
    angles = torch.outer(torch.arange(length, dtype=torch.float64), frequencies)[:, None]
    return torch.stack((angles.cos(), angles.sin()), dim=-1).float()


def rotate(x: Tensor, rotary: Tensor) -> Tensor:
    """Turn each head (..., T, heads, size) by its position: dimensions 2i and 2i + 1 are a complex number."""
    wide = x if x.dtype in (torch.float32, torch.float64) else x.float()
    turned = torch.view_as_complex(wide.view(*x.shape[:-1], -1, 2)) * torch.view_as_complex(rotary)
    turned = torch.view_as_real(turned).flatten(-2)
    return turned if torch.is_autocast_enabled(x.device.type) else turned.to(x.dtype)


def drop(x: Tensor, share: float, training: bool) -> Tensor:
    """Dropout, at no cost where there is none."""
    return F.dropout(x, share) if share and training else x
