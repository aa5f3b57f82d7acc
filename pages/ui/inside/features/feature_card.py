"""What one unit of a model is, a neuron or a feature, as a card: the texts that excite it, its histogram, its tokens.

Beside all of it stands what a direction drawn at random does, so that nobody reads tea leaves.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go
import streamlit as st

from llm_core.data.table_writing import as_table
from pages.ui.attention.words import token_label
from pages.ui.charts import Colors, layout
from pages.ui.drawing import drawing
from pages.ui.faults import as_text
from pages.ui.inside.controls import heading
from pages.ui.inside.pictures.bars import Bar, across
from pages.ui.inside.pictures.grid import safe
from pages.ui.inside.pictures.strip import strip
from pages.ui.live import BROWSER, copy_labels, script
from pages.ui.text import _

if TYPE_CHECKING:
    from llm_core.interpret.neurons.excitements import Excerpt, Excitement

_SHARE_BELOW = 0.95


@dataclass(frozen=True)
class FeatureCard:
    """All that is drawn of a unit. `name`: what it is called on screen, `random`: what others are laid beside it.

    `promoted`, `suppressed`: tokens as text, each with what one unit of activation adds to it, the strongest first;
    `effect` says what that is, and `why_not`, where there are none, why. `heights` and `largest` are the control: of each
    direction drawn at random how far its highest activation stands above its mean (`Excitement.height`), and how much it
    adds to the token that it promotes most.
    """

    name: str
    excitement: "Excitement"
    promoted: tuple[tuple[str, float], ...] = ()
    suppressed: tuple[tuple[str, float], ...] = ()
    effect: str = ""
    why_not: str = ""
    heights: tuple[float, ...] = ()
    largest: tuple[float, ...] = ()
    random: str = ""


@cache
def _component() -> Any:
    style = (BROWSER / "excited.css").read_text(encoding="utf-8")
    return st.components.v2.component(
        "terrarium_excited", css=style, js=script("format", "chips", "curve", "takeaway", "excited"), isolate_styles=False
    )  # fmt: skip


def show_card(
    key: str, card: FeatureCard, *, code: str, name: str, on_text: Callable[[int], None] | None = None
) -> None:
    """Draw a card. `key`: of its parts in the session, `code`: the same as Python, `name`: of saved files.

    `on_text` is called, before the script runs, with the number of a text that was clicked.
    """
    texts, numbers = st.columns([3, 2], gap="medium")
    with texts:
        heading(_("What excites {name} most", name=card.name))
        if card.excitement.most:
            excited(f"{key}_most", card.excitement.most, code=code, name=f"{name}-texts", on_text=on_text)
        else:
            st.info(_("In none of these texts is it ever above zero: it is silent."))
        if card.excitement.least:
            heading(_("Furthest below zero"))
            excited(f"{key}_least", card.excitement.least[:3], code=code, name=f"{name}-least", on_text=on_text)
    with numbers:
        _show_histogram(key, card, code, name)
    _show_tokens(key, card, code, name)


def excited(
    key: str, excerpts: "Sequence[Excerpt]", *, code: str, name: str, on_text: Callable[[int], None] | None = None
) -> None:
    """The texts as rows of coloured tokens. Every character goes to the browser as data and is shown as plain text."""

    def obey() -> None:
        picked = st.session_state[key].get("picked")
        if on_text is not None and type(picked) is int and picked in {each.text for each in excerpts}:
            on_text(picked)

    most = max((abs(float(value)) for each in excerpts for value in each.activations), default=0.0)
    _component()(
        key=key,
        data={
            "rows": [
                {"text": each.text, "tokens": list(each.tokens), "values": [_exact(value) for value in each.activations],
                 "peak": each.position - each.start}
                for each in excerpts
            ],
            "most": most, "opens": on_text is not None, "code": code, "name": name, "table": texts_csv(excerpts),
            "label": _("Texts that excite it, the strongest first; the marked token most. The more colour, the more activation."),
            "labels": {
                "take_away": _("Take it away"), "open": _("Have the model read this text"),
                "activation": _("“{token}”: activation {activation}", token="{token}", activation="{activation}"), **copy_labels(),
            },
        },
        on_picked_change=obey,
    )  # fmt: skip


def _show_histogram(key: str, card: FeatureCard, code: str, name: str) -> None:
    found = card.excitement
    heading(_("How often, how strongly"))
    drawing(
        f"{key}_histogram", (name, found.edges.tolist(), found.counts.tolist()), partial(histogram, found), label=_("Histogram of its activations"), height=210,
        code=code, table=histogram_csv(found), name=f"{name}-histogram",
    )  # fmt: skip
    st.caption(_("Above zero at {share} % of {positions} tokens; its highest activation is {highest}.", share=100 * found.on, positions=found.positions, highest=found.highest))  # fmt: skip
    if not card.heights:
        return
    drawing(
        f"{key}_heights", (name, found.height, card.heights),
        partial(strip, found.height, card.heights, _("highest above the mean, in standard deviations"), (_("this one"), card.random)),
        label=_("How far the highest activation stands out, beside {others}", others=card.random), height=140, code=code,
        table=_control_csv("height", found.height, card.heights), name=f"{name}-height",
    )  # fmt: skip
    below = sum(height < found.height for height in card.heights)
    st.caption(as_text(_("Its peak stands out more than those of {below} of {count} {others}: something is always highest, and only what stands out further is worth reading.", below=below, count=len(card.heights), others=card.random)))  # fmt: skip


def _show_tokens(key: str, card: FeatureCard, code: str, name: str) -> None:
    heading(_("What it promotes and suppresses"))
    if not card.promoted:
        st.info(as_text(card.why_not))
        return
    bars = [
        Bar(token_label(token), value) for token, value in (*card.promoted, *reversed(card.suppressed))
    ]  # fmt: skip
    chance = _chance(card.largest)
    drawing(
        f"{key}_tokens", (name, card.promoted, card.suppressed, chance), partial(_with_chance, bars, card.effect, chance),
        label=_("The tokens that it promotes and suppresses most"), height=70 + 24 * len(bars), code=code,
        table=as_table(("token", "effect"), ((token, _exact(value)) for token, value in (*card.promoted, *reversed(card.suppressed)))),
        name=f"{name}-tokens",
    )  # fmt: skip
    if chance:
        st.caption(as_text(_("Dotted: what 95 of 100 {others} stay below, which promote some token, too. Bars that do not reach it say nothing.", others=card.random)))  # fmt: skip


def _chance(largest: Sequence[float]) -> float:
    """What 95 % of directions drawn at random stay below with their strongest token; 0 where none were drawn."""
    ordered = sorted(largest)
    return ordered[min(len(ordered) - 1, int(_SHARE_BELOW * len(ordered)))] if ordered else 0.0


def _with_chance(bars: Sequence[Bar], title: str, chance: float, colors: Colors) -> go.Figure:
    made = across(bars, title, colors)
    if chance:
        values = [bar.value for bar in bars]
        room = 1.25 * max(chance, *map(abs, values))
        low = -room if min(values) < 0 else 0.0
        made.update_xaxes(range=[low, room])
        for place in (chance, -chance):
            if place >= low:
                made.add_shape(
                    type="line", x0=place, x1=place, yref="paper", y0=0, y1=1,
                    line={"color": colors.quiet, "width": 1.5, "dash": "dot"},
                )  # fmt: skip
    return made


def histogram(found: "Excitement", colors: Colors) -> go.Figure:
    """Positions by activation, on a log axis: most are near zero, and the few that are not are what matters."""
    made = go.Figure(layout=layout(colors))
    low, high = found.edges[:-1], found.edges[1:]
    some = [place for place, count in enumerate(found.counts) if count]
    made.add_bar(
        x=[float(low[place] + high[place]) / 2 for place in some], y=[int(found.counts[place]) for place in some],
        width=[float(high[place] - low[place]) for place in some], marker={"color": colors.held_out, "line": {"width": 0}},
        hovertext=[
            safe(_("{count} tokens from {low} to {high}", count=int(found.counts[place]), low=float(low[place]), high=float(high[place])))
            for place in some
        ],
        hovertemplate="%{hovertext}<extra></extra>",
    )  # fmt: skip
    made.update_layout(
        margin={"l": 58, "r": 16, "t": 8, "b": 46}, bargap=0,
        xaxis={"title": {"text": safe(_("activation")), "standoff": 6}},
        yaxis={"type": "log", "dtick": 1, "title": {"text": safe(_("number of tokens")), "standoff": 8}},
    )  # fmt: skip
    return made


def texts_csv(excerpts: "Sequence[Excerpt]") -> str:
    """A row for each token of each text."""
    rows = (
        (each.text, each.start + place, token, _exact(value), each.start + place == each.position)
        for each in excerpts
        for place, (token, value) in enumerate(zip(each.tokens, each.activations, strict=True))
    )
    return as_table(("text", "position", "token", "activation", "peak"), rows)


def histogram_csv(found: "Excitement") -> str:
    """A row for each bin."""
    rows = zip(found.edges[:-1], found.edges[1:], found.counts, strict=True)
    return as_table(("from", "to", "tokens"), ((_exact(low), _exact(high), int(count)) for low, high, count in rows))


def _control_csv(what: str, chosen: float, others: Sequence[float]) -> str:
    rows = [(_exact(chosen), True), *((_exact(value), False) for value in others)]
    return as_table((what, "chosen"), rows)


def _exact(value: float) -> float:
    return float(f"{float(value):.7g}")
