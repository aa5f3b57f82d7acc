"""Which ways information took to one place of the stream: the graph of what contributed most, from the end back to the tokens.

Ferrando & Voita 2024, "Information Flow Routes: Automatically Interpreting Language Models at Scale": the stream after a
layer is a sum of vectors, what was there before and what was added. What a summand z contributes to their sum y is
max(0, |y| - |y - z|) in the 1-norm, as a share of all of them (equations 4 and 5): how much nearer it brings the sum. From
one place at the end the graph is followed back, along every edge whose share reaches a threshold, and no others.

What each head brings from each position is a summand of its own; a layer's bias is one too, but leads nowhere. Where a
norm stands after a sublayer, the sum before it is what is shared out.

A share says what a vector is made of, not what the answer hangs on. So `check` takes away all heads and feed-forward layers
that the graph does not need, and, for comparison, as many drawn at random.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from llm_core.config import TaskConfig, TransformerConfig, network
from llm_core.errors import UserError
from llm_core.interpret.attention.attention import Part
from llm_core.interpret.circuits.head_weights import head_weights
from llm_core.interpret.components import Component, feed_forwards, heads, layer_parts, residuals, site, streams
from llm_core.interpret.interventions import ablate
from llm_core.interpret.reading import Reading, as_batch
from llm_core.models.base import Model
from llm_core.models.size import inner_width
from llm_core.taps import observe

THRESHOLD = 0.04
_DRAWS = 20


@dataclass(frozen=True)
class Node:
    """The stream at one place and one position; `place` is an embedding, a residual_* or an encoder's hidden."""

    place: Component
    position: int


@dataclass(frozen=True)
class Edge:
    """`share` of what stands at `above` came from `below`, by way of a head, a feed-forward layer, or straight (None)."""

    above: Node
    below: Node
    by: Component | None
    share: float


@dataclass(frozen=True)
class ContributionGraph:
    """What is left of the graph at a threshold: edges from the end down. `tokens`, `source_tokens`: of the positions."""

    end: Node
    threshold: float
    edges: tuple[Edge, ...]
    tokens: tuple[str, ...]
    source_tokens: tuple[str, ...]

    @property
    def nodes(self) -> tuple[Node, ...]:
        """All nodes, from the end down."""
        return tuple(dict.fromkeys([self.end, *(node for edge in self.edges for node in (edge.above, edge.below))]))

    @property
    def components(self) -> tuple[Component, ...]:
        """The heads and feed-forward layers on the way, each once."""
        return tuple(dict.fromkeys(edge.by for edge in self.edges if edge.by is not None))


@dataclass(frozen=True)
class Check:
    """How far the answer at the end moves, in nats (KL from the whole model's), when all other components are taken away.

    kept: with those of the graph alone · random: with as many heads and as many feed-forward layers drawn at random ·
    nothing: with none at all.
    """

    kept: float
    random: tuple[float, ...]
    nothing: float


def contribution_graph(
    model: Model, reading: Reading, position: int, threshold: float = THRESHOLD
) -> ContributionGraph:
    """Follow back what contributed to one position after the last layer.

    Raises UserError for a model without layers, a position that is not there, and a threshold that is not above 0 and at
    most 1; ValueError for a model in training mode.
    """
    if not 0 < threshold <= 1:
        raise UserError("The threshold must be above 0 and at most 1; it is {threshold}.", threshold=threshold)
    if not 0 <= position < len(reading.text.ids):
        raise UserError("There is no position {position}: the text has {count} tokens, counted from 0.", position=position, count=len(reading.text.ids))  # fmt: skip
    flow = _Flow(model, reading)
    end = flow.end(position)
    edges: list[Edge] = []
    waiting, seen = [end], {end}
    while waiting:
        node = waiting.pop(0)
        for edge in flow.into(node):
            if edge.share >= threshold:
                edges.append(edge)
                if edge.below not in seen:
                    seen.add(edge.below)
                    waiting.append(edge.below)
    source = () if reading.source is None else reading.source.tokens
    return ContributionGraph(end, threshold, tuple(edges), reading.text.tokens, source)


def check(model: Model, reading: Reading, graph: ContributionGraph, seed: int = 0, draws: int = _DRAWS) -> Check:
    """Keep the components of a graph alone, and as many drawn at random: how far does the answer at its end move?"""
    everything = (*heads(model), *feed_forwards(model))
    kept = set(graph.components)
    random = np.random.default_rng(seed)
    whole = _answer(model, reading, graph.end.position, ())

    def moved(keep: Collection[Component]) -> float:
        rest = [component for component in everything if component not in keep]
        reduced = _answer(model, reading, graph.end.position, rest)
        return float(F.kl_div(reduced, whole, log_target=True, reduction="sum"))

    drawn = []
    for _ in range(draws):
        keep: set[Component] = set()
        for group in (heads(model), feed_forwards(model)):
            count = sum(component in kept for component in group)
            keep |= {group[at] for at in random.choice(len(group), count, replace=False)} if count else set()
        drawn.append(moved(keep))
    return Check(moved(kept), tuple(drawn), moved(()))


