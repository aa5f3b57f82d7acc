"""Path patching: what one component of a model says to another, and to no one else (Wang et al. 2023, 3.1 and appendix B).

A sender is carried over from the clean into the corrupted text while every head between it and the receiver stays as it
was, so that the receiver hears it along the residual stream alone; feed-forward layers on the way answer to it, as in the
paper, which counts them to the direct way. What the receiver then gives is put into the corrupted text. The measure is
that of patching: 0 as in the corrupted text, 1 as in the clean one.
"""

from collections.abc import Iterator
from typing import Literal

import torch
from torch import Tensor

from llm_core.config import TransformerConfig, network
from llm_core.errors import N_, UserError
from llm_core.interpret.attention.attention import place
from llm_core.interpret.components import Component, feed_forwards, heads, site, streams
from llm_core.interpret.interventions import combine, set_to
from llm_core.interpret.patching.patching import Patching
from llm_core.taps import Edit, observe

Inputs = Literal["all", "queries", "keys", "values"]
INPUTS: dict[Inputs, str] = {
    "all": N_("Queries, keys and values"),
    "queries": N_("Queries"),
    "keys": N_("Keys"),
    "values": N_("Values"),
}
"""By which of its inputs a head hears the sender: the name in links, and on screen."""

_SENDERS = ("embedding", "head", "attention", "feed_forward", "neuron")
_RECEIVERS = ("head", "feed_forward", "hidden")


def patch_path(patching: Patching, sender: Component, receiver: Component, inputs: Inputs = "all") -> float:
    """How far the sender's word to the receiver brings the clean answer back; at all positions.

    Senders are embeddings, heads, whole attention and feed-forward layers and neurons; receivers are heads, feed-forward
    layers, and `hidden`: the logits themselves. Raises UserError for any other, and where the receiver comes before the
    sender.
    """
    return _Paths(patching, receiver, inputs).value(sender)


def patch_paths(patching: Patching, receiver: Component, inputs: Inputs = "all") -> Iterator[tuple[Component, float]]:
    """The same for every head and feed-forward layer that can speak to a receiver, one after the other."""
    paths = _Paths(patching, receiver, inputs)
    senders = (*heads(patching.model), *feed_forwards(patching.model))
    for sender in sorted(senders, key=_place_in_order):
        if _comes_before(sender, receiver):
            yield sender, paths.value(sender)


class _Paths:
    """What all paths to one receiver have in common: both texts as they are."""

    def __init__(self, patching: Patching, receiver: Component, inputs: Inputs) -> None:
        of_source = receiver.kind == "hidden" and receiver.part != streams(patching.model)[-1]
        if receiver.kind not in _RECEIVERS or of_source:
            raise UserError("{name} cannot be a receiver; heads, feed-forward layers and the logits can.", name=str(receiver))  # fmt: skip
        self._patching, self._receiver, self._inputs = patching, receiver, inputs
        self._model = patching.model
        self._site = site(self._model, receiver)
        taps = {site(self._model, head).tap for head in heads(self._model)}
        self._heads = self._seen(taps)  # of the corrupted text, by tap

    def value(self, sender: Component) -> float:
        if sender.kind not in _SENDERS:
            raise UserError("{name} cannot be a sender; embeddings, heads, attention and feed-forward layers and neurons can.", name=str(sender))  # fmt: skip
        if not _comes_before(sender, self._receiver):
            raise UserError("{sender} cannot speak to {receiver}, which comes before it or stands beside it.", sender=str(sender), receiver=str(self._receiver))  # fmt: skip
        here = site(self._model, sender)
        with torch.inference_mode(), observe(self._model, only=[here.tap]) as clean:
            self._model.body(self._patching.clean_pass.batch)
        edits = combine(self._frozen(), set_to(self._model, sender, here.read(clean[here.tap])))
        if self._receiver.kind == "hidden":
            return self._scaled(edits)
        heard = self._heard_by_head(edits) if self._receiver.kind == "head" else self._site.read(self._seen({self._site.tap}, edits)[self._site.tap])  # fmt: skip
        return self._scaled(set_to(self._model, self._receiver, heard))

    def _heard_by_head(self, edits: dict[str, Edit]) -> Tensor:
        """What the receiving head gives when some of its inputs have heard the sender, and the others have not."""
        receiver = self._receiver
        assert receiver.layer is not None
        assert receiver.index is not None
        where = place(self._model, receiver.part, receiver.layer)
        chosen = ("queries", "keys", "values") if self._inputs == "all" else (self._inputs,)
        heard = self._seen({f"{where}.{name}" for name in chosen}, edits)
        config = network(self._model.config)
        assert isinstance(config, TransformerConfig)
        group = receiver.index * (config.key_value_heads or config.heads) // config.heads
        told = {tap: _one(values, receiver.index if tap.endswith("queries") else group) for tap, values in heard.items()}  # fmt: skip
        return self._site.read(self._seen({self._site.tap}, told)[self._site.tap])

    def _frozen(self) -> dict[str, Edit]:
        """Every head gives what it gives in the corrupted text."""
        return {tap: _always(values) for tap, values in self._heads.items()}

    def _seen(self, taps: set[str], edits: dict[str, Edit] | None = None) -> dict[str, Tensor]:
        """What taps show in the corrupted text."""
        with torch.inference_mode(), observe(self._model, only=taps, edits=edits) as seen:
            self._model.body(self._patching.corrupted_pass.batch)
        return {tap: seen[tap] for tap in taps}

    def _scaled(self, edits: dict[str, Edit]) -> float:
        with torch.inference_mode(), observe(self._model, only=(), edits=edits):
            logits = self._model(self._patching.corrupted_pass.batch)
        return float(self._patching.scaled(self._patching.pair.target.of(logits))[0])


def _comes_before(sender: Component, receiver: Component) -> bool:
    """Whether what a component gives can reach another along the residual stream."""
    return _place_in_order(sender) < _place_in_order(receiver)


def _place_in_order(component: Component) -> tuple[int, int, int]:
    """Where a component stands in a forward pass; what stands at the same place cannot hear each other. An encoder comes
    before the decoder that reads it."""
    stream = 0 if component.part == "encoder" else 1
    if component.kind == "embedding":
        return stream, -1, 0
    if component.layer is None:
        return stream, 1 << 30, 0
    if component.kind in ("head", "attention"):
        return stream, component.layer, 1 if component.part == "cross" else 0
    return stream, component.layer, 2


def _always(values: Tensor) -> Edit:
    return lambda tensor: values.to(tensor)


def _one(values: Tensor, index: int) -> Edit:
    """One head's, or group's, part of a tensor (B, heads, T, size) is that of other values."""

    def edit(tensor: Tensor) -> Tensor:
        changed = tensor.clone()
        changed[:, index] = values[:, index]
        return changed

    return edit
