"""How alike two layers, or two models, are in what they tell apart: linear CKA.

Kornblith et al. 2019, "Similarity of Neural Network Representations Revisited", equation 3 with a linear kernel: of the
centred vectors X (N, width) and Y (N, other width) of the same N tokens, ||Y'X||² / (||X'X|| ||Y'Y||), Frobenius norms. It
does not change when either is turned or stretched as a whole, so that models of different widths can be compared.

Few tokens of wide vectors look alike whatever they hold. `chance` says how much: what CKA is on average when the tokens
of one side are shuffled, which is exact and needs no draw: tr(XX') tr(YY') / ((N - 1) ||X'X|| ||Y'Y||).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llm_core.errors import UserError
from llm_core.interpret.attention.attention import Floats
from llm_core.interpret.components import Component
from llm_core.interpret.geometry.hidden_states import HiddenStates

Array = NDArray[np.float64]
_LEAST = 3


@dataclass(frozen=True)
class Similarity:
    """values, chance (rows, columns): CKA from 0 to 1, and its mean with shuffled tokens, over `tokens` tokens."""

    rows: tuple[Component, ...]
    columns: tuple[Component, ...]
    values: Floats
    chance: Floats
    tokens: int


def similarity(first: HiddenStates, second: HiddenStates) -> Similarity:
    """Every place of one stream beside every place of another, of the same or of another model, over the same texts.

    Where the two cut the texts into different tokens, those count that end at the same character in both, so that both
    have read equally far; control tokens do not count. Raises UserError where fewer than three are left.
    """
    rows, columns = _matched(first, second)
    if len(rows) < _LEAST:
        raise UserError(
            "Similarity needs at least {least} tokens that both models have; these texts have {count}. Give more text.",
            least=_LEAST, count=len(rows),
        )  # fmt: skip
    here = [_centred(states[rows]) for states in first.states]
    there = [_centred(states[columns]) for states in second.states]
    own_here, own_there = [_length(x, x) for x in here], [_length(y, y) for y in there]
    shape = len(here), len(there)
    values, chance = np.zeros(shape, dtype=np.float32), np.zeros(shape, dtype=np.float32)
    for row, x in enumerate(here):
        for column, y in enumerate(there):
            whole = own_here[row] * own_there[column]
            if whole > 0:
                values[row, column] = _length(x, y) ** 2 / whole
                chance[row, column] = (x**2).sum() * (y**2).sum() / ((len(rows) - 1) * whole)
    return Similarity(first.places, second.places, values, chance, len(rows))


def linear_cka(x: Array | Floats, y: Array | Floats) -> float:
    """CKA of vectors (N, width) and (N, other width) of the same N things; 0 where either are all the same."""
    first, second = _centred(x), _centred(y)
    whole = _length(first, first) * _length(second, second)
    return _length(first, second) ** 2 / whole if whole > 0 else 0.0


def _centred(x: Array | Floats) -> Array:
    wide: Array = x.astype(np.float64)
    centred: Array = wide - wide.mean(0)
    return centred


def _length(x: Array, y: Array) -> float:
    """|| Y'X ||."""
    return float(np.linalg.norm(y.T @ x))


def _matched(first: HiddenStates, second: HiddenStates) -> tuple[list[int], list[int]]:
    """The tokens of the one and of the other that end at the same character of the same text; the last where several do."""
    theirs = _ends(second)
    both = [(row, theirs[end]) for end, row in _ends(first).items() if end in theirs]
    return [row for row, _ in both], [column for _, column in both]


def _ends(states: HiddenStates) -> dict[tuple[int, int], int]:
    found = {}
    for row, (text, (start, end)) in enumerate(zip(states.text, states.spans, strict=True)):
        if end > start:
            found[int(text), int(end)] = row
    return found
