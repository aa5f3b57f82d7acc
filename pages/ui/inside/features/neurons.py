"""Neurons: what excites one, what it promotes, what it tells apart; and the model without it."""

from functools import partial

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from llm_core.data.table_writing import as_table
from llm_core.errors import UserError
from pages.ui.attention.shape import shape_of
from pages.ui.attention.words import token_label
from pages.ui.drawing import drawing
from pages.ui.faults import as_text
from pages.ui.inside import python
from pages.ui.inside.ablation import ablation
from pages.ui.inside.choices import NEURON_ORDERS, PROBED
from pages.ui.inside.computed import Asked, Predicted
from pages.ui.inside.controls import choice, heading, part_choice
from pages.ui.inside.features.feature_card import FeatureCard, show_card
from pages.ui.inside.features.neuron_data import (
    Layer,
    effects_on,
    excitement_of,
    labels_of,
    layer_of,
    listens_to,
    tokens_of,
    without_text,
)
from pages.ui.inside.labels import label_name
from pages.ui.inside.pictures.bars import Bar, across, upright
from pages.ui.inside.pictures.strip import strip
from pages.ui.inside.places import piece_of
from pages.ui.inside.probes.probes import chosen_language, language_of
from pages.ui.inside.selection import LONGEST_TEXT, Selection, asked, choose_piece, choose_text, intact, switch
from pages.ui.inside.words import explained
from pages.ui.state import (
    INSIDE_NEURON_KEY,
    INSIDE_NEURON_ORDER_KEY,
    INSIDE_NEURON_TELLS_KEY,
    INSIDE_SOURCE_KEY,
    INSIDE_TEXTS_IN_KEY,
    store,
)
from pages.ui.text import _, explain

_LISTED = 16


def show(selection: Selection, predicted: Predicted) -> None:
    """The list, the neuron's card, what it listens to and tells apart. Raises UserError where there are no neurons."""
    shape = shape_of(store().find(selection.run))
    if not shape.neurons:
        raise UserError("This model has no feed-forward layers, and so no neurons: it is all attention.")
    part = part_choice(selection, predicted, cross=False)
    here = without_text(intact(selection))
    found = layer_of(here, part, selection.layer)
    order = st.session_state.get(INSIDE_NEURON_ORDER_KEY)
    order = order if order in NEURON_ORDERS else next(iter(NEURON_ORDERS))
    title, values = _values(selection, predicted, here, part, found, order)
    listed = [int(neuron) for neuron in np.argsort(-np.abs(values), kind="stable")[:_LISTED] if values[neuron]]
    usual = listed[0] if listed else 0
    neuron = min(int(st.session_state.setdefault(INSIDE_NEURON_KEY, usual)), found.activations.neurons - 1)
    name = f"{part}.{selection.layer}.feed_forward.{neuron}"
    _choose(selection, shape.layers, found.activations.neurons, neuron)
    bars = [Bar(f"▸ {each}" if each == neuron else str(each), float(values[each]), _("A click looks at this neuron."), each) for each in listed]  # fmt: skip
    drawing(
        "inside_neurons_list", (selection, part, order, title, tuple(listed), [float(values[each]) for each in listed], neuron), partial(upright, bars, title),
        label=_("Neurons of layer {layer}", layer=selection.layer), height=230, least_width=520, code=as_python(selection, name),
        table=as_table(("neuron", order), ((each, float(f"{value:.7g}")) for each, value in enumerate(values))),
        name=f"terrarium-neurons-{selection.run}-{selection.step}-{part}-{selection.layer}", on_picked=pick,
    )  # fmt: skip
    _switches(selection, name)
    saved, code = f"terrarium-neuron-{selection.run}-{selection.step}-{name}", as_python(selection, name)
    show_card(
        "inside_neuron", card_of(here, part, selection.layer, neuron, predicted), code=code, name=saved,
        on_text=partial(read_text, found),
    )  # fmt: skip
    st.caption(
        _("From {count} texts such as the model has read, written anew or held out.", count=len(found.texts)) if found.own
        else _("From the text above alone: nobody knows which texts this model has read.")
    )  # fmt: skip
    hears, tells = st.columns(2, gap="medium")
    with hears:
        _show_listening(here, part, selection.layer, neuron, saved, code)
    with tells:
        _show_labels(selection, here, part, neuron, saved, code)
    heading(_("What is lost without it"))
    ablation.show_control(selection, ablation.asked_of(selection), (name,), explained(selection, predicted))


