"""What flows into a token: rollout, flow, or one head's own attention, as a graph of tokens and layers."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from llm_core.data.table_writing import as_table
from llm_core.errors import UserError
from pages.ui.attention import token_graph
from pages.ui.attention.looking import Looking
from pages.ui.attention.seen import Patterns, patterns
from pages.ui.attention.token_graph import THRESHOLDS, USUAL_THRESHOLD, WAYS, Lines, Picture
from pages.ui.drawing import drawing
from pages.ui.faults import as_text
from pages.ui.glossary import meanings
from pages.ui.state import (
    ATTENTION_FLOW_FOUND_KEY,
    ATTENTION_FLOW_INTO_FOR_KEY,
    ATTENTION_FLOW_INTO_KEY,
    ATTENTION_FLOW_KIND_KEY,
    ATTENTION_FLOW_THRESHOLD_KEY,
)
from pages.ui.subject import Subject
from pages.ui.text import _

if TYPE_CHECKING:
    from llm_core.interpret.attention.attention import Floats
    from llm_core.interpret.reading import Side

_LONGEST_FLOW, _MOST_NODES = 256, 512
"""Tokens, and tokens times layers, for which the maximum flow is found while a person waits: a few seconds at most."""


@dataclass(frozen=True)
class Into:
    """What the lines lead to: a token in a column, or everything."""

    column: int
    token: int


def show(looking: Looking, subject: Subject) -> None:
    """The controls, the graph, and what is not in it. Raises UserError for a text that is too long for maximum flow."""
    found = patterns(looking)
    pattern = next(pattern for part, pattern in found.parts.items() if part == looking.part)
    into_side, from_side = _sides(found, looking.part)
    kind, threshold = _controls(looking)
    layers = 1 if kind == "head" else len(pattern)
    into = _into(looking, kind, layers, len(into_side.tokens))
    lines, shares = _lines(kind, pattern, looking, into, threshold)
    left, right = token_graph.drawn(len(from_side.tokens)), token_graph.drawn(len(into_side.tokens))
    picture = Picture(
        token_graph.visible(lines, left, right), from_side.tokens, into_side.tokens, left, right,
        _columns(kind, looking, layers), None if into is None else (into.column, into.token), shares,
    )  # fmt: skip
    st.caption(_said(picture, kind, threshold))
    drawing(
        "attention_flow",
        (looking, kind, threshold, into),
        lambda colors: token_graph.figure(picture, colors),
        label=_("A graph of tokens, one column a layer; the stronger a line, the more flows along it"),
        height=picture.height,
        least_width=max(560, 90 * layers),
        name=f"terrarium-{kind}-{looking.run}-{looking.step}",
        table=_table(picture),
        code=_python(looking, kind, into),
        on_picked=lambda picked: _pick(picked, into),
    )


def _sides(found: Patterns, part: str) -> "tuple[Side, Side]":
    """The text that looks, and the one that is looked at."""
    reading = found.reading
    source = reading.source or reading.text
    return (reading.text if part != "encoder" else source), (reading.text if part == "decoder" else source)


def _controls(looking: Looking) -> tuple[str, float]:
    """Which way, and from which weight on a line is drawn."""
    state = st.session_state
    kinds = [kind for kind in WAYS if kind == "head" or looking.part != "cross"]
    if state.get(ATTENTION_FLOW_KIND_KEY) not in kinds:
        state[ATTENTION_FLOW_KIND_KEY] = kinds[0]
    if state.get(ATTENTION_FLOW_THRESHOLD_KEY) not in THRESHOLDS:
        state[ATTENTION_FLOW_THRESHOLD_KEY] = USUAL_THRESHOLD
    with st.container(horizontal=True, vertical_alignment="bottom"):
        kind = st.segmented_control(
            _("How much flows"), kinds, key=ATTENTION_FLOW_KIND_KEY, required=True, persist_state="session",
            format_func=lambda kind: _(WAYS[kind]), help=meanings("rollout", "flow", "residual"),
        )  # fmt: skip
        threshold = st.select_slider(
            _("Draw lines from"), THRESHOLDS, key=ATTENTION_FLOW_THRESHOLD_KEY, persist_state="session", width=260,
            format_func=lambda share: f"{100 * share:g} %",
        )  # fmt: skip
    return str(kind), float(threshold)


def _into(looking: Looking, kind: str, layers: int, length: int) -> Into | None:
    """The node that the lines lead to: the one that was clicked; else the last token, where the model predicts, or for
    a single head every token."""
    state, of = st.session_state, _text_of(looking)
    if state.get(ATTENTION_FLOW_INTO_FOR_KEY, of) != of:  # a link names no text that it is for: it is for its own
        state.pop(ATTENTION_FLOW_INTO_KEY, None)
    state[ATTENTION_FLOW_INTO_FOR_KEY] = of
    picked = state.get(ATTENTION_FLOW_INTO_KEY)
    if picked is None:
        return None if kind == "head" else Into(layers, length - 1)
    if picked == "all":
        return None
    column, token = map(int, picked.split("."))
    return Into(min(max(column, 1), layers), min(token, length - 1))


def _pick(picked: object, before: Into | None) -> None:
    """A token was clicked; clicked again, it is let go. What comes from the browser is checked."""
    if not (isinstance(picked, list) and len(picked) == 2 and all(type(each) is int and each >= 0 for each in picked)):
        return
    into = Into(*picked)
    if into.column:  # nothing flows into the input
        st.session_state[ATTENTION_FLOW_INTO_KEY] = "all" if into == before else f"{into.column}.{into.token}"


def _text_of(looking: Looking) -> tuple[str, ...]:
    """What a token that was clicked belongs to."""
    return looking.run, looking.part, looking.text, looking.source


def _lines(
    kind: str, pattern: "Floats", looking: Looking, into: Into | None, least: float
) -> tuple[Lines, token_graph.Floats | None]:
    """The lines that weigh at least so much; and how much of the chosen token is from each that it looks at."""
    if kind == "head":
        head = pattern[looking.layer, looking.head]
        lines = token_graph.between(head, 0, 1, least)
        return (lines, None) if into is None else (lines.among(lines.into_token == into.token), head[into.token])
    from llm_core.interpret.attention.rollout import mix

    steps = mix(pattern)
    if into is None:
        return token_graph.graph(steps, least), None
    if kind == "rollout":
        return token_graph.paths(steps, into.column, into.token, least)
    return _flow_into(pattern, looking, into, least)


def _flow_into(pattern: "Floats", looking: Looking, into: Into, least: float) -> tuple[Lines, token_graph.Floats]:
    """Lines straight from the input to a token, each the maximum flow between the two."""
    length = pattern.shape[-1]
    reach = length if pattern[0, 0, 0, 1:].any() else into.token + 1
    most = min(_LONGEST_FLOW, _MOST_NODES // into.column)
    if reach > most:
        raise UserError(
            "Finding the maximum flow through {layers} layers takes too long for {have} tokens; at most {limit} can be searched. Rollout has no such limit.",
            layers=into.column, have=reach, limit=most,
        )  # fmt: skip
    shares = _found_flow(pattern, replace(looking, view="", layer=0, head=0), into)
    (from_,) = np.nonzero(shares >= least)
    count = len(from_)
    lines = Lines(np.zeros(count, dtype=int), from_, np.full(count, into.column), np.full(count, into.token), shares[from_])  # fmt: skip
    return lines, shares


def _found_flow(pattern: "Floats", looking: Looking, into: Into) -> NDArray[np.float64]:
    """(T,): searched once, and kept for the next run of the script."""
    from llm_core.interpret.attention.flow import flow_into

    asked, shares = st.session_state.get(ATTENTION_FLOW_FOUND_KEY, (None, None))
    if asked != (looking, into):
        with st.spinner(_("Searching for the maximum flow…")):
            shares = flow_into(pattern[: into.column], into.token).astype(float)
        st.session_state[ATTENTION_FLOW_FOUND_KEY] = (looking, into), shares
        st.session_state[ATTENTION_FLOW_FOUND_KEY] = (looking, into), shares
    found: NDArray[np.float64] = shares
    return found


def _columns(kind: str, looking: Looking, layers: int) -> list[str]:
    """What stands under each column."""
    if kind == "head":
        looked_at = _("source") if looking.part == "cross" else _("looked at")
        return [looked_at, _("layer {layer}, head {head}", layer=looking.layer, head=looking.head)]
    short = layers > 4
    return [_("input"), *(f"{layer}" if short else _("layer {layer}", layer=layer) for layer in range(layers))]


def _said(picture: Picture, kind: str, threshold: float) -> str:
    """What the lines mean, and what is left out."""
    least = f"{100 * threshold:g} %"
    token = token_graph.readable(picture.right[picture.chosen[1]]) if picture.chosen else ""
    if picture.chosen is None:
        said = _("Every line of at least {least} is drawn. Click a token to see what flows into it.", least=least)
    elif kind == "rollout":
        said = _(
            "By which ways the input comes into “{token}”; all lines between two columns together are 100 %. Lines under {least} are left out. Click another token, or the same one to let it go.",
            token=token,
            least=least,
        )
    elif kind == "flow":
        said = _(
            "The most that can flow from each token of the input into “{token}”, each taken alone. Lines under {least} are left out. Click another token, or the same one to let it go.",
            token=token,
            least=least,
        )
    else:
        said = _(
            "What “{token}” looks at. Lines under {least} are left out. Click another token, or the same one to let it go.",
            token=token,
            least=least,
        )
    if not len(picture.lines):
        said += " " + _("No line is as strong as that.")
    for shown, tokens in ((picture.right_places, picture.right), (picture.left_places, picture.left)):
        if len(shown) < len(tokens):
            said += " " + _(
                "Of {count} tokens the first and the last {last} are drawn.", count=len(tokens), last=len(shown) - 1
            )
            break
    return as_text(said)  # fmt: skip


def _table(picture: Picture) -> str:
    """The lines that are drawn, the strongest first; columns count from 0, the input."""
    lines = picture.lines
    rows = [
        (
            int(lines.from_column[n]), int(lines.from_token[n]), token_graph.token_of(picture, lines.from_column[n], lines.from_token[n]),
            int(lines.into_column[n]), int(lines.into_token[n]), token_graph.token_of(picture, lines.into_column[n], lines.into_token[n]),
            round(float(lines.weight[n]), 6),
        )
        for n in np.argsort(-lines.weight, kind="stable")
    ]  # fmt: skip
    return as_table(("from_column", "from_position", "from_token", "into_column", "into_position", "into_token", "weight"), rows)  # fmt: skip


def _python(looking: Looking, kind: str, into: Into | None) -> str:
    """The same for a notebook."""
    source = f", {looking.source!r}" if looking.source else ""
    head = f"print(pattern[{looking.layer}, {looking.head}].round(3))"
    position = "" if into is None else f"[{into.column - 1}, {into.token}]"
    made = {
        "head": head,
        "rollout": f"print(rollout(pattern){position}.round(3))  # [layer, position, input token]",
        "flow": "print(mix(pattern).round(3))  # the pipes: [layer, position, position of the layer below]"
        if into is None
        else f"print(flow_into(pattern[:{into.column}], {into.token}).round(3))",
    }[kind]  # fmt: skip
    names = {
        "rollout": "rollout import rollout",
        "flow": "rollout import mix" if into is None else "flow import flow_into",
    }
    imported = "" if kind == "head" else f"from llm_core.interpret.{names[kind]}\n"
    return f"""\
from llm_core.interpret.attention.attention import HeadName, see
{imported}from llm_core.interpret.reading import read
from llm_core.runs.store import Store

store = Store()
model, tokenizer = store.model(store.find({looking.run!r}), step={looking.step})
seen = see(
    model, read(model, tokenizer, {looking.text!r}{source}),
    heads_off=[HeadName.parse(name) for name in {looking.heads_off!r}],
    tokens_off={looking.tokens_off!r}, source_tokens_off={looking.source_tokens_off!r},
)
pattern = seen.parts[{looking.part!r}].pattern  # (layers, heads, tokens that look, tokens that are looked at)
{made}
"""
