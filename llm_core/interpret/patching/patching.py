"""Activation patching: which place in the model, carried over from a clean text into a corrupted one, brings the answer
back (Vig et al. 2020; Meng et al. 2022, "Locating and editing factual associations in GPT", 2; Zhang & Nanda 2024).

The measure is the difference of the logits of the two answers, so scaled that 0 is the corrupted text and 1 the clean
one. What it shows is enough, in this model and for this pair, to bring the answer back; a place that shows nothing may
still be needed, where another one does the same.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from llm_core.config import TransformerConfig, network
from llm_core.errors import N_, UserError
from llm_core.interpret.attention.attention import Floats, Part, parts
from llm_core.interpret.components import Component, Kind, Site, site, streams
from llm_core.interpret.patching.pairs import Pair
from llm_core.interpret.patching.restarting import Restart
from llm_core.interpret.reading import Reading, Side, as_batch
from llm_core.models.base import Model
from llm_core.models.size import inner_width
from llm_core.taps import Edit, observe

Where = Literal["residual", "attention", "feed_forward", "heads", "head"]
WHERE: dict[Where, str] = {
    "residual": N_("Residual stream"),
    "attention": N_("Attention output"),
    "feed_forward": N_("Feed-forward output"),
    "heads": N_("Heads, at all positions"),
    "head": N_("Heads, at each position"),
}
"""What is carried over: the name in links, and on screen. Of `heads` a row is a layer and a column a head; of all others
a column is a position, and a row a layer, or of `head` one head of one."""

_KINDS: dict[Where, Kind] = {"residual": "residual_before", "attention": "attention", "feed_forward": "feed_forward", "heads": "attention", "head": "head"}  # fmt: skip
_LEAST_DIFFERENCE = 1e-3
_ROWS_OF_DECODER = 8
"""Positions that are patched together: the fewer, the less of a decoder's text before them is read again."""
_TOKENS_AT_ONCE = 4096


@dataclass(frozen=True)
class PatchingRow:
    """One row of a map: of the stream where a layer begins, of what a layer adds, or of a head. values (columns,)."""

    component: Component
    values: Floats


@dataclass(frozen=True)
class PatchingMap:
    """values (rows, columns): 0 leaves the answer as in the corrupted text, 1 brings that of the clean text back.

    rows: the names of components · columns: tokens of the clean text, or of `heads` the numbers of the heads ·
    clean, corrupted: the difference of the logits of both answers in each text.
    """

    where: Where
    part: Part
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: Floats
    clean: float
    corrupted: float


