"""What is taken away while everything else stays: heads, feed-forward layers, neurons, and tokens of the text, by name.

A head is named `decoder.0.2`, a feed-forward layer `decoder.0.feed_forward`, one of its neurons
`decoder.0.feed_forward.17`, as in `llm_core.interpret.components`; the token at a position of the text `position.3`.
"""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pages.ui.attention.shape import Shape

if TYPE_CHECKING:
    from torch import Tensor

    from llm_core.models.base import Model
    from llm_core.taps import Edit

_NAMED = re.compile(
    r"(?P<part>decoder|encoder|cross)\.(?P<layer>[0-9]{1,3})\.(?P<head>[0-9]{1,3})"
    r"|(?P<stream>decoder|encoder)\.(?P<at>[0-9]{1,3})\.feed_forward(?:\.(?P<neuron>[0-9]{1,5}))?"
    r"|position\.(?P<position>[0-9]{1,4})"
)
MOST = 1_000


def named(text: str) -> tuple[str, ...] | None:
    """The names that a link brings, each once; None where one of them names nothing."""
    names = text.split(",")[:MOST]
    return tuple(sorted(set(names))) if all(map(_NAMED.fullmatch, names)) else None


def is_there(name: str, shape: Shape) -> bool:
    """Whether a model of this shape has what is named."""
    found = _NAMED.fullmatch(name)
    if found is None:
        return False
    if found["position"] is not None:
        return int(found["position"]) < shape.context
    if found["part"] is not None:
        return found["part"] in shape.parts and int(found["layer"]) < shape.layers and int(found["head"]) < shape.heads
    return found["stream"] in shape.parts and int(found["at"]) < shape.layers and int(found["neuron"] or 0) < shape.neurons  # fmt: skip


def position_of(name: str) -> int | None:
    """The position of a token that is named; None for a piece of the model."""
    found = _NAMED.fullmatch(name)
    return int(found["position"]) if found is not None and found["position"] is not None else None


def pieces_of(names: Sequence[str]) -> tuple[str, ...]:
    """Those that are pieces of the model."""
    return tuple(name for name in names if position_of(name) is None)


def positions_of(names: Sequence[str]) -> tuple[int, ...]:
    """The positions of the tokens among them."""
    return tuple(position for name in names if (position := position_of(name)) is not None)


def edits_of(model: "Model", names: Sequence[str]) -> "dict[str, Edit]":
    """Edits that take all of it away. Where a token is taken away nothing stands where the stream begins. A position that
    the text has not is no matter. Raises UserError for a piece that is not there."""
    from llm_core.interpret.components import Component, site, streams
    from llm_core.interpret.interventions import ablate

    edits = ablate(model, [Component.parse(name) for name in pieces_of(names)])
    positions = positions_of(names)
    if positions:

        def blank(tensor: "Tensor") -> "Tensor":
            changed = tensor.clone()
            changed[:, [position for position in positions if position < tensor.shape[1]]] = 0.0
            return changed

        edits[site(model, Component(streams(model)[-1], None, "embedding")).tap] = blank
    return edits
