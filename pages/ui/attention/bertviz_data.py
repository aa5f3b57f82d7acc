"""What bertviz's views draw of our arrays: which tokens, packed for a document, and the same as rows of a table."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from llm_core.interpret.attention.attention import Attention, Floats, Seen

MOST_TOKENS = {"head_view": 64, "model_view": 40, "neuron_view": 40}
FEWEST_TOKENS = 8
MOST_LINES = 60_000
"""More lines make a browser slow."""
MOST_NUMBERS = 2_000_000
"""More make a document large: a number is five characters and a third."""

COLUMNS = ("array", "layer", "head", "place", "token", "column", "column_token", "value")


@dataclass(frozen=True)
class Window:
    """The tokens of one side that are drawn: from `begin` to before `end` of `count`."""

    begin: int
    end: int
    count: int


def windows(attention: "Attention", view: str, begin: int = 0) -> tuple[Window, Window]:
    """The queries and the keys that a view draws, from place `begin` on; as many as a browser can carry."""
    layers, heads, queries, keys = attention.pattern.shape
    room = _room(view, layers, heads, attention.queries.shape[-1])

    def window(count: int) -> Window:
        first = max(min(begin, count - room), 0)
        return Window(first, min(first + room, count), count)

    return window(queries), window(keys)


def _room(view: str, layers: int, heads: int, size: int) -> int:
    """How many tokens each side of a view may have."""
    drawn = {"head_view": heads, "model_view": layers * heads, "neuron_view": 7}[view]
    vectors = 2 * size if view == "neuron_view" else 0
    for tokens in range(MOST_TOKENS[view], FEWEST_TOKENS, -1):
        numbers = layers * heads * tokens * (tokens + vectors)
        if drawn * tokens * tokens <= MOST_LINES and numbers <= MOST_NUMBERS:
            return tokens
    return FEWEST_TOKENS


def payload(seen: "Seen", view: str, begin: int = 0) -> dict[str, Any]:
    """What a view draws, by part of the model, as far as its windows reach.

    Arrays are base64 of little-endian float32 in C order: `pattern` (layers, heads, left, right), and for the neuron
    view `queries` (layers, heads, left, size) and `keys` (layers, heads, right, size).
    """
    return {part: _part(attention, view, begin) for part, attention in seen.parts.items()}


def _part(attention: "Attention", view: str, begin: int) -> dict[str, Any]:
    left, right = windows(attention, view, begin)
    rows, columns = slice(left.begin, left.end), slice(right.begin, right.end)
    layers, heads, _queries, _keys = attention.pattern.shape
    found: dict[str, Any] = {
        "layers": layers,
        "heads": heads,
        "size": attention.queries.shape[-1],
        "causal": attention.part == "decoder",
        "left": attention.query_tokens[rows],
        "right": attention.key_tokens[columns],
        "left_window": vars(left),
        "right_window": vars(right),
        "pattern": _packed(attention.pattern[:, :, rows, columns]),
    }
    if view == "neuron_view":
        found["queries"] = _packed(attention.queries[:, :, rows])
        found["keys"] = _packed(attention.keys[:, :, columns])
    return found


def _packed(array: "Floats") -> str:
    return base64.b64encode(np.ascontiguousarray(array, dtype="<f4").tobytes()).decode("ascii")


def rows(attention: "Attention", view: str, layer: int, head: int, begin: int = 0) -> Iterator[tuple[Any, ...]]:
    """What a view shows as rows under `COLUMNS`; places, layers and heads count from 0.

    The head view gives every head of the layer, the model view every head of all layers. The neuron view gives this
    one head, and its scores, queries and keys too; columns of those two are elements of a vector, without a token.
    """
    left, right = windows(attention, view, begin)
    layers, heads, _queries, _keys = attention.pattern.shape
    for at in range(layers) if view == "model_view" else [layer]:
        for one in [head] if view == "neuron_view" else range(heads):
            yield from _matrix("pattern", attention.pattern, attention, at, one, left, right)
    if view == "neuron_view":
        yield from _matrix("scores", attention.scores, attention, layer, head, left, right)
        yield from _vectors("queries", attention.queries, attention.query_tokens, layer, head, left)
        yield from _vectors("keys", attention.keys, attention.key_tokens, layer, head, right)


def _matrix(
    name: str, values: "Floats", attention: "Attention", layer: int, head: int, left: Window, right: Window
) -> Iterator[tuple[Any, ...]]:
    for place in range(left.begin, left.end):
        for column in range(right.begin, right.end):
            tokens = attention.query_tokens[place], attention.key_tokens[column]
            yield name, layer, head, place, tokens[0], column, tokens[1], _number(values[layer, head, place, column])


def _vectors(
    name: str, values: "Floats", tokens: tuple[str, ...], layer: int, head: int, window: Window
) -> Iterator[tuple[Any, ...]]:
    for place in range(window.begin, window.end):
        for column, value in enumerate(values[layer, head, place]):
            yield name, layer, head, place, tokens[place], column, "", _number(value)


def _number(value: np.float32) -> float:
    return float(f"{value:.7g}")