class Patching:
    """A pair that a model has read, to be patched anywhere. `clean`, `corrupted`: the difference of the logits of both
    answers in each text."""

    def __init__(self, model: Model, pair: Pair) -> None:
        """Raises UserError where the model tells the two texts not apart, ValueError for a model in training mode."""
        self.model, self.pair = model, pair
        self.corrupted_pass = Restart(model, as_batch(pair.corrupted), pair.target)
        self.clean_pass = Restart(model, as_batch(pair.clean), pair.target)
        self.clean, self.corrupted = self.clean_pass.value, self.corrupted_pass.value
        if abs(self.clean - self.corrupted) < _LEAST_DIFFERENCE:
            raise UserError(
                "Between {right!r} and {wrong!r} this model makes no difference in the two texts: {clean} and {corrupted}. There is nothing to bring back; choose other texts or answers.",
                right=pair.answers[0], wrong=pair.answers[1], clean=round(self.clean, 4), corrupted=round(self.corrupted, 4),
            )  # fmt: skip

    def rows(self, where: Where, part: Part) -> Iterator[PatchingRow]:
        """A map row by row, as they are computed: the layers from the first to the last."""
        components = rows_of(self.model, where, part)
        sites = [site_of(self.model, where, component) for component in components]
        with torch.inference_mode(), observe(self.model, only={here.tap for here in sites}) as clean:
            self.model.body(self.clean_pass.batch)
        for component, here in zip(components, sites, strict=True):
            found = self._row(where, component, here, clean[here.tap])
            yield PatchingRow(component, self.scaled(found))

    def map(self, where: Where, part: Part) -> PatchingMap:
        """A whole map."""
        rows = list(self.rows(where, part))
        return PatchingMap(
            where, part, tuple(str(row.component) for row in rows), columns_of(self.model, self.pair, where, part),
            np.stack([row.values for row in rows]), self.clean, self.corrupted,
        )  # fmt: skip

    def scaled(self, values: Tensor) -> Floats:
        """Differences of logits as shares of the way from the corrupted to the clean text."""
        found: Floats = ((values.double().cpu().numpy() - self.corrupted) / (self.clean - self.corrupted)).astype(np.float32)  # fmt: skip
        return found

    def _row(self, where: Where, component: Component, here: Site, clean: Tensor) -> Tensor:
        """(columns,) the target with each column carried over out of the tap's tensor in the clean text."""
        assert component.layer is not None
        stream: Part = "decoder" if component.part == "cross" else component.part
        if where == "heads":
            return self._each_head(stream, component.layer, here.tap, clean[0])
        return self._at_positions(stream, component.layer, None if where == "residual" else here, here.read(clean)[0])

    def _at_positions(self, stream: Part, layer: int, here: Site | None, clean: Tensor) -> Tensor:
        """The target for each position alone; without a site the stream itself is patched."""
        base = self.corrupted_pass
        found = torch.full((len(side_of(self.pair.clean, stream).ids),), base.value)
        length, first = base.length(stream), self._first(stream)
        causal = base.causal and stream == "decoder"
        together = _ROWS_OF_DECODER if causal else max(1, _TOKENS_AT_ONCE // length)
        for begin in range(first, length, together):
            positions = torch.arange(begin, min(begin + together, length))
            start = begin if causal else 0
            with torch.inference_mode():
                x = base.before(stream, layer)[:, start:].expand(len(positions), -1, -1)
                if here is None:
                    x = _put(x, positions - start, clean[positions])
            edits = {} if here is None else {here.tap: _edit(here, positions - start, clean[positions])}
            found[positions] = base.values(stream, layer, x, edits, start).cpu()
        return found

    def _each_head(self, stream: Part, layer: int, tap: str, clean: Tensor) -> Tensor:
        """The target for each head of a layer alone, at all positions; clean (heads, length, size)."""
        base, heads = self.corrupted_pass, len(clean)
        start = self._first(stream)

        def edit(outputs: Tensor) -> Tensor:
            changed = outputs.clone()
            changed[torch.arange(heads), torch.arange(heads)] = clean[:, start:]
            return changed

        x = base.before(stream, layer)[:, start:].expand(heads, -1, -1)
        return base.values(stream, layer, x, {tap: edit}, start).cpu()

    def _first(self, stream: Part) -> int:
        """The first position that can differ between the texts: a decoder is the same up to the first other token."""
        if stream != "decoder" or not self.corrupted_pass.causal or self.pair.source_differing:
            return 0
        return self.pair.differing[0] if self.pair.differing else 0


def rows_of(model: Model, where: Where, part: Part) -> tuple[Component, ...]:
    """The components that are the rows of a map. Raises UserError where the model has no such thing."""
    config = network(model.config)
    if part not in parts(model) or not isinstance(config, TransformerConfig):
        raise UserError("This model has no part {part}; it has {parts}.", part=part, parts=", ".join(parts(model)))
    if where == "feed_forward" and not inner_width(config):
        raise UserError("This model has attention alone, and no feed-forward layers.")
    if part not in streams(model) and where in ("residual", "feed_forward"):
        raise UserError("The cross-attention has no stream and no feed-forward layer of its own; choose the decoder.")
    heads = range(config.heads) if where == "head" else (None,)
    return tuple(Component(part, layer, _KINDS[where], head) for layer in range(config.layers) for head in heads)


def columns_of(model: Model, pair: Pair, where: Where, part: Part) -> tuple[str, ...]:
    """The names of a map's columns: the tokens of the clean text, or of `heads` their numbers."""
    if where == "heads":
        config = network(model.config)
        assert isinstance(config, TransformerConfig)
        return tuple(str(head) for head in range(config.heads))
    return side_of(pair.clean, part).tokens


def site_of(model: Model, where: Where, component: Component) -> Site:
    """Where a row of a map is seen; of `heads` the whole tensor of all heads' outputs, before they are mixed."""
    if where != "heads":
        return site(model, component)
    return Site(site(model, Component(component.part, component.layer, "head", 0)).tap, "attention", None)


def side_of(reading: Reading, part: Part) -> Side:
    """The side of a reading whose positions a part's stream has."""
    return reading.source if part == "encoder" and reading.source is not None else reading.text


def _put(x: Tensor, positions: Tensor, values: Tensor) -> Tensor:
    """x (B, T, size) with values (B, size) at one position of each row."""
    changed = x.clone()
    changed[torch.arange(len(positions)), positions] = values
    return changed


def _edit(here: Site, positions: Tensor, values: Tensor) -> Edit:
    """A component at one position of each row becomes what it is in the clean text."""

    def edit(tensor: Tensor) -> Tensor:
        return here.write(tensor, _put(here.read(tensor), positions, values))

    return edit