def _answer(model: Model, reading: Reading, position: int, without: Collection[Component]) -> Tensor:
    """Log-probabilities (V,) at a position, or of the whole text; (2 T,) of a model that chooses a first and a last token."""
    batch = as_batch(reading).to(next(model.parameters()).device)
    with torch.no_grad(), observe(model, only=(), edits=ablate(model, without)):
        logits = model(batch)[0].double()
    if isinstance(model.config, TaskConfig) and model.config.task == "answer":
        return F.log_softmax(logits, dim=0).flatten()
    return F.log_softmax(logits if logits.ndim == 1 else logits[position], dim=-1)


class _Flow:
    """One forward pass, and what each node is the sum of. Sums are taken apart only where somebody asks."""

    def __init__(self, model: Model, reading: Reading) -> None:
        if model.training:
            raise ValueError("put the model in eval mode before looking into it")
        self._model = model
        present = streams(model)
        if not present:
            raise UserError("Only a Transformer with layers can be taken apart here; this model has the family {family}.", family=model.config.family)  # fmt: skip
        config = network(model.config)
        assert isinstance(config, TransformerConfig)
        self._layers, self._heads = config.layers, config.heads
        self._repeats = config.heads // (config.key_value_heads or config.heads)
        self._inner = inner_width(config) > 0
        self._stream: Part = present[-1]
        with torch.no_grad(), observe(model, only=list(self._wanted(present))) as seen:
            model.body(as_batch(reading).to(next(model.parameters()).device))
        self._seen = {name: tensor[0].float() for name, tensor in seen.items()}

    def end(self, position: int) -> Node:
        return Node(Component(self._stream, self._layers - 1, "residual_after"), position)

    def into(self, node: Node) -> Iterator[Edge]:
        """The edges into a node, whatever their shares."""
        stream, kind = node.place.part, node.place.kind
        if kind == "embedding":
            return
        if kind == "hidden":  # the end of the encoder, as the decoder reads it
            yield Edge(node, Node(Component(stream, self._layers - 1, "residual_after"), node.position), None, 1.0)
            return
        before, part = self._step(node.place)
        straight = Node(before, node.position)
        if part is None:
            yield from self._through_feed_forward(node, straight)
        else:
            yield from self._through_attention(node, straight, part)

    def _step(self, place: Component) -> tuple[Component, Part | None]:
        """Where the stream was before the sublayer that ends here, and which that is: a part's attention, or None for the
        feed-forward layer."""
        stream, layer = place.part, place.layer or 0
        crossed = len(layer_parts(self._model, stream)) > 1
        middle = Component(stream, layer, "residual_middle")
        if place.kind == "residual_after" and self._inner:
            return (Component(stream, layer, "residual_crossed") if crossed else middle), None
        if crossed and place.kind != "residual_middle":
            return middle, "cross"
        if layer == 0:
            return Component(stream, None, "embedding"), stream
        return Component(stream, layer - 1, "residual_after"), stream

    def _through_feed_forward(self, node: Node, straight: Node) -> Iterator[Edge]:
        layer = Component(node.place.part, node.place.layer, "feed_forward")
        summands = torch.stack([self._at(straight), self._read(layer)[node.position]])
        for by, share in zip((None, layer), self._shares(summands), strict=True):
            yield Edge(node, straight, by, share)

    def _through_attention(self, node: Node, straight: Node, part: Part) -> Iterator[Edge]:
        head = Component(part, node.place.layer, "head", 0)
        tap = site(self._model, head).tap.removesuffix("head_outputs")
        pattern = self._seen[f"{tap}pattern"][:, node.position]  # (heads, S)
        values = self._seen[f"{tap}values"].repeat_interleave(self._repeats, 0)  # (heads, S, size)
        brought = (pattern[..., None] * values) @ head_weights(self._model, head).output  # (heads, S, width)
        added = self._read(Component(part, node.place.layer, "attention"))[node.position]
        bias = added - brought.sum((0, 1))
        straight_on = self._at(straight)
        shares = self._shares(torch.cat([straight_on[None], bias[None], brought.flatten(0, 1)]))
        yield Edge(node, straight, None, shares[0])
        source = Component("encoder", None, "hidden") if part == "cross" else straight.place
        for number, share in enumerate(shares[2:]):
            which, position = divmod(number, pattern.shape[1])
            yield Edge(node, Node(source, position), Component(part, node.place.layer, "head", which), share)

    @staticmethod
    def _shares(summands: Tensor) -> list[float]:
        """Of summands (N, width), the share of each in their sum."""
        whole = summands.sum(0)
        nearer = (whole.abs().sum() - (whole - summands).abs().sum(1)).clamp_min(0.0)
        return [float(share) for share in nearer / nearer.sum().clamp_min(1e-12)]

    def _at(self, node: Node) -> Tensor:
        return self._read(node.place)[node.position]

    def _read(self, component: Component) -> Tensor:
        return self._seen[site(self._model, component).tap]

    def _wanted(self, present: tuple[Part, ...]) -> Iterator[str]:
        """The taps of all places and summands."""
        for stream in present:
            for place in residuals(self._model, stream):
                yield site(self._model, place).tap
            for part in layer_parts(self._model, stream):
                for layer in range(self._layers):
                    yield site(self._model, Component(part, layer, "attention")).tap
                    heads_at = site(self._model, Component(part, layer, "head", 0)).tap
                    yield from (heads_at.replace("head_outputs", name) for name in ("pattern", "values"))
        for component in feed_forwards(self._model):
            yield site(self._model, component).tap
