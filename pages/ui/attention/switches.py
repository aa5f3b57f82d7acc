"""Switch tokens and heads off, and see what becomes of the patterns above and of the predictions."""

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st
from numpy.typing import NDArray

from llm_core.config import TaskConfig
from llm_core.data.table_writing import as_table
from pages.ui.attention import change
from pages.ui.attention.looking import PARTS, Looking, set_off
from pages.ui.attention.seen import seen
from pages.ui.attention.shape import Shape, shape_of
from pages.ui.attention.token_graph import readable, safe
from pages.ui.charts import Colors, layout
from pages.ui.drawing import drawing
from pages.ui.faults import as_text
from pages.ui.glossary import meanings
from pages.ui.live import BROWSER, script
from pages.ui.state import ATTENTION_PREDICTED_FOR_KEY, ATTENTION_PREDICTED_KEY, store
from pages.ui.subject import Subject
from pages.ui.text import _, number

if TYPE_CHECKING:
    from llm_core.interpret.attention.attention import Seen

SWITCHES, PREDICTIONS = "attention_switches", "attention_predictions"
_SHOWN = 5
"""Likeliest tokens, before and after."""


@cache
def _component() -> Any:
    style = (BROWSER / "switches.css").read_text(encoding="utf-8")
    return st.components.v2.component("terrarium_switches", css=style, js=script("format", "chips", "switches"))


def show(looking: Looking, subject: Subject) -> None:
    """The switches, and under them the predictions before and after."""
    st.subheader(
        _("Switch it off"),
        help=_("A head that is off gives nothing to the model. A token that is off is looked at by no other token. All pictures on this page follow."),
    )  # fmt: skip
    shape = shape_of(subject.run)
    before = seen(looking, off=False)
    _switches(looking, shape, before)
    config = subject.run.model_config
    if isinstance(config, TaskConfig) and config.task == "answer":
        st.caption(_("This model predicts one place in a whole text, not something at each token: see that on the page Read."))  # fmt: skip
        return
    off = bool(looking.heads_off or looking.tokens_off or looking.source_tokens_off)
    after = seen(looking) if off else before
    nats = change.divergence(before.logits, after.logits)
    place = _place(looking, before, shape)
    if off:
        st.markdown(as_text(_what_changed(before, after, nats, shape, subject)))
        picture, table = st.columns(2, gap="large")
        with picture:
            _divergence(looking, before, after, nats, place, subject)
    else:
        st.caption(_("Nothing is switched off. Click a token or a head, and see what the model predicts without it."))
        table = st.container()
    with table:
        _predictions(before, after, off, place, shape, subject)


def _switches(looking: Looking, shape: Shape, before: "Seen") -> None:
    reading = before.reading
    sides = [{"side": "tokens", "title": _("Text"), "tokens": reading.text.tokens}]
    if reading.source is not None:
        sides.insert(0, {"side": "source_tokens", "title": _("Source"), "tokens": reading.source.tokens})
    several = len(shape.parts) > 1
    first = [looking.part, *(part for part in shape.parts if part != looking.part)]
    heads = _("layer {layer}, head {head}", layer="{layer}", head="{head}")
    current = heads.format(layer=looking.layer, head=looking.head)
    data = {
        "sides": sides,
        "parts": [{"part": part, "title": _(PARTS[part]) if several else "", "layers": shape.layers, "count": shape.heads} for part in first],
        "current": {
            "name": f"{looking.part}.{looking.layer}.{looking.head}",
            "title": _("This head: {head}", head=f"{_(PARTS[looking.part])}, {current}" if several else current),
        },
        "off": {"heads": looking.heads_off, "tokens": looking.tokens_off, "source_tokens": looking.source_tokens_off},
        "labels": {
            "heads": _("All heads"), "layer": _("layer {layer}", layer="{layer}"), "head": heads, "again": _("All on again"),
            "turn_off": _("Switch off: {name}", name="{name}"), "turn_on": _("Switch on again: {name}", name="{name}"),
        },
    }  # fmt: skip
    _component()(key=SWITCHES, data=data, on_off_change=lambda: _obey(before, shape))


