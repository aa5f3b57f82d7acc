"""What excites a unit, be it a neuron or a feature of a sparse autoencoder: the texts and tokens at which it is highest.

Knows no model: it is handed the activations of some texts. Looking at what excites a unit most shows one end of what it
does (Bolukbasi et al. 2021, "An Interpretability Illusion for BERT"), so that its histogram belongs beside it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llm_core.interpret.attention.attention import Floats, Part
from llm_core.interpret.reading import Reading, Side

_BINS = 40


@dataclass(frozen=True)
class Excerpt:
    """The tokens around the one of a text at which a unit is highest, or lowest, and its activations (n,) at them.

    `text`: which of the texts · `position`: of that token in it · `start`: that of the first of `tokens`.
    """

    text: int
    position: int
    start: int
    tokens: tuple[str, ...]
    activations: Floats

    @property
    def activation(self) -> float:
        """That at the token itself."""
        return float(self.activations[self.position - self.start])


@dataclass(frozen=True)
class Excitement:
    """How a unit behaves at all N `positions` of some texts.

    `most`: the texts that excite it most, each with its highest token, the highest first · `least`: those where it is
    furthest below zero, empty where it never is · `edges` (bins + 1,), `counts` (bins,): its histogram · `on`: the share
    of positions at which it is above zero.
    """

    most: tuple[Excerpt, ...]
    least: tuple[Excerpt, ...]
    edges: Floats
    counts: NDArray[np.int64]
    positions: int
    on: float
    mean: float
    deviation: float
    highest: float
    lowest: float

    @property
    def height(self) -> float:
        """How far its highest activation stands above its mean, in standard deviations."""
        return (self.highest - self.mean) / self.deviation if self.deviation else 0.0


def side_read(reading: Reading, part: Part) -> Side:
    """What a part of a model reads: the encoder of an encoder-decoder its source, all others the text."""
    return reading.source if part == "encoder" and reading.source is not None else reading.text


def excite(
    activations: Sequence[Floats], sides: Sequence[Side], *, top: int = 8, window: int = 12, bins: int = _BINS
) -> Excitement:
    """What excites one unit. activations: (T,) of each text, which has the tokens of the side at the same place.

    `top`: how many texts are shown, each by one token · `window`: how many tokens before it, and half as many after it.
    Raises ValueError where there is no token, or a text has more or fewer activations than tokens.
    """
    if any(len(each) != len(side.ids) for each, side in zip(activations, sides, strict=True)):
        raise ValueError("every token has one activation")
    everything = np.concatenate([np.asarray(each, dtype=np.float32) for each in activations]) if activations else np.zeros(0, np.float32)  # fmt: skip
    if not everything.size:
        raise ValueError("no token excites anything")
    some = [number for number, each in enumerate(activations) if len(each)]
    highest = sorted(some, key=lambda number: -float(activations[number].max()))
    lowest = sorted(some, key=lambda number: float(activations[number].min()))
    counts, edges = np.histogram(everything.astype(np.float64), bins=bins)
    return Excitement(
        most=tuple(
            _excerpt(number, int(activations[number].argmax()), activations[number], sides[number], window)
            for number in highest[:top] if activations[number].max() > 0
        ),
        least=tuple(
            _excerpt(number, int(activations[number].argmin()), activations[number], sides[number], window)
            for number in lowest[:top] if activations[number].min() < 0
        ),
        edges=edges.astype(np.float32), counts=counts.astype(np.int64), positions=len(everything),
        on=float((everything > 0).mean()), mean=float(everything.mean(dtype=np.float64)),
        deviation=float(everything.std(dtype=np.float64)), highest=float(everything.max()), lowest=float(everything.min()),
    )  # fmt: skip


class Moments:
    """What is known of activations (N, units) that come text by text and are not kept: `count` N, and of every unit
    (units,) its mean, deviation, highest, `on`, the share of positions at which it is above zero, and `heights`.

    Means and squares of two parts are put together as by Chan, Golub & LeVeque 1979, which loses no digits.
    """

    def __init__(self) -> None:
        self.count = 0
        self._mean = self._squares = self._above = np.zeros(0)
        self._highest = np.zeros(0, dtype=np.float32)

    def add(self, activations: Floats) -> None:
        """Those (T, units) of one more text; T may be 0."""
        more = len(activations)
        if not more:
            return
        wide = np.asarray(activations, dtype=np.float64)
        mean, highest, above = wide.mean(0), np.asarray(activations.max(0), dtype=np.float32), (wide > 0).sum(0)
        squares = ((wide - mean) ** 2).sum(0)
        if not self.count:
            self._mean, self._squares, self._above, self._highest = mean, squares, above.astype(np.float64), highest
        else:
            apart, total = mean - self._mean, self.count + more
            self._mean = self._mean + apart * more / total
            self._squares = self._squares + squares + apart**2 * self.count * more / total
            self._above = self._above + above
            self._highest = np.maximum(self._highest, highest)
        self.count += more

    @property
    def mean(self) -> Floats:
        """(units,)."""
        return self._mean.astype(np.float32)

    @property
    def deviation(self) -> Floats:
        """(units,), of the whole, not a sample's."""
        return np.sqrt(self._squares / max(1, self.count)).astype(np.float32)

    @property
    def highest(self) -> Floats:
        """(units,)."""
        return self._highest

    @property
    def on(self) -> Floats:
        """(units,): the share of positions above zero."""
        return (self._above / max(1, self.count)).astype(np.float32)

    @property
    def heights(self) -> Floats:
        """How far each unit's highest stands above its mean, in standard deviations; 0 for one that never changes."""
        deviations, above = np.sqrt(self._squares / max(1, self.count)), self._highest - self._mean
        found: Floats = np.divide(above, deviations, out=np.zeros_like(above), where=deviations > 0).astype(np.float32)
        return found


def heights(activations: Floats) -> Floats:
    """(units,) of activations (N, units): how far each unit's highest stands above its mean, in standard deviations;
    0 for one that never changes."""
    moments = Moments()
    moments.add(activations)
    return moments.heights


def _excerpt(number: int, position: int, activations: Floats, side: Side, window: int) -> Excerpt:
    start, end = max(0, position - window), position + window // 2 + 1
    return Excerpt(
        number, position, start, side.tokens[start:end], np.asarray(activations[start:end], dtype=np.float32)
    )
