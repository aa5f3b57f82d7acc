"""Contributions as a picture: tokens side by side, layers above each other, and what came from where as lines between."""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from llm_core.data.table_writing import as_table
from pages.ui.charts import Colors, layout
from pages.ui.inside.computed import KEPT, Asked, opened, refuse_slow
from pages.ui.inside.pictures.grid import safe, short
from pages.ui.inside.pictures.head_grid import FEED_FORWARD, PARTS
from pages.ui.inside.places import name_of
from pages.ui.state import inference
from pages.ui.text import _, number

if TYPE_CHECKING:
    from llm_core.interpret.circuits.contributions import Check, ContributionGraph, Node
    from llm_core.interpret.components import Component

AIM = 30
"""So many edges are shown first: as many as can be told apart."""
LEAST = 0.01
"""The lowest threshold that can be chosen."""
_CLASSES = 5
"""Widths of lines: of one width all are one trace, so that hundreds stay quick."""
_ROW, _COLUMN = 34, 58  # pixels
_BRINGS = ("head", "feed_forward")


@dataclass(frozen=True)
class Whole:
    """The graph at the lowest threshold, of which every other is a part."""

    graph: "ContributionGraph"

    def at(self, threshold: float) -> "ContributionGraph":
        """What is left at a threshold: only edges that lead to the end without a gap."""
        from llm_core.interpret.circuits.contributions import ContributionGraph

        reached, kept = {self.graph.end}, []
        for edge in self.graph.edges:  # from the end down, so that what is above an edge was decided before it
            if edge.share >= threshold and edge.above in reached:
                reached.add(edge.below)
                kept.append(edge)
        return ContributionGraph(self.graph.end, threshold, tuple(kept), self.graph.tokens, self.graph.source_tokens)

    @cached_property
    def usual(self) -> float:
        """The threshold at which about `AIM` edges are left that a head or a feed-forward layer brings."""
        for thousandths in range(round(1000 * LEAST), 501, 5):
            if len(brought(self.at(thousandths / 1000))) <= AIM:
                return thousandths / 1000
        return 0.5


@lru_cache(maxsize=KEPT)
def whole_graph(asked: Asked, position: int) -> Whole:
    """Everything above the lowest threshold. Raises UserError where there is no such graph."""
    with inference():
        from llm_core.interpret.circuits.contributions import contribution_graph

        model, _tokenizer, reading = opened(asked)
        refuse_slow(model, 4, len(reading.text.ids))
        return Whole(contribution_graph(model, reading, position, LEAST))


@lru_cache(maxsize=KEPT)
def checked(asked: Asked, position: int, threshold: float) -> "Check":
    """What the answer is with the components of the graph alone. Raises UserError."""
    with inference():
        from llm_core.interpret.circuits.contributions import check

        model, _tokenizer, reading = opened(asked)
        refuse_slow(model, 24, len(reading.text.ids))
        return check(model, reading, whole_graph(asked, position).at(threshold))


def brought(graph: "ContributionGraph") -> "tuple[tuple[Node, Node, Component, float], ...]":
    """The edges that a component brings: above, below, by, share; without those that go straight on."""
    return tuple((edge.above, edge.below, edge.by, edge.share) for edge in graph.edges if edge.by is not None)


def heights(graph: "ContributionGraph") -> "dict[Component, int]":
    """How high each place of a stream that the graph reaches is drawn: an encoder below the decoder."""
    places = {node.place for node in graph.nodes}
    ordered = sorted(places, key=_order)
    return {place: at for at, place in enumerate(ordered)}


def _order(place: "Component") -> tuple[int, int, int]:
    kinds = {"embedding": -1, "residual_middle": 0, "residual_crossed": 1, "residual_after": 2, "hidden": 3}
    layer = 1_000 if place.kind == "hidden" else -1 if place.layer is None else place.layer
    return (1 if place.part == "decoder" else 0), layer, kinds[place.kind]


def height(graph: "ContributionGraph") -> int:
    """Pixels."""
    return 96 + _ROW * max(4, len(heights(graph)))


def least_width(graph: "ContributionGraph") -> int:
    """Pixels: narrower, and the picture scrolls."""
    return 190 + _COLUMN // 2 * max(len(graph.tokens), len(graph.source_tokens))