def _obey(before: "Seen", shape: Shape) -> None:
    """Something was switched. What comes from the browser is checked like anything else from outside."""
    off = st.session_state[SWITCHES].get("off")
    if not isinstance(off, dict):
        return
    reading = before.reading
    counts = {"tokens": len(reading.text.ids), "source_tokens": len(reading.source.ids) if reading.source else 0}
    places = {
        side: sorted({place for place in _listed(off, side) if type(place) is int and 0 <= place < count})
        for side, count in counts.items()
    }
    if reading.source and len(places["source_tokens"]) == counts["source_tokens"]:
        st.toast(_("Leave one token of the source on, or there is nothing to look at."))
        return
    known = {f"{part}.{layer}.{head}" for part in shape.parts for layer in range(shape.layers) for head in range(shape.heads)}  # fmt: skip
    heads = [name for name in _listed(off, "heads") if isinstance(name, str) and name in known]
    set_off(heads=heads, tokens=places["tokens"], source_tokens=places["source_tokens"])


def _listed(off: dict[str, Any], side: str) -> list[Any]:
    values = off.get(side)
    return values if isinstance(values, list) else []


def _place(looking: Looking, before: "Seen", shape: Shape) -> int:
    """Where the prediction is looked at: the last token of a text that is new here, or the one that was chosen."""
    state, count = st.session_state, len(before.logits)
    of = looking.run, looking.text, looking.source, count - 1
    new = state.get(ATTENTION_PREDICTED_FOR_KEY, of) != of
    if new or not 0 <= state.get(ATTENTION_PREDICTED_KEY, -1) < count:
        state[ATTENTION_PREDICTED_KEY] = count - 1
    state[ATTENTION_PREDICTED_FOR_KEY] = of
    return int(state[ATTENTION_PREDICTED_KEY])


def _what_changed(before: "Seen", after: "Seen", nats: NDArray[np.float64], shape: Shape, subject: Subject) -> str:
    """The largest change, in a sentence."""
    found = change.largest(before.logits, after.logits, nats)
    if found is None:
        return _("No prediction changes: what is off is not needed in this text.")
    if _next(shape):
        template = _(
            "The prediction after “{token}” (position {place}) changes most, by {nats} nats: “{moved}” goes from {old} to {new}."
        )
    else:
        template = _(
            "The prediction at “{token}” (position {place}) changes most, by {nats} nats: “{moved}” goes from {old} to {new}."
        )
    return template.format(
        token=readable(_predicting(before)[found.place]), place=found.place, nats=number(found.nats),
        moved=readable(_pieces(subject)[found.moved.token]), old=_percent(found.moved.before), new=_percent(found.moved.after),
    )  # fmt: skip


def _divergence(
    looking: Looking, before: "Seen", after: "Seen", nats: NDArray[np.float64], place: int, subject: Subject
) -> None:
    """How far the prediction moves at every token: a bar each."""
    tokens, pieces = _predicting(before), _pieces(subject)
    rows = []
    for position, token in enumerate(tokens):
        best = [
            change.predictions(logits[position], logits[position], 1)[0] for logits in (before.logits, after.logits)
        ]
        rows.append((position, token, round(float(nats[position]), 6), pieces[best[0].token], round(best[0].before, 6), pieces[best[1].token], round(best[1].before, 6)))  # fmt: skip

    def choose(picked: object) -> None:
        if type(picked) is int and 0 <= picked < len(tokens):
            st.session_state[ATTENTION_PREDICTED_KEY] = picked

    drawing(
        "attention_divergence",
        (looking, place),
        lambda colors: divergence_figure(tokens, nats, place, looking.tokens_off, colors),
        label=_("How far the prediction at each token moves, in nats"),
        height=250,
        least_width=14 * len(tokens) + 60,
        name=f"terrarium-divergence-{looking.run}-{looking.step}",
        table=as_table(("position", "token", "divergence_nats", "likeliest_before", "probability_before", "likeliest_after", "probability_after"), rows),
        code=_python(looking),
        on_picked=choose,
    )  # fmt: skip


