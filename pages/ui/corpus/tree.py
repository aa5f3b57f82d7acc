"""The derivation of a story as a picture: the text, its sentences, their words, and the links between words as arcs.

The tree lies on its side, so that a sentence reads as a line. Knows the words of `told` and Plotly, no widget.
"""

from collections import defaultdict
from itertools import pairwise
from typing import Any
from unicodedata import east_asian_width

import plotly.graph_objects as go

from pages.ui.charts import Colors, layout
from pages.ui.corpus.told import Spoken, Told
from pages.ui.corpus.words import PARTS, part_name
from pages.ui.text import _

ROW, INDENT, GAP, MARGIN = 64, 128, 17, 16
"""Pixels: the height of a sentence, where its words begin, the space between two, and around all."""
_WIDE, _NARROW = 15.0, 7.9
_LETTERS_HALF = 10.0
_SPINE, _TOP = 14.0, 22.0


def extent(told: Told) -> tuple[int, int]:
    """The pixels that the tree of a text needs: width and height."""
    wide = max((x + _width(word.text) / 2 for word, (x, _y) in _places(told)), default=INDENT)
    return int(wide + 2 * MARGIN), int(_TOP) + ROW * len(told.sentences) + MARGIN + 8


def tree(told: Told, colours: str, colors: Colors) -> go.Figure:
    """`colours`: "part" or "who", as in the story above it."""
    places = _places(told)
    width, height = extent(told)
    figure = go.Figure(layout=layout(colors))
    figure.update_layout(
        margin={"l": 0, "r": 0, "t": 0, "b": 0}, hovermode="closest", dragmode=False,
        xaxis={"range": [0, width], "visible": False, "fixedrange": True},
        yaxis={"range": [-height, 0], "visible": False, "fixedrange": True},
    )  # fmt: skip
    _branches(figure, told, places, colors)
    _arcs(figure, told, places, colors)
    _words(figure, told, places, colours, colors)
    return figure


Places = list[tuple[Spoken, tuple[float, float]]]


def _places(told: Told) -> Places:
    """The middle of every word, in pixels to the right and down."""
    found = []
    for row, sentence in enumerate(told.sentences):
        x = float(INDENT)
        for word in sentence.words:
            if word.blank:
                continue
            wide = _width(word.text)
            found.append((word, (x + wide / 2, -(_TOP + MARGIN + ROW * (row + 0.5)))))
            x += wide + GAP
    return found


def _width(text: str) -> float:
    return sum(_WIDE if east_asian_width(character) in "WF" else _NARROW for character in text)


def _branches(figure: go.Figure, told: Told, places: Places, colors: Colors) -> None:
    """From the text to its sentences, from each to its words."""
    lines: list[tuple[float | None, float | None]] = []
    place = {word.number: at for word, at in places}
    floors = []
    for row, sentence in enumerate(told.sentences):
        floor = -(_TOP + MARGIN + ROW * (row + 0.5)) - 19
        floors.append(floor)
        ends = [place[word.number][0] for word in sentence.words if not word.blank]
        lines += [(_SPINE, floor), (max(ends, default=INDENT), floor), (None, None)]
        for x in ends:
            lines += [(x, floor), (x, floor + 8), (None, None)]
    if floors:
        lines += [(_SPINE, -_TOP), (_SPINE, floors[-1])]
        figure.add_annotation(
            x=_SPINE - 6, y=-_TOP, text=f"<b>{_safe(told.rule)}</b>", showarrow=False, xanchor="left", yanchor="bottom",
            font={"size": 13, "color": colors.text},
        )  # fmt: skip
    figure.add_scatter(
        x=[x for x, _y in lines], y=[y for _x, y in lines], mode="lines", line={"color": colors.quiet, "width": 1},
        opacity=0.55, hoverinfo="skip",
    )  # fmt: skip
    figure.add_scatter(
        x=[_SPINE] * len(floors), y=floors, mode="markers+text", marker={"size": 7, "color": colors.quiet},
        text=[f" {number + 1} {_shorten(sentence.rule)}" for number, sentence in enumerate(told.sentences)],
        textposition="top right", textfont={"size": 11.5, "color": colors.quiet},
        hovertext=[
            _("Sentence {number}, made by the rule “{rule}”", number=number + 1, rule=_safe(sentence.rule))
            for number, sentence in enumerate(told.sentences)
        ],
        hoverinfo="text",
    )  # fmt: skip


