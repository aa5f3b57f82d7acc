"""How the pieces of a model are called on screen."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from llm_core.errors import N_
from pages.ui.attention.looking import PARTS
from pages.ui.inside.off import position_of
from pages.ui.text import _

if TYPE_CHECKING:
    from llm_core.interpret.components import Component

_PIECES = {
    "embedding": N_("embedding"), "head": N_("layer {layer}, head {head}"), "feed_forward": N_("layer {layer}, feed-forward"),
    "neuron": N_("layer {layer}, neuron {neuron}"), "position": N_("the token at position {place}"),
}  # fmt: skip
_IN_PART = N_("{part}, {place}")


def name_of(component: "Component") -> str:
    """A piece in words."""
    layer, index = component.layer, component.index
    if component.kind == "embedding":
        return _("embedding")
    if component.kind == "hidden":
        return _("after the last norm")
    if component.kind == "head" and component.part == "cross":
        return _("layer {layer}, cross-attention head {head}", layer=layer, head=index)
    if component.kind == "head":
        return _("layer {layer}, head {head}", layer=layer, head=index)
    if component.kind == "feed_forward":
        return _("layer {layer}, feed-forward", layer=layer)
    if component.kind == "neuron":
        return _("layer {layer}, neuron {neuron}", layer=layer, neuron=index)
    if component.kind == "residual_middle":
        return _("layer {layer}, after attention", layer=layer)
    if component.kind == "residual_crossed":
        return _("layer {layer}, after cross-attention", layer=layer)
    return _("layer {layer}", layer=layer)


def piece_of(name: str) -> str:
    """A piece or a token in words, of its name (`pages.ui.inside.off`)."""
    return piece_in(_, name)


def listed(names: Iterable[str]) -> str:
    """Several of them; some have a comma of their own."""
    return _("; ").join(map(piece_of, names))


def piece_in(words: Callable[[str], str], name: str) -> str:
    """The same in any language, also outside of a session: the embedding, a head, a feed-forward layer, a neuron or the
    token at a position, by its name."""
    position = position_of(name)
    if position is not None:
        return words(_PIECES["position"]).format(place=position)
    part, *place = name.split(".")
    kind = "neuron" if len(place) == 3 else "head" if place[-1].isdigit() else place[-1]
    said = words(_PIECES[kind]).format(layer=place[0], head=place[-1], neuron=place[-1])
    return said if part == "decoder" else words(_IN_PART).format(part=words(PARTS[part]), place=said)
