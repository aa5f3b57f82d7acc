"""How large gradients, weights and updates are in each part of a model: where it learns, and where it stands still."""

import math

import torch
from torch import Tensor, nn
from torch.nn.utils import get_total_norm

Parts = dict[str, list[nn.Parameter]]
Norms = list[float | None]
"""A number for each part; None where it is not finite."""


def parts_of(model: nn.Module) -> Parts:
    """The parameters that are trained by where they stand, in the order in which a text goes through them.

    `embedding`, `block 0` and so on, `head`: the final norm and the output. An encoder-decoder has `encoder block 0`,
    `encoder norm` and `decoder block 0`. A matrix that reads tokens in and writes them out, too, counts as `embedding`.
    """
    found: Parts = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            found.setdefault(_part(name), []).append(parameter)
    return {name: found[name] for name in sorted(found, key=_place)}


def _part(name: str) -> str:
    words = name.removeprefix("reader.").split(".")
    side = words.pop(0) + " " if words[0] in ("encoder", "decoder") else ""
    if words[0] in ("blocks", "layers"):
        return f"{side}block {words[1]}"
    if words[0] == "final_norm" and side == "encoder ":
        return "encoder norm"
    return "head" if words[0] == "final_norm" or "head" in words[0] else "embedding"


def _place(part: str) -> tuple[int, int]:
    *side, last = part.split()
    if part in ("embedding", "head"):
        return (0 if part == "embedding" else 4), 0
    if last == "norm":
        return 2, 0
    return (1 if side[0] == "encoder" else 3), int(last)


class Measuring:
    """One update: made before it, told its gradients before they are clipped, and asked when it is done.

    Copies the weights, and changes none. The norms are those of the parts in their order.
    """

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self._before = {name: [p.detach().clone() for p in group] for name, group in parts.items()}
        self._gradient: list[Tensor] = []

    def take_gradients(self) -> None:
        """Note the norms of the gradients as they now are."""
        self._gradient = [_norm([p.grad for p in group if p.grad is not None]) for group in self.parts.values()]

    @property
    def names(self) -> list[str]:
        return list(self.parts)

    @property
    def gradient(self) -> Norms:
        return _numbers(self._gradient)

    @property
    def weight_before(self) -> Norms:
        return _numbers([_norm(before) for before in self._before.values()])

    @property
    def weight(self) -> Norms:
        """Of the weights as they now are."""
        return _numbers([_norm([p.detach() for p in group]) for group in self.parts.values()])

    @property
    def update(self) -> Norms:
        """Of what has changed since."""
        return _numbers(
            [
                _norm(torch._foreach_sub([p.detach() for p in group], self._before[name]))
                for name, group in self.parts.items()
            ]
        )


def _norm(tensors: list[Tensor] | tuple[Tensor, ...]) -> Tensor:
    return get_total_norm(tensors) if tensors else torch.zeros(())


def _numbers(norms: list[Tensor]) -> Norms:
    values = torch.stack([norm.detach().float().cpu() for norm in norms]).tolist() if norms else []
    return [float(f"{value:.6g}") if math.isfinite(value) else None for value in values]
