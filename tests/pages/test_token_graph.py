"""The graph of what flows into a token: its lines against all paths counted one by one, and what is drawn of it."""

from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray

from pages.ui.attention import token_graph
from pages.ui.attention.token_graph import MOST, Picture, between, drawn, figure, graph, paths, visible
from pages.ui.charts import DARK, LIGHT


def steps(layers: int, tokens: int) -> NDArray[np.float64]:
    """Made-up shares that each row takes, causal; rows sum to 1."""
    weights = np.tril(np.random.default_rng(3).random((layers, tokens, tokens)) + 0.05)
    shares: NDArray[np.float64] = weights / weights.sum(-1, keepdims=True)
    return shares


def counted(shares: NDArray[np.float64], column: int, token: int) -> dict[tuple[int, int, int], float]:
    """Layer, token above, token below to the sum over all paths that go along that line, one path after another."""
    found: dict[tuple[int, int, int], float] = {}
    for path in product(range(shares.shape[1]), repeat=column):
        nodes = (*path, token)  # from the input upwards
        lines = [(layer, nodes[layer + 1], nodes[layer]) for layer in range(column)]
        whole = float(np.prod([shares[line] for line in lines]))
        for line in lines:
            found[line] = found.get(line, 0.0) + whole
    return {line: weight for line, weight in found.items() if weight > 0}


@pytest.mark.parametrize(("column", "token"), [(3, 3), (3, 1), (2, 2), (1, 3)])
def test_a_line_carries_the_sum_of_all_paths_that_go_along_it(column: int, token: int) -> None:
    shares = steps(3, 4)
    lines, held = paths(shares, column, token, 1e-12)
    found = {
        (int(layer), int(into), int(from_)): weight
        for layer, into, from_, weight in zip(lines.from_column, lines.into_token, lines.from_token, lines.weight, strict=True)
    }  # fmt: skip
    expected = counted(shares, column, token)
    assert found.keys() == expected.keys()
    assert found == pytest.approx(expected)
    assert (lines.into_column == lines.from_column + 1).all()
    rolled = shares[0]
    for layer in range(1, column):
        rolled = shares[layer] @ rolled
    assert held == pytest.approx(rolled[token])


def test_lines_below_the_threshold_are_not_there_and_the_shares_do_not_depend_on_it() -> None:
    shares = steps(2, 5)
    every, held = paths(shares, 2, 4, 1e-12)
    few, same = paths(shares, 2, 4, 0.1)
    assert len(few) == int((every.weight >= 0.1).sum()) > 0
    assert same == pytest.approx(held)
    assert len(graph(shares, 0.3)) == int((shares >= 0.3).sum())


def test_of_a_long_text_the_first_and_the_last_tokens_are_drawn() -> None:
    assert drawn(MOST).tolist() == list(range(MOST))
    places = drawn(200)
    assert len(places) == MOST
    assert places[0] == 0
    assert places[1:].tolist() == list(range(200 - MOST + 1, 200))


def test_a_line_from_a_token_that_is_not_drawn_is_left_out() -> None:
    shares = steps(1, 3)
    lines = visible(between(shares[0], 0, 1, 0.0), np.array([0, 2]), np.array([0, 1, 2]))
    assert set(lines.from_token.tolist()) == {0, 2}


def picture(threshold: float = 0.0, tokens: tuple[str, ...] = (" one", "two", "<b>x</b>", "\n")) -> Picture:
    shares = steps(2, len(tokens))
    lines, held = paths(shares, 2, 3, threshold)
    places = drawn(len(tokens))
    return Picture(lines, tokens, tokens, places, places, ("input", "0", "1"), (2, 3), held)


@pytest.mark.parametrize("colors", [LIGHT, DARK])
def test_every_line_is_drawn_once_and_the_strongest_is_the_widest(colors: object) -> None:
    shown = picture(0.02)
    drawing = figure(shown, colors)  # type: ignore[arg-type]
    widths = {}
    for trace in drawing.data:
        if trace.name == "lines":
            ends = list(zip(trace.x, trace.y, strict=True))
            for start, end, gap in zip(ends[::3], ends[1::3], ends[2::3], strict=True):
                assert gap == (None, None)
                assert (*start, *end) not in widths
                widths[*start, *end] = trace.line.width
    lines = shown.lines
    assert len(widths) == len(lines)
    top = int(lines.weight.argmax())
    start, end = (lines.from_column[top], lines.from_token[top]), (lines.into_column[top], lines.into_token[top])
    assert widths[*start, *end] == max(widths.values()) > min(widths.values())


def test_nodes_say_which_they_are_and_tokens_are_plain_text() -> None:
    shown = picture()
    drawing = figure(shown, LIGHT)
    (nodes,) = [trace for trace in drawing.data if trace.name == "nodes"]
    assert [tuple(node) for node in nodes.customdata] == [(column, token) for column in range(3) for token in range(4)]
    left, right = [trace for trace in drawing.data if trace.name == "tokens"]
    assert [text.strip() for text in right.text] == ["·one", "two", "&lt;b&gt;x&lt;/b&gt;", "↵"]
    assert shown.shares is not None
    assert left.text[1].split() == ["two", f"{100 * shown.shares[1]:.0f}", "%"]
    assert {tuple(node) for node in left.customdata} == {(2, token) for token in range(4)}


def test_a_long_token_is_cut_and_a_picture_without_lines_is_drawn() -> None:
    assert token_graph.readable("a" * 40) == "a" * 13 + "…"
    empty = picture(2.0)
    assert not len(empty.lines)
    assert {trace.name for trace in figure(empty, LIGHT).data} == {"nodes", "tokens"}
