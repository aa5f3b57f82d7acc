"""How the pieces of a model are called on screen."""

from typing import TYPE_CHECKING

from pages.ui.attention.looking import PARTS
from pages.ui.inside.off import position_of
from pages.ui.text import _

if TYPE_CHECKING:
    from llm_core.interpret.components import Component


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
    """What is taken away in words, of its name (`pages.ui.inside.off`)."""
    position = position_of(name)
    if position is not None:
        return _("the token at position {place}", place=position)
    part, layer, *rest = name.split(".")
    if rest[0] != "feed_forward":
        return head_of(name)
    if len(rest) == 1:
        said = _("layer {layer}, feed-forward", layer=int(layer))
    else:
        said = _("layer {layer}, neuron {neuron}", layer=int(layer), neuron=int(rest[1]))
    return said if part == "decoder" else f"{_(PARTS[part])}, {said}"


def head_of(name: str) -> str:
    """A head in words, of its name in links, as `decoder.0.2`."""
    part, layer, head = name.split(".")
    said = _("layer {layer}, head {head}", layer=int(layer), head=int(head))
    return said if part == "decoder" else f"{_(PARTS[part])}, {said}"
