"""Graphs of a model: what contributed to one position in this text, and which heads can hear which by their weights."""

from functools import partial

import streamlit as st

from llm_core.errors import UserError
from pages.ui.drawing import drawing
from pages.ui.faults import as_text, refuse
from pages.ui.inside import python
from pages.ui.inside.choices import GRAPHS
from pages.ui.inside.circuits import composing, contribution_graph
from pages.ui.inside.computed import Predicted, ask
from pages.ui.inside.controls import choice
from pages.ui.inside.pictures.head_grid import FEED_FORWARD, picked_head
from pages.ui.inside.selection import Selection, choose_piece, choose_view, intact
from pages.ui.state import INSIDE_GRAPH_KEY, INSIDE_THRESHOLD_FOR_KEY, INSIDE_THRESHOLD_KEY
from pages.ui.text import _, number


def show(selection: Selection, predicted: Predicted) -> None:
    """The choice of a graph, its threshold, and the picture with its control. Raises UserError."""
    kind = choice(_("Made of"), INSIDE_GRAPH_KEY, GRAPHS)
    if kind == "contributions":
        _show_contributions(selection, predicted)
    else:
        _show_composition(selection, kind)


def _show_contributions(selection: Selection, predicted: Predicted) -> None:
    position = len(predicted.tokens) - 1 if selection.token is None else selection.token
    asked = intact(selection)
    whole = contribution_graph.whole_graph(asked, position)
    threshold = _threshold("contributions", whole.usual, 0.01, 0.5, _("An edge is drawn where it brings this share or more."))  # fmt: skip
    graph = whole.at(threshold)
    edges = contribution_graph.brought(graph)
    st.caption(as_text(_("{edges} edges lead to position {place}. Round: a head carries something from one token to another; square: a feed-forward layer adds it; thin: it was there before. A click on a mark opens the head or the layer.", edges=len(edges), place=position)))  # fmt: skip
    drawing(
        "inside_graph_drawn", (asked, position, threshold), partial(contribution_graph.figure, graph), label=_("What contributed to the chosen position"),
        height=contribution_graph.height(graph), least_width=contribution_graph.least_width(graph),
        code=_contributions_python(selection, position, threshold), table=contribution_graph.as_csv(graph),
        name=f"terrarium-graph-{selection.run}-{selection.step}", on_picked=pick,
    )  # fmt: skip
    try:
        st.markdown(as_text(contribution_graph.verdict(contribution_graph.checked(asked, position, threshold))))
    except UserError as error:
        refuse(error)


def _show_composition(selection: Selection, kind: str) -> None:
    found = composing.compositions(ask(selection.run, selection.step, ""))
    most = max(0.02, composing.highest(found, kind))
    threshold = _threshold(kind, composing.usual(found, kind), 0.01, most, _("A pair is drawn where it scores this or more."))  # fmt: skip
    shown = composing.pairs(found, kind, threshold)
    base, baseline = composing.pairs(found, kind, found.baseline.high), found.baseline
    st.caption(as_text(_("{pairs} pairs of heads, each later one above. Heads with random weights score {mean} on average, one of a hundred more than {high}; here {above} of {all} pairs do. A high score says that one can hear the other, not that in any text it does.", pairs=len(shown), mean=number(baseline.mean), high=number(baseline.high), above=len(base), all=len(composing.pairs(found, kind, 0.0)))))  # fmt: skip
    marked = f"{selection.part}.{selection.layer}.{selection.head}"
    drawing(
        "inside_composition", (selection.run, selection.step, intact(selection).moment, kind, threshold, marked), partial(composing.figure, found, shown, marked),
        label=_("Which heads can hear which"), height=composing.height(found), least_width=420,
        code=_composition_python(selection, kind, threshold), table=composing.as_csv(found, kind),
        name=f"terrarium-composition-{kind}-{selection.run}-{selection.step}", on_picked=pick,
    )  # fmt: skip


def _threshold(kind: str, usual: float, least: float, most: float, help_text: str) -> float:
    """The threshold that was chosen for this graph, else the usual one of it; in the session and the link as thousandths."""
    state = st.session_state
    if state.setdefault(INSIDE_THRESHOLD_FOR_KEY, kind) != kind:
        state.pop(INSIDE_THRESHOLD_KEY, None)
        state[INSIDE_THRESHOLD_FOR_KEY] = kind
    low, high = round(1000 * least), max(5 * round(200 * most), round(1000 * least) + 5)
    now = state.get(INSIDE_THRESHOLD_KEY)
    value = min(max(round(1000 * usual) if now is None else now, low), high)
    key = f"inside_threshold_{kind}_{low}_{high}_{value}"  # another one where another text has another usual one

    def follow() -> None:
        state[INSIDE_THRESHOLD_KEY] = round(1000 * state[key])

    return float(st.slider(_("Threshold"), low / 1000, high / 1000, value / 1000, 0.005, format="%.3f", key=key, on_change=follow, help=help_text, width=420))  # fmt: skip


def pick(picked: object) -> None:
    """A head or a feed-forward layer was clicked: it is looked at, in the view of such. What comes from the browser is
    checked."""
    found = picked_head(picked)
    if found is None:
        return
    part, layer, head = found
    if head != FEED_FORWARD:
        choose_piece(layer, head, part)
        choose_view("circuit")
    else:
        choose_piece(layer, None, part)
        choose_view("neurons")


def _contributions_python(selection: Selection, position: int, threshold: float) -> str:
    return f"""\
{python.preamble(selection.intact, ["from llm_core.interpret.circuits.contributions import check, contribution_graph"])}\
graph = contribution_graph(model, reading, {position}, threshold={threshold})
for edge in graph.edges:
    print(f"{{edge.share:.3f}}", edge.above.place, edge.above.position, "from", edge.below.position, edge.by or "straight on")
print(check(model, reading, graph))
"""


def _composition_python(selection: Selection, kind: str, threshold: float) -> str:
    return f"""\
import numpy as np

from llm_core.interpret.circuits.composition import composition
from llm_core.runs.store import Store

store = Store()
model, tokenizer = store.model(store.find({selection.run!r}), step={selection.step})
found = composition(model)
scores = found.scores[{kind!r}]
for row, column in np.argwhere(np.nan_to_num(scores) >= {threshold}):
    print(f"{{scores[row, column]:.3f}}", found.heads[row], "is heard by", found.heads[column])
print("random weights", found.baseline)
"""