def figure(graph: "ContributionGraph", colors: Colors) -> go.Figure:
    """Nodes as dots, what goes straight on as thin grey lines, what a component brings as wide ones with a handle to click."""
    made = go.Figure(layout=layout(colors))
    rows = heights(graph)
    straight = [(edge.above, edge.below) for edge in graph.edges if edge.by is None]
    made.add_scatter(**_lines(straight, rows), mode="lines", line={"color": colors.quiet, "width": 1}, opacity=0.45, hoverinfo="skip")  # fmt: skip
    edges = brought(graph)
    top = max((share for *_rest, share in edges), default=1.0)
    for heads in (True, False):
        color = colors.training if heads else colors.held_out
        mine = [edge for edge in edges if (edge[2].kind == "head") == heads]
        for step in range(_CLASSES):
            some = [
                (above, below)
                for above, below, _by, share in mine
                if step == min(_CLASSES - 1, int(_CLASSES * share / top))
            ]
            if some:
                made.add_scatter(**_lines(some, rows), mode="lines", line={"color": color, "width": 1 + 1.3 * step}, opacity=0.75, hoverinfo="skip")  # fmt: skip
        if mine:
            made.add_scatter(
                x=[(above.position + below.position) / 2 for above, below, _by, _share in mine],
                y=[(rows[above.place] + rows[below.place]) / 2 for above, below, _by, _share in mine],
                mode="markers", marker={"color": color, "size": 9, "symbol": "circle" if heads else "square", "line": {"color": colors.background, "width": 1}},
                customdata=[_pick(by) for _above, _below, by, _share in mine],
                hovertext=[safe(_said(graph, edge)) for edge in mine], hovertemplate="%{hovertext}<extra></extra>",
            )  # fmt: skip
    nodes = graph.nodes
    made.add_scatter(
        x=[node.position for node in nodes], y=[rows[node.place] for node in nodes], mode="markers", marker={"color": colors.text, "size": 5},
        hovertext=[safe(f"{name_of(node.place)}, “{_token(graph, node)}”") for node in nodes], hovertemplate="%{hovertext}<extra></extra>",
    )  # fmt: skip
    tokens = [short(token) for token in graph.tokens]
    made.update_layout(
        margin={"l": 176, "r": 20, "t": 16, "b": 76},
        xaxis={"tickmode": "array", "tickvals": list(range(len(tokens))), "ticktext": [safe(token) for token in tokens], "tickangle": -45, "showgrid": False, "range": [-0.6, max(len(tokens), len(graph.source_tokens)) - 0.4]},
        yaxis={"tickmode": "array", "tickvals": list(rows.values()), "ticktext": [safe(name_of(place)) for place in rows], "showgrid": True, "range": [-0.5, max(rows.values()) + 0.5]},
    )  # fmt: skip
    return made


def _lines(pairs: "list[tuple[Node, Node]]", rows: "dict[Component, int]") -> dict[str, list[float | None]]:
    """Many lines as one trace, with gaps between."""
    x: list[float | None] = []
    y: list[float | None] = []
    for above, below in pairs:
        x += [below.position, above.position, None]
        y += [rows[below.place], rows[above.place], None]
    return {"x": x, "y": y}


def _pick(by: "Component") -> list[int]:
    return [PARTS.index(by.part), by.layer or 0, FEED_FORWARD if by.kind == "feed_forward" else by.index or 0]


def _token(graph: "ContributionGraph", node: "Node") -> str:
    tokens = graph.source_tokens if node.place.part == "encoder" and graph.source_tokens else graph.tokens
    return tokens[node.position]


def _said(graph: "ContributionGraph", edge: "tuple[Node, Node, Component, float]") -> str:
    above, below, by, share = edge
    return _(
        "{name} brings {share} of what stands at “{above}” from “{below}”.",
        name=name_of(by), share=f"{100 * share:.3g} %", above=_token(graph, above), below=_token(graph, below),
    )  # fmt: skip


def as_csv(graph: "ContributionGraph") -> str:
    """A row for each edge."""
    rows = (
        (str(edge.above.place), edge.above.position, _token(graph, edge.above), str(edge.below.place), edge.below.position, _token(graph, edge.below), "" if edge.by is None else str(edge.by), float(f"{edge.share:.6g}"))
        for edge in graph.edges
    )  # fmt: skip
    return as_table(("place", "position", "token", "from_place", "from_position", "from_token", "by", "share"), rows)


def verdict(found: "Check") -> str:
    """What the answer is with the graph alone, beside as many components drawn at random."""
    drawn = sorted(found.random)
    values = {
        "kept": number(found.kept), "middle": number(drawn[len(drawn) // 2]), "best": number(drawn[0]), "nothing": number(found.nothing),
        "better": sum(each <= found.kept for each in drawn), "of": len(drawn),
    }  # fmt: skip
    return _("With the heads and feed-forward layers of the graph alone the answer moves by {kept} nats; with as many drawn at random by {middle} in the middle and {best} at best ({better} of {of} do as well); with none at all by {nothing}.", **values)  # fmt: skip