def card_of(here: Asked, part: str, layer: int, neuron: int, predicted: Predicted) -> FeatureCard:
    """Everything that the card shows. Where the layer writes no tokens it says why."""
    found = layer_of(here, part, layer)
    card = {
        "name": piece_of(f"{part}.{layer}.feed_forward.{neuron}"), "excitement": excitement_of(here, part, layer, neuron),
        "heights": tuple(found.random_heights.tolist()), "random": _("random directions of the layer"),
    }  # fmt: skip
    try:
        tokens = tokens_of(here, part, layer, neuron)
    except UserError as reason:
        return FeatureCard(**card, why_not=explain(reason))  # type: ignore[arg-type]
    names = predicted.names
    return FeatureCard(
        **card,  # type: ignore[arg-type]
        promoted=tuple((names[token], value) for token, value in tokens.promoted),
        suppressed=tuple((names[token], value) for token, value in tokens.suppressed),
        effect=_("logit added directly for each unit of activation"), largest=tokens.largest,
    )  # fmt: skip


def _choose(selection: Selection, layers: int, neurons: int, chosen: int) -> None:
    """Layer, neuron, and by what the list is sorted."""
    places = st.columns([1, 1, 3], vertical_alignment="bottom")
    with places[0]:
        key = "inside_neuron_layer"
        st.session_state[key] = selection.layer
        st.selectbox(_("Layer"), range(layers), key=key, on_change=lambda: choose_piece(st.session_state[key]))
    with places[1]:
        number = "inside_neuron_number"
        st.session_state[number] = chosen
        st.number_input(_("Neuron"), 0, neurons - 1, key=number, on_change=lambda: choose_neuron(st.session_state[number]))  # fmt: skip
    with places[2]:
        choice(_("Listed first"), INSIDE_NEURON_ORDER_KEY, NEURON_ORDERS)


def _values(
    selection: Selection, predicted: Predicted, here: Asked, part: str, found: Layer, order: str
) -> tuple[str, NDArray[np.floating]]:
    """What every neuron of the layer is listed by, (neurons,), and its title; how far it stands out where it has no such
    value, of those that are on at some tokens."""
    try:
        if order == "effect":
            values = effects_on(asked(selection), part, selection.layer, selection.token, selection.target, selection.against)  # fmt: skip
            return explained(selection, predicted), values
        if order == "label":
            labels = labels_of(here, part, selection.layer, _property(), _language(selection))
            return _("best label told apart"), labels.strengths - 0.5
    except UserError as reason:
        st.info(as_text(explain(reason)))
    return _("highest above the mean, in standard deviations"), found.standing_out


def _switches(selection: Selection, name: str) -> None:
    """One click takes the neuron, or its whole layer, away for every view."""
    with st.container(horizontal=True, vertical_alignment="center"):
        for each in (name, name.rpartition(".")[0]):
            named = as_text(piece_of(each))
            said = _("Put back: {name}", name=named) if each in selection.off else _("Take away: {name}", name=named)
            st.button(said, key=f"inside_switch_{each}", on_click=switch, args=(each,))
    st.caption(_("What is taken away is away in all views. The card below shows the model with everything in place."))


def _show_listening(here: Asked, part: str, layer: int, neuron: int, saved: str, code: str) -> None:
    heading(_("Tokens that excite it by themselves"))
    found = listens_to(here, part, layer, neuron)
    if not found:
        st.info(_("No token does so alone: it listens to what attention and earlier layers bring."))
        return
    bars = [Bar(token_label(token), value) for token, value in found]
    drawing(
        "inside_neuron_listens", (saved, found), partial(across, bars, _("activation")), label=_("Tokens that excite it by themselves"),
        height=70 + 24 * len(bars), code=code, table=as_table(("token", "activation"), ((token, float(f"{value:.7g}")) for token, value in found)),
        name=f"{saved}-listens",
    )  # fmt: skip
    st.caption(_("Of the tokens of these texts. Each token's own vector goes straight to the neuron, without its place and without what other layers add; the deeper the layer, the less of the truth that is."))  # fmt: skip


