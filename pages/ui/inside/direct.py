"""Direct logit attribution: what each line, head and neuron has added to the chosen token, up against another."""

from functools import lru_cache, partial
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from llm_core.data.table_writing import as_table
from pages.ui.drawing import drawing
from pages.ui.faults import as_text
from pages.ui.inside import python
from pages.ui.inside.computed import KEPT, Asked, Predicted, opened, refuse_slow, without
from pages.ui.inside.controls import heading
from pages.ui.inside.pictures.bars import Bar, across, upright
from pages.ui.inside.pictures.grid import figure
from pages.ui.inside.pictures.head_grid import head_grid, pick_head
from pages.ui.inside.places import name_of
from pages.ui.inside.selection import Against, Selection, asked, choose_piece, choose_view
from pages.ui.inside.words import explained
from pages.ui.state import INSIDE_NEURON_KEY, inference
from pages.ui.text import _

if TYPE_CHECKING:
    from llm_core.interpret.attribution.logit_attribution import LogitAttribution
    from llm_core.interpret.components import Component

_NEURONS = 10
_NEURONS_AT_MOST = 100_000


@lru_cache(maxsize=KEPT)
def taken_apart(asked: Asked, token: int | None, target: int, against: Against) -> "LogitAttribution":
    """The target as a sum. Raises UserError where the model cannot be read out."""
    with inference():
        from llm_core.interpret.attribution.logit_attribution import attribute_logit
        from llm_core.interpret.target import Target

        model, _tokenizer, reading = opened(asked)
        refuse_slow(model, 3, len(reading.text.ids))
        return attribute_logit(model, reading, Target(token, target, against), neurons=_NEURONS, edits=without(asked, model))  # type: ignore[arg-type]  # fmt: skip


def show(selection: Selection, predicted: Predicted) -> None:
    """Line by line, then heads as a grid beside the neurons. Raises UserError where the model cannot be read out."""
    found = taken_apart(asked(selection), selection.token, selection.target, selection.against)
    what, code, run = explained(selection, predicted), as_python(selection), f"{selection.run}-{selection.step}"
    drawn = bars_of(found)
    drawing(
        "inside_direct", (selection, "lines"), partial(upright, drawn, what),
        label=_("What each layer has added to {what}", what=what), height=320, least_width=90 + 52 * len(drawn), code=code,
        table=as_csv(found), name=f"terrarium-logit-attribution-{run}", on_picked=_pick_layer,
    )  # fmt: skip
    st.caption(as_text(summed(found, what)))
    heads, neurons = st.columns([3, 2], gap="medium")
    with heads:
        heading(_("Heads and feed-forward layers"))
        values = dict(zip(found.components, map(float, found.contributions), strict=True))
        grid = head_grid(values, selection, lambda name, value: _("{name} adds {value} to {what}", name=name, value=value, what=what))  # fmt: skip
        drawing(
            "inside_direct_heads", (selection, "heads"), partial(figure, grid), label=_("What each head has added to {what}", what=what),
            height=grid.height, least_width=grid.least_width, code=code, table=as_csv(found),
            name=f"terrarium-logit-attribution-heads-{run}", on_picked=pick_head,
        )  # fmt: skip
    with neurons:
        if len(found.neurons):
            heading(_("The neurons that add most"))
            named = [
                Bar(name_of(neuron), float(value), _("activation {activation}", activation=float(active[-1])), _number_of(neuron))
                for neuron, value, active in zip(found.neurons, found.neuron_contributions, found.activations, strict=True)
            ]  # fmt: skip
            drawing(
                "inside_direct_neurons", (selection, "neurons"), partial(across, named, what),
                label=_("The neurons that have added most to {what}", what=what), height=70 + 26 * len(named), code=code,
                table=neurons_csv(found), name=f"terrarium-logit-attribution-neurons-{run}", on_picked=partial(_pick_neuron, found.stream),
            )  # fmt: skip


def bars_of(found: "LogitAttribution") -> list[Bar]:
    """The embedding, of every layer its attention and its feed-forward, and the biases; a layer gives its number back."""
    sums: dict[tuple[int | None, str], float] = {}
    for component, value in zip(found.components, found.contributions, strict=True):
        kind = "cross" if component.part == "cross" else "attention" if component.kind == "head" else component.kind
        sums[component.layer, kind] = sums.get((component.layer, kind), 0.0) + float(value)
    named = {"attention": _("attention"), "cross": _("cross-attention"), "feed_forward": _("feed-forward")}
    drawn = [
        Bar(_("embedding") if layer is None else f"{layer} {named[kind]}", value, "", layer)
        for (layer, kind), value in sums.items()
    ]
    if len(found.constants):
        drawn.append(Bar(_("biases"), float(found.constants.sum()), _("what is added whatever the model reads")))
    return drawn


def summed(found: "LogitAttribution", what: str) -> str:
    """That the sum is whole, and of what."""
    said = _("All of it adds up to {total}; {what} is {value}, and {remainder} remain.", total=found.total, what=what, value=found.value, remainder=found.remainder)  # fmt: skip
    if found.explains == "before_soft_cap":
        said += " " + _("That is the logit before the soft cap, which this model bends its logits with; bent it is {output}.", output=found.output)  # fmt: skip
    if "head_activation" in found.frozen:
        said += " " + _("The activation in the model's head is held as it is.")
    return said


def _pick_layer(picked: object) -> None:
    """A bar was clicked. What comes from the browser is checked."""
    if type(picked) is int and 0 <= picked < 1000:
        choose_piece(picked)


def _number_of(neuron: "Component") -> int:
    """Its layer and its number as one number, which a click gives back."""
    return (neuron.layer or 0) * _NEURONS_AT_MOST + (neuron.index or 0)


def _pick_neuron(part: str, picked: object) -> None:
    """A neuron was clicked: look at it. What comes from the browser is checked."""
    if type(picked) is int and 0 <= picked < 1000 * _NEURONS_AT_MOST:
        layer, neuron = divmod(picked, _NEURONS_AT_MOST)
        choose_piece(layer, None, part)
        st.session_state[INSIDE_NEURON_KEY] = neuron
        choose_view("neurons")


def as_csv(found: "LogitAttribution") -> str:
    """A row for each part of the sum."""
    rows = [(str(component), _exact(value)) for component, value in zip(found.components, found.contributions, strict=True)]  # fmt: skip
    rows += [(f"bias {name}", _exact(value)) for name, value in zip(found.constant_names, found.constants, strict=True)]
    return as_table(("component", "contribution"), [*rows, ("remainder", _exact(found.remainder)), ("target", _exact(found.value))])  # fmt: skip


def neurons_csv(found: "LogitAttribution") -> str:
    """A row for each neuron."""
    rows = zip(found.neurons, found.neuron_contributions, found.activations, strict=True)
    return as_table(("neuron", "contribution", "activation"), ((str(neuron), _exact(value), _exact(active[-1])) for neuron, value, active in rows))  # fmt: skip


def _exact(value: float | np.floating) -> float:
    return float(f"{float(value):.7g}")


def as_python(selection: Selection) -> str:
    """The same for a notebook."""
    imports = ["from llm_core.interpret.attribution.logit_attribution import attribute_logit"]
    return f"""\
{python.preamble(selection, imports, target=True)}\
found = attribute_logit(model, reading, target{python.with_edits(selection)})
for component, value in zip(found.components, found.contributions):
    print(f"{{component!s:24}} {{value:+.4f}}")
print("sum", found.total, "target", found.value, "remainder", found.remainder)
"""
