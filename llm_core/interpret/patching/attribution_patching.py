"""Attribution patching: all of a patching map from one forward pass of each text and one backward pass.

To first order, carrying an activation over changes the target by its gradient in the corrupted text times the change
(Nanda 2023, "Attribution patching: activation patching at industrial scale"). Where the model is bent between the two
activations, as where a softmax saturates or a norm stands in the way, the estimate is off (Kramár et al. 2024, "AtP*"):
lay it beside the real map, which `correlation` does.
"""

from collections.abc import Collection

import numpy as np
import torch
from torch import Tensor

from llm_core.interpret.attention.attention import Part
from llm_core.interpret.components import stack_prefix, streams
from llm_core.interpret.patching.patching import Patching, PatchingMap, Where, columns_of, rows_of, site_of
from llm_core.models.base import Model
from llm_core.taps import Edit, observe


def estimates(patching: Patching, part: Part, wheres: Collection[Where]) -> dict[Where, PatchingMap]:
    """The maps that `patching.map(where, part)` would be, were the model linear between the two texts.

    Raises UserError where the model has no such thing.
    """
    model = patching.model
    rows = {where: rows_of(model, where, part) for where in wheres}
    sites = {where: [site_of(model, where, component) for component in rows[where]] for where in wheres}
    taps = sorted({here.tap for found in sites.values() for here in found})
    with torch.inference_mode(), observe(model, only=taps) as clean:
        model.body(patching.clean_pass.batch)
    corrupted, gradients = _gradients(patching, taps)
    found = {}
    for where in wheres:
        columns = columns_of(model, patching.pair, where, part)
        values = np.zeros((len(rows[where]), len(columns)), dtype=np.float32)
        for row, here in zip(values, sites[where], strict=True):
            change = here.read(clean[here.tap]) - here.read(corrupted[here.tap])
            moved = (change * here.read(gradients[here.tap])).sum(-1)[0].double()  # (length,) or (heads, length)
            shown = (moved.sum(-1) if where == "heads" else moved).cpu().numpy()
            row[: len(shown)] = shown / (patching.clean - patching.corrupted)
        found[where] = PatchingMap(
            where, part, tuple(map(str, rows[where])), columns, values, patching.clean, patching.corrupted
        )
    return found


def correlation(one: PatchingMap, other: PatchingMap) -> float | None:
    """Pearson's correlation over all cells of two maps of the same places; None where one of them is the same all over."""
    if one.rows != other.rows or one.columns != other.columns:
        raise ValueError("the two maps are not of the same places")
    if min(one.values.std(), other.values.std()) < np.finfo(np.float32).eps:
        return None
    return float(np.corrcoef(one.values.ravel().astype(np.float64), other.values.ravel().astype(np.float64))[0, 1])


def _gradients(patching: Patching, taps: Collection[str]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """What the taps show in the corrupted text, and how the target there changes with each of them."""
    model, batch = patching.model, patching.corrupted_pass.batch
    with torch.enable_grad(), observe(model, only=taps, edits=_leaves(model)) as seen:
        target = patching.pair.target.of(model(batch))[0]
        found = torch.autograd.grad(target, [seen[tap] for tap in taps], allow_unused=True)
    shown = {tap: seen[tap].detach() for tap in taps}
    return shown, {tap: torch.zeros_like(shown[tap]) if one is None else one for tap, one in zip(taps, found, strict=True)}  # fmt: skip


def _leaves(model: Model) -> dict[str, Edit]:
    """Edits that make the beginnings of all streams leaves of a graph: the weights have no gradient."""
    return {f"{stack_prefix(model, part)}embedding": _leaf for part in streams(model)}


def _leaf(x: Tensor) -> Tensor:
    return x.detach().requires_grad_(True)