def _show_labels(selection: Selection, here: Asked, part: str, neuron: int, saved: str, code: str) -> None:
    heading(_("What it tells apart"))
    texts_in = chosen_language(selection)
    known = {name: label for name, label in PROBED.items() if texts_in == "en" or name != "number"}
    about = choice(_("Property"), INSIDE_NEURON_TELLS_KEY, known)
    try:
        found = labels_of(here, part, selection.layer, about, texts_in)
    except UserError as reason:
        st.info(as_text(explain(reason)))
        return
    best, strength = found.names[int(found.best[neuron])], float(found.strengths[neuron])
    area = float(found.areas[int(found.best[neuron]), neuron])
    said = label_name(about, best)
    if area >= 0.5:
        text = _("Of two tokens of the grammar's texts, one of them “{label}”, it is higher at that one in {share} % of cases.", label=said, share=100 * area)  # fmt: skip
    else:
        text = _("Of two tokens of the grammar's texts, one of them “{label}”, it is lower at that one in {share} % of cases.", label=said, share=100 * (1 - area))  # fmt: skip
    st.markdown(as_text(text))
    drawing(
        "inside_neuron_labels", (saved, about, texts_in, strength),
        partial(strip, 100 * strength, [100 * float(value) for value in found.random], _("best label told apart, %"), (_("this one"), _("random directions of the layer"))),
        label=_("How well it tells its best label apart, beside random directions"), height=140, code=code,
        table=as_table(("label", "tokens", "area"), ((name, int(count), "" if np.isnan(value) else float(f"{value:.6g}")) for name, count, value in zip(found.names, found.counts, found.areas[:, neuron], strict=True))),
        name=f"{saved}-labels",
    )  # fmt: skip
    below = int((found.random < strength).sum())
    st.caption(_("Better than {below} of {count} random directions of the layer, each at its own best label; 50 % is chance for one label, not for the best of many.", below=below, count=len(found.random)))  # fmt: skip


def _property() -> str:
    about = st.session_state.get(INSIDE_NEURON_TELLS_KEY)
    return about if about in PROBED else next(iter(PROBED))


def _language(selection: Selection) -> str:
    return language_of(store().find(selection.run)) or st.session_state.get(INSIDE_TEXTS_IN_KEY) or "en"


def choose_neuron(neuron: int) -> None:
    """Look at this neuron; for callbacks."""
    st.session_state[INSIDE_NEURON_KEY] = neuron


def pick(picked: object) -> None:
    """A bar was clicked. What comes from the browser is checked."""
    if type(picked) is int and 0 <= picked < 100_000:
        choose_neuron(picked)


def read_text(found: Layer, number: int) -> None:
    """Look at one of the texts, for all views."""
    if not 0 <= number < len(found.texts):
        return
    text, source = found.texts[number]
    choose_text(text)
    if source is not None:
        st.session_state[INSIDE_SOURCE_KEY] = source[:LONGEST_TEXT]


def as_python(selection: Selection, name: str) -> str:
    """The same for a notebook."""
    imports = [
        "from llm_core.interpret.components import Component",
        "from llm_core.interpret.neurons.neurons import listens, neuron_activations, writes",
        "from llm_core.interpret.neurons.written_tokens import way_out",
    ]
    return f"""\
{python.preamble(selection.intact, imports)}\
neuron = Component.parse({name!r})
layer = Component(neuron.part, neuron.layer, "feed_forward")
readings = [reading]  # and other texts that the model might have read
for each in neuron_activations(model, layer, readings).excitement(neuron.index).most:
    print(f"{{each.activation:8.3f}}", "".join(each.tokens))
effects = way_out(model, layer, readings).effects(writes(model, layer)[neuron.index][None])[0]
for token in (-effects).argsort()[:8]:
    print(f"{{effects[token]:+8.3f}} {{token}}")
for token in (-listens(model, neuron)).argsort()[:8]:
    print("listens to", repr(tokenizer.pieces[token]))
"""
