"""Attention flow: the most that can flow to an input token when attention is the capacity of pipes between layers.

Abnar & Zuidema 2020, "Quantifying Attention Flow in Transformers", section 3: a position of a layer is joined to the
positions of the layer below by pipes as wide as its attention, residual connection included; the flow from a position
to an input token is the maximum flow between the two.

The maximum flow is found by pushing (Goldberg & Tarjan 1988, "A New Approach to the Maximum-Flow Problem"), for many
tokens at once in whole arrays: what has come to a position is pushed on to positions that are nearer to the token, if
need be back up where it came from. When nothing that is left over can get there any more, the flow is at its maximum.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from llm_core.interpret.attention.attention import Floats
from llm_core.interpret.attention.rollout import mix

Array = NDArray[np.float64]

_NOTHING = 1e-12  # a pipe or a rest as small as this is none: what rounding leaves over
_MOST_FLOATS = 1 << 16  # of the pipes of a batch of tokens, so that they stay in the processor's cache
_FAR = 1 << 14  # farther than any path is long


def flow(pattern: Floats, positions: Sequence[int] | None = None) -> Floats:
    """(layers, positions, T): the maximum flow from a position after each layer to each input token.

    `pattern` (layers, heads, T, T); `positions` are those asked for, all when None. The mean over heads is mixed with
    the residual connection half and half, as in `rollout`, so that no flow is more than 1. The work for one position
    grows with the cube of T: ask for few positions of a long text.
    Raises ValueError where a text looks at another text.
    """
    layers, _, length, _ = pattern.shape
    chosen = range(length) if positions is None else positions
    flows = np.zeros((layers, len(chosen), length), dtype=np.float32)
    for row, position in enumerate(chosen):
        for layer in range(layers):
            flows[layer, row] = flow_into(pattern[: layer + 1], position)
    return flows


def flow_into(pattern: Floats, position: int) -> Floats:
    """(T,): as `flow`, into one position after the last layer alone."""
    capacity = mix(pattern)
    length = capacity.shape[-1]
    reach = length if np.triu(capacity, 1).any() else position + 1  # a causal text's later tokens have no part in it
    flows = np.zeros(length, dtype=np.float32)
    flows[:reach] = _to_each_token(capacity[:, :reach, :reach], position)
    return flows


def _to_each_token(pipes: Array, position: int) -> Array:
    """(T,) maximum flow from a position above these pipes (layers, T, T) to each token below them."""
    if len(pipes) == 1:
        directly: Array = pipes[0, position]
        return directly
    drains = pipes[0].T  # (T tokens, T positions after the first layer)
    together = max(1, _MOST_FLOATS // pipes[1:].size)
    parts = range(0, len(drains), together)
    return np.concatenate([_Network(pipes[1:-1], pipes[-1, position], drains[at : at + together]).fill() for at in parts])  # fmt: skip


class _Network:
    """Levels of positions, with a supply (T,) at the uppermost and, for each of P tokens, a drain (T,) at level 0.

    `between[n]` (T, T) is how wide the pipes are from the positions of level n + 1 to those of level n.
    """

    def __init__(self, between: Array, supply: Array, drains: Array) -> None:
        self.between = between
        self.drains = drains  # (P, T) what a token can still take from each position of level 0
        self.flows = np.zeros((len(drains), *between.shape))  # (P, levels - 1, T, T)
        self.rests = np.zeros((len(drains), len(between) + 1, len(supply)))  # (P, levels, T) come and not gone on
        self.rests[:, -1] = supply
        self.arrived = np.zeros(len(drains))

    def fill(self) -> Array:
        """(P,) the maximum flow to each token."""
        result = np.zeros(len(self.arrived))
        unfinished = np.arange(len(result))
        while True:
            distances = self._distances()
            going = ((self.rests > _NOTHING) & (distances < _FAR)).any((1, 2))
            result[unfinished] = self.arrived
            if not going.any():
                return result
            unfinished, distances = unfinished[going], distances[going]
            self.drains, self.flows = self.drains[going], self.flows[going]
            self.rests, self.arrived = self.rests[going], self.arrived[going]
            self._push(distances)

    def _distances(self) -> NDArray[np.int16]:
        """(P, levels, T): over how many pipes with room a position reaches the token; a filled pipe can be emptied."""
        distances = np.full(self.rests.shape, _FAR, dtype=np.int16)
        distances[:, 0][self.drains > _NOTHING] = 1
        down, up = self.between - self.flows > _NOTHING, self.flows > _NOTHING
        while True:
            before = distances.copy()
            for level in range(len(self.between)):
                below = np.where(down[:, level], distances[:, level, None, :], _FAR).min(-1) + 1
                np.minimum(distances[:, level + 1], below, out=distances[:, level + 1], casting="unsafe")
            for level in reversed(range(len(self.between))):
                above = np.where(up[:, level], distances[:, level + 1, :, None], _FAR).min(-2) + 1
                np.minimum(distances[:, level], above, out=distances[:, level], casting="unsafe")
            if np.array_equal(before, distances):
                return distances

    def _push(self, distances: NDArray[np.int16]) -> None:
        """Once down through all levels and once up: each rest goes on to positions that are nearer by one."""
        levels = range(len(self.between))
        for level in reversed(levels):
            nearer = distances[:, level + 1, :, None] == distances[:, level, None, :] + 1
            room = np.where(nearer, self.between[level] - self.flows[:, level], 0.0)
            self._move(level, _shared(self.rests[:, level + 1], room, -1))
        drained = np.minimum(self.rests[:, 0], self.drains)
        self.drains -= drained
        self.rests[:, 0] -= drained
        self.arrived += drained.sum(-1)
        for level in levels:
            nearer = distances[:, level, None, :] == distances[:, level + 1, :, None] + 1
            room = np.where(nearer, self.flows[:, level], 0.0)
            self._move(level, -_shared(self.rests[:, level], room, -2))

    def _move(self, level: int, moved: Array) -> None:
        """Let (P, T, T) flow down from level + 1 to level; what is negative flows back."""
        self.flows[:, level] += moved
        self.rests[:, level + 1] -= moved.sum(-1)
        self.rests[:, level] += moved.sum(-2)


def _shared(rests: Array, room: Array, axis: int) -> Array:
    """As much of each rest (P, T) as there is room for along an axis of (P, T, T), shared out in proportion to it."""
    total = room.sum(axis)
    share = np.divide(rests, total, out=np.zeros_like(total), where=total > _NOTHING).clip(0.0, 1.0)
    shared: Array = room * np.expand_dims(share, axis)
    return shared
