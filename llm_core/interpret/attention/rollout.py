"""Attention rollout: how much of each input token is in a position after every layer, if attention were all there is.

Abnar & Zuidema 2020, "Quantifying Attention Flow in Transformers", section 3.
"""

import numpy as np
from numpy.typing import NDArray

from llm_core.interpret.attention.attention import Floats


def rollout(pattern: Floats, residual: float = 0.5) -> Floats:
    """(layers, T, T) from a pattern (layers, heads, T, T): row a position after that layer, column an input token.

    The mean over heads is mixed with the residual connection, `residual` of which passes a position on as it is; the
    layers are multiplied (equation 1). Rows sum to 1. Raises ValueError where texts look at another text.
    """
    mixed = mix(pattern, residual)
    rolled = mixed.copy()
    for layer in range(1, len(mixed)):
        rolled[layer] = mixed[layer] @ rolled[layer - 1]
    return rolled.astype(np.float32)


def mix(pattern: Floats, residual: float = 0.5) -> NDArray[np.float64]:
    """(layers, T, T): the mean over heads with the residual connection mixed in, each row made to sum to 1."""
    if pattern.shape[-1] != pattern.shape[-2]:
        raise ValueError("only the attention of a text to itself leads from layer to layer")
    mean = pattern.mean(1, dtype=np.float64)
    mixed: NDArray[np.float64] = (1 - residual) * mean + residual * np.eye(pattern.shape[-1])
    mixed /= mixed.sum(-1, keepdims=True)  # fp32 rows sum to 1 only nearly
    return mixed