def _words(figure: go.Figure, told: Told, places: Places, colours: str, colors: Colors) -> None:
    def paint(word: Spoken) -> str:
        if colours == "who" and word.chain is not None and word.chain in told.palette:
            return colors.categories[told.palette[word.chain]]
        if colours == "part" and word.part in PARTS:
            return colors.categories[PARTS[word.part][1]]
        return colors.text

    figure.add_scatter(
        name="words", x=[x for _word, (x, _y) in places], y=[y for _word, (_x, y) in places], mode="text",
        text=[_safe(word.text) for word, _at in places],
        textfont={"size": 15, "color": [paint(word) for word, _at in places]},
        hovertext=[f"{_safe(word.text)}: {part_name(word.part)}" for word, _at in places], hoverinfo="text",
    )  # fmt: skip


def _arcs(figure: go.Figure, told: Told, places: Places, colors: Colors) -> None:
    """Agreement as whole lines within a sentence; mentions of the same one as dashed lines from each to the next."""
    at = {word.number: xy for word, xy in places}
    text = {word.number: word.text for word, _at in places}
    shapes: list[dict[str, Any]] = []
    tops: list[tuple[float, float, str, str]] = []
    for word, (x, y) in places:
        for other in word.agrees:
            to_x, to_y = at[other]
            lift = 14 + min(14.0, abs(to_x - x) / 24)
            path = (
                f"M {x},{y + _LETTERS_HALF} C {x},{y + lift + 8} {to_x},{to_y + lift + 8} {to_x},{to_y + _LETTERS_HALF}"
            )
            shapes.append({"type": "path", "path": path, "line": {"color": colors.text, "width": 1.6}})
            said = _("“{word}” agrees with “{other}”", word=_safe(word.text), other=_safe(text[other]))
            tops.append(((x + to_x) / 2, (y + to_y) / 2 + _LETTERS_HALF + lift * 0.72, said, colors.text))
    chains: dict[str, list[int]] = defaultdict(list)
    for word, _place in places:
        if word.chain in told.palette:
            chains[str(word.chain)].append(word.number)
    for variable, numbers in chains.items():
        color = colors.categories[told.palette[variable]]
        for one, other in pairwise(_apart(numbers)):
            (x, y), (to_x, to_y) = at[one], at[other]
            if y == to_y:
                lift = 14 + min(16.0, abs(to_x - x) / 18)
                path = f"M {x},{y + _LETTERS_HALF} C {x},{y + lift + 8} {to_x},{to_y + lift + 8} {to_x},{to_y + _LETTERS_HALF}"
                top = (x + to_x) / 2, y + _LETTERS_HALF + lift * 0.72
            else:
                begin, end = y - _LETTERS_HALF - 2, to_y + _LETTERS_HALF
                bend = (begin - end) * 0.5
                path = f"M {x},{begin} C {x},{begin - bend} {to_x},{end + bend} {to_x},{end}"
                top = (x + to_x) / 2, (begin + end) / 2
            shapes.append({"type": "path", "path": path, "line": {"color": color, "width": 1.4, "dash": "dot"}})
            said = _("“{word}” and “{other}” mean {name}", word=_safe(text[one]), other=_safe(text[other]), name=_safe(told.names[variable]))  # fmt: skip
            tops.append((*top, said, color))
    figure.update_layout(shapes=[{**shape, "layer": "below", "opacity": 0.8} for shape in shapes])
    figure.add_scatter(
        name="links", x=[x for x, _y, _said, _color in tops], y=[y for _x, y, _said, _color in tops], mode="markers",
        marker={"size": 5, "color": [color for _x, _y, _said, color in tops]},
        hovertext=[said for _x, _y, said, _color in tops], hoverinfo="text",
    )  # fmt: skip


def _apart(numbers: list[int]) -> list[int]:
    """Words of one mention stand side by side: only the first of them is linked."""
    return [number for place, number in enumerate(numbers) if place == 0 or number != numbers[place - 1] + 1]


def _shorten(name: str) -> str:
    return name if len(name) <= 14 else name[:13] + "…"


def _safe(text: str) -> str:
    """Plotly reads a few tags in texts."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
