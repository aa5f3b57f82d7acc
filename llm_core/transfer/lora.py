"""Low-rank adaptation (Hu et al. 2021): a frozen matrix learns by the product of two thin ones beside it.

`add_low_rank` walks a model from outside and puts `LowRank` in the place of its linear layers; `merge_low_rank` adds
what was learned to the matrices and puts the linear layers back, so that prediction costs nothing more.
"""

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from llm_core.models.attention import SelfAttention
from llm_core.models.layers import FeedForward

Target = Literal["query", "key", "value", "output", "up", "down"]


class LowRank(nn.Module):
    """W x + (alpha / rank) B A x, where W is a frozen linear layer (equation 3 of the paper).

    A starts from random numbers and B at zero, so that at first nothing is changed. Where W is several matrices on top
    of each other, as query, key and value are, each chosen one has an A and a B of its own.
    """

    def __init__(
        self, linear: nn.Linear, rank: int, alpha: float, slices: Sequence[tuple[int, int]], generator: torch.Generator
    ) -> None:
        """slices: first row and row after the last of W for each pair; they do not overlap."""
        super().__init__()
        self.linear = linear.requires_grad_(False)
        self.scale = alpha / rank
        self.slices = tuple(slices)
        bound = linear.in_features**-0.5
        self.down = nn.ParameterList(
            torch.empty(rank, linear.in_features).uniform_(-bound, bound, generator=generator) for _ in slices
        )
        self.up = nn.ParameterList(torch.zeros(stop - start, rank) for start, stop in slices)

    def forward(self, x: Tensor) -> Tensor:
        """x (..., in); result (..., out)."""
        y: Tensor = self.linear(x)
        parts: list[Tensor] = []
        at = 0
        for (start, stop), down, up in zip(self.slices, self.down, self.up, strict=True):
            if start > at:
                parts.append(y[..., at:start])
            parts.append(y[..., start:stop] + self.scale * F.linear(F.linear(x, down), up))
            at = stop
        if at < y.shape[-1]:
            parts.append(y[..., at:])
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=-1)

    def merged(self) -> nn.Linear:
        """The linear layer with what was learned added to its matrix, in place."""
        with torch.no_grad():
            for (start, stop), down, up in zip(self.slices, self.down, self.up, strict=True):
                self.linear.weight[start:stop] += self.scale * (up @ down)
        return self.linear


def add_low_rank(
    model: nn.Module, rank: int, alpha: float, targets: Sequence[Target], generator: torch.Generator
) -> list[nn.Parameter]:
    """Put a `LowRank` in the place of every target in the model's blocks; the new parameters, which are few.

    Everything else of the model keeps its `requires_grad`; freeze it before.
    """
    found: list[nn.Parameter] = []
    for module in list(model.modules()):
        for name, slices in _places(module, targets):
            linear = getattr(module, name)
            low_rank = LowRank(linear, rank, alpha, slices, generator)
            setattr(module, name, low_rank)
            found += [*low_rank.down, *low_rank.up]
    return found


def merge_low_rank(model: nn.Module) -> None:
    """Undo `add_low_rank`, and keep what was learned."""
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, LowRank):
                setattr(module, name, child.merged())


def _places(module: nn.Module, targets: Sequence[Target]) -> list[tuple[str, list[tuple[int, int]]]]:
    """The linear layers of a module that hold targets, with the rows of each target in them."""
    if isinstance(module, SelfAttention):
        queries, keys = module.heads * module.size, module.groups * module.size
        rows: dict[Target, tuple[int, int]] = {
            "query": (0, queries),
            "key": (queries, queries + keys),
            "value": (queries + keys, queries + 2 * keys),
        }
        chosen = [span for target, span in rows.items() if target in targets]
        output = [("output", [(0, module.output.out_features)])] if "output" in targets else []
        return ([("query_key_value", chosen)] if chosen else []) + output
    if isinstance(module, FeedForward):
        layers = {"up": module.up, "down": module.down}
        return [(name, [(0, layer.out_features)]) for name, layer in layers.items() if name in targets]
    return []
