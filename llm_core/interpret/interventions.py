"""Edits that change what a model computes: components set to nothing, to their mean, to what they are in other texts.

Each function gives edits for `observe(model, edits=...)`. `combine` puts several together. Zero, mean and resample
ablation as compared by Chan et al. (2022, "Causal Scrubbing") and Wang et al. (2023, section 3).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Literal

import torch
from torch import Tensor

from llm_core.errors import N_, UserError
from llm_core.interpret.components import Component, Site, site
from llm_core.models.base import Batch, Model
from llm_core.taps import Edit, observe

Ablation = Literal["zero", "mean", "resample"]
ABLATIONS: dict[Ablation, str] = {
    "zero": N_("Zero"),
    "mean": N_("Mean of other texts"),
    "resample": N_("Drawn from other texts"),
}
"""What takes a component's place, by its name in links and on screen."""


@dataclass(frozen=True)
class Reference:
    """What components are in other texts: by tap, the tensors at N positions of them, (N, size) or (N, heads, size).

    Position n is the same position of the same text at every tap of one stream.
    """

    samples: Mapping[str, Tensor]

    def mean(self, tap: str) -> Tensor:
        """(size,) or (heads, size)."""
        return self.samples[tap].mean(0)


def taps_of(model: Model, components: Collection[Component]) -> list[str]:
    """The taps at which these components stand, each once. Raises UserError for one that is not there."""
    return list(dict.fromkeys(site(model, component).tap for component in components))


def reference(model: Model, components: Collection[Component], batches: Sequence[Batch]) -> Reference:
    """What the taps of these components show while the model reads some texts; padding is left out.

    Raises ValueError for a model in training mode and where there is no text.
    """
    if model.training:
        raise ValueError("put the model in eval mode before looking into it")
    if not batches:
        raise ValueError("a mean of no text is nothing")
    taps = taps_of(model, components)
    collected: dict[str, list[Tensor]] = {tap: [] for tap in taps}
    device = next(model.parameters()).device
    for batch in batches:
        moved = batch.to(device)
        with torch.no_grad(), observe(model, only=taps) as seen:
            model.body(moved)
        for tap in taps:
            by_position = seen[tap] if seen[tap].ndim == 3 else seen[tap].transpose(1, 2)  # (B, T, ...)
            of_source = tap.startswith("encoder.") and moved.source is not None
            real = moved.source.real if of_source and moved.source is not None else moved.real
            collected[tap].append(by_position.flatten(0, 1) if real is None else by_position[real])
    return Reference({tap: torch.cat(found) for tap, found in collected.items()})


def ablate(
    model: Model,
    components: Collection[Component],
    method: Ablation = "zero",
    *,
    others: Reference | None = None,
    positions: Sequence[int] | None = None,
    seed: int = 0,
) -> dict[str, Edit]:
    """Edits that take components away, at these positions or at all of them.

    mean and resample take their values from `others`. What is resampled is drawn anew for each text and position, the
    same for all components of one stream, and the same at each forward pass of the same shape.
    Raises UserError for a component that is not there, and where `others` is needed and missing.
    """
    if method != "zero" and others is None:
        raise UserError("To put the mean of other texts, or what is drawn from them, in place of a component, other texts are needed.")  # fmt: skip
    sites: dict[str, list[Site]] = {}
    for component in components:
        found = site(model, component)
        sites.setdefault(found.tap, []).append(found)
    return {tap: _replace(tap, mine, method, others, positions, seed) for tap, mine in sites.items()}


def set_to(
    model: Model, component: Component, values: Tensor, positions: Sequence[int] | None = None
) -> dict[str, Edit]:
    """An edit that gives a component these values (B, P, size), or what broadcasts to it: activation patching.

    Raises UserError for a component that is not there.
    """
    found = site(model, component)
    return {found.tap: lambda tensor: found.write(tensor, values.to(tensor), positions)}


def add_to(
    model: Model, component: Component, values: Tensor, positions: Sequence[int] | None = None
) -> dict[str, Edit]:
    """An edit that adds a vector (size,), or (B, P, size), to a component: steering.

    Raises UserError for a component that is not there.
    """
    found = site(model, component)

    def edit(tensor: Tensor) -> Tensor:
        mine = found.read(tensor)
        now = mine if positions is None else mine[:, list(positions)]
        return found.write(tensor, now + values.to(tensor), positions)

    return {found.tap: edit}


def combine(*edits: Mapping[str, Edit]) -> dict[str, Edit]:
    """All of these edits; of those at the same tap, each sees what the one before it has changed."""
    together: dict[str, list[Edit]] = {}
    for each in edits:
        for tap, edit in each.items():
            together.setdefault(tap, []).append(edit)
    return {tap: _chain(found) for tap, found in together.items()}


def _chain(edits: Sequence[Edit]) -> Edit:
    return lambda tensor: reduce(lambda changed, edit: edit(changed), edits, tensor)


def _replace(
    tap: str,
    sites: Sequence[Site],
    method: Ablation,
    others: Reference | None,
    positions: Sequence[int] | None,
    seed: int,
) -> Edit:
    def edit(tensor: Tensor) -> Tensor:
        wanted = slice(None) if positions is None else list(positions)
        instead = _instead(tensor, others.samples[tap] if others is not None else None, method, seed)
        for each in sites:
            tensor = each.write(tensor, each.read(instead)[:, wanted], positions)
        return tensor

    return edit


def _instead(tensor: Tensor, samples: Tensor | None, method: Ablation, seed: int) -> Tensor:
    """What stands in place of a whole tap's tensor (B, T, size) or (B, heads, T, size)."""
    if samples is None or method == "zero":
        return torch.zeros_like(tensor)
    with_heads = tensor.ndim == 4
    if method == "mean":
        mean = samples.mean(0).to(tensor)  # (size,) or (heads, size)
        return (mean[None, :, None] if with_heads else mean).expand_as(tensor)
    rows, length = tensor.shape[0], tensor.shape[-2]
    drawn = torch.randint(len(samples), (rows, length), generator=torch.Generator().manual_seed(seed))
    taken = samples.to(tensor)[drawn.to(tensor.device)]  # (B, T, size) or (B, T, heads, size)
    return taken.transpose(1, 2) if with_heads else taken