def divergence_figure(
    tokens: Sequence[str], nats: NDArray[np.float64], place: int, off: Sequence[int], colors: Colors
) -> go.Figure:
    """A bar for every token, the chosen place marked. A bar's `customdata` is its place."""
    figure = go.Figure(layout=layout(colors))
    places = list(range(len(tokens)))
    shown = [safe(readable(token)) for token in tokens]
    figure.add_bar(
        x=places, y=nats.tolist(), customdata=places, hoverinfo="text", width=0.8,
        marker={
            "color": [colors.held_out if each == place else colors.training for each in places], "line": {"width": 0},
            "pattern": {"shape": ["/" if each in off else "" for each in places]},
        },
        hovertext=[_("At “{token}” (position {place}) the prediction moves by {nats} nats.", token=token, place=each, nats=float(nats[each])) for each, token in enumerate(shown)],
    )  # fmt: skip
    every = max(1, len(tokens) // 48 + (len(tokens) % 48 > 0))
    figure.update_layout(
        margin={"l": 46, "r": 8, "t": 8, "b": 84}, dragmode=False, bargap=0.2,
        xaxis={"tickvals": places[::every], "ticktext": shown[::every], "tickangle": -60, "range": [-0.7, len(tokens) - 0.3], "fixedrange": True},
        yaxis={"title": {"text": _("KL divergence (nats)")}, "rangemode": "tozero", "nticks": 4, "fixedrange": True},
    )  # fmt: skip
    return figure


def _predictions(before: "Seen", after: "Seen", off: bool, place: int, shape: Shape, subject: Subject) -> None:
    """Which token is looked at, and what the model predicts there."""
    tokens = _predicting(before)
    st.selectbox(
        _("Prediction after") if _next(shape) else _("Prediction at"), range(len(tokens)), key=ATTENTION_PREDICTED_KEY,
        format_func=lambda each: f"{each} · {readable(tokens[each])}", persist_state="session",
        help=meanings("probability", "divergence"),
    )  # fmt: skip
    found = change.predictions(before.logits[place], after.logits[place], _SHOWN)
    pieces = _pieces(subject)
    rows = [{"token": pieces[each.token], "shares": [each.before, each.after] if off else [each.before]} for each in found]  # fmt: skip
    heads = [_("token"), _("before"), _("after")] if off else [_("token"), _("probability")]
    _component()(key=PREDICTIONS, data={"rows": rows, "heads": heads})


def _next(shape: Shape) -> bool:
    """Whether a model predicts the token that comes after each, or each itself."""
    return "decoder" in shape.parts


def _predicting(before: "Seen") -> tuple[str, ...]:
    """The tokens at which the model predicts something."""
    return before.reading.text.tokens


def _pieces(subject: Subject) -> list[str]:
    """Every token of the model's vocabulary as text to show, or every class or tag that it chooses from."""
    if subject.run.labels:
        return list(subject.run.labels)
    return store().model(subject.run, subject.step)[1].pieces


def _percent(share: float) -> str:
    return f"{number(100 * share)} %"


def _python(looking: Looking) -> str:
    """The same for a notebook."""
    source = f", {looking.source!r}" if looking.source else ""
    return f"""\
import torch

from llm_core.interpret.attention.attention import HeadName, see
from llm_core.interpret.reading import read
from llm_core.runs.store import Store

store = Store()
model, tokenizer = store.model(store.find({looking.run!r}), step={looking.step})
reading = read(model, tokenizer, {looking.text!r}{source})
before = torch.tensor(see(model, reading).logits).log_softmax(-1)
after = torch.tensor(see(
    model, reading,
    heads_off=[HeadName.parse(name) for name in {looking.heads_off!r}],
    tokens_off={looking.tokens_off!r}, source_tokens_off={looking.source_tokens_off!r},
).logits).log_softmax(-1)
print((before.exp() * (before - after)).sum(-1))  # nats at each of {{len(reading.text.ids)}} tokens
"""
