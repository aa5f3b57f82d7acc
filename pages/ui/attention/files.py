"""The picture as a file: a table, and a page that needs nothing else. `?looking=` names it, `&other=` what is subtracted."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import Response

from llm_core.config import parse
from llm_core.data.table_writing import as_table
from llm_core.errors import UserError
from pages.ui.attention.looking import PARTS
from pages.ui.attention.route import Asked, part_of, step_of
from pages.ui.attention.seen import patterns
from pages.ui.attention.words import token_label, words_in
from pages.ui.charts import LIGHT, layout
from pages.ui.http import attachment, language_of, looked, object_in, refusal_of_file
from pages.ui.state import store
from pages.ui.text import number, translate

_LETTER, _CELL = 8, 16  # pixels


@dataclass(frozen=True)
class Matrix:
    """One head's attention (T, S), or a difference of two, with the tokens of both sides."""

    values: NDArray[np.float32]
    queries: tuple[str, ...]
    keys: tuple[str, ...]
    title: str
    difference: bool


async def csv_route(request: Request) -> Response:
    """A row for each pair of tokens: position, token, position, token, attention."""
    return await looked(request, lambda: _file(request, "csv", lambda matrix, _language: as_csv(matrix)))


async def html_route(request: Request) -> Response:
    """The heatmap as one page, Plotly inside."""
    return await looked(request, lambda: _file(request, "html", as_html))


def _file(request: Request, suffix: str, make: Callable[[Matrix, str], str]) -> Response:
    language = language_of(request)
    try:
        asked = [
            parse(Asked, object_in(request.query_params[name]))
            for name in ("looking", "other")
            if name in request.query_params
        ]
        if not asked:
            return Response(status_code=400)
    except (ValueError, RecursionError):
        return Response(status_code=400)
    except UserError as error:
        return refusal_of_file(error, language, status=400)
    try:
        content = make(matrix_of(asked, language), language)
    except UserError as error:
        return refusal_of_file(error, language)
    return Response(content, media_type=f"text/{suffix}", headers=attachment(f"terrarium-attention.{suffix}"))


def matrix_of(asked: list[Asked], language: str) -> Matrix:
    """What is shown large: one head, or the first minus the second over the tokens that both have."""
    found = [_one(each, language) for each in asked[:2]]
    if len(found) == 1:
        return found[0]
    first, second = found
    rows, columns = np.minimum(first.values.shape, second.values.shape)
    title = words_in(language)["minus"].format(first=first.title, second=second.title)
    values = first.values[:rows, :columns] - second.values[:rows, :columns]
    return Matrix(values, first.queries[:rows], first.keys[:columns], title, difference=True)


def _one(asked: Asked, language: str) -> Matrix:
    step = step_of(asked, store().find(asked.run))
    pattern, queries, keys = part_of(patterns(asked.looking(step)), asked)
    part = translate(PARTS[asked.part], language)
    title = words_in(language)["head_at"].format(part=part, layer=asked.layer, head=asked.head, step=number(step))  # fmt: skip
    return Matrix(pattern[asked.layer, asked.head], queries, keys, f"{asked.run} · {title}", difference=False)


def as_csv(matrix: Matrix) -> str:
    """With a byte-order mark, so that spreadsheets read it as UTF-8."""
    rows = (
        (row, query, column, key, float(f"{matrix.values[row, column]:.7g}"))
        for row, query in enumerate(matrix.queries)
        for column, key in enumerate(matrix.keys)
    )
    value = "difference" if matrix.difference else "attention"
    return "\ufeff" + as_table(("query_position", "query", "key_position", "key", value), rows)


def as_html(matrix: Matrix, language: str) -> str:
    """A page that is read without a network."""
    return str(figure(matrix, language).to_html(include_plotlyjs=True, full_html=True, config={"displaylogo": False}))


def figure(matrix: Matrix, language: str) -> go.Figure:
    """The heatmap, tokens on both axes, every one of them."""
    colors = LIGHT.differences if matrix.difference else LIGHT.scale
    stops = [(_position(place / (len(colors) - 1), matrix.difference), color) for place, color in enumerate(colors)]
    words = words_in(language)
    hover = words["hover_difference" if matrix.difference else "hover"]
    share = "%{z:+.3~p}" if matrix.difference else "%{z:.3~p}"
    made = go.Figure(layout=layout(LIGHT))
    made.add_heatmap(
        z=np.round(matrix.values, 6), colorscale=stops, zmin=-1.0 if matrix.difference else 0.0, zmax=1.0, xgap=1, ygap=1,
        hovertemplate=hover.format(query="<b>%{y}</b>", key="<b>%{x}</b>", share=f"<b>{share}</b>") + "<extra></extra>",
        colorbar={"thickness": 10, "outlinewidth": 0, "tickformat": "+.2~f" if matrix.difference else ".0%"},
    )  # fmt: skip
    sides = {}
    for name, tokens in (("xaxis", matrix.keys), ("yaxis", matrix.queries)):
        sides[name] = {
            "tickmode": "array", "tickvals": list(range(len(tokens))), "ticktext": [_label(token) for token in tokens],
            "showgrid": False, "tickfont_family": "monospace", "tickfont_color": LIGHT.text, "title_text": words["keys" if name == "xaxis" else "queries"],
        }  # fmt: skip
    margins = [_LETTER * max(2, *(len(token_label(token)) for token in tokens), 2) + 50 for tokens in (matrix.queries, matrix.keys)]  # fmt: skip
    made.update_layout(
        sides, paper_bgcolor=LIGHT.background, title={"text": _escaped(matrix.title), "font_size": 15},
        margin={"l": margins[0], "b": margins[1], "t": 50, "r": 90},
        width=margins[0] + 90 + max(360, _CELL * len(matrix.keys)), height=margins[1] + 50 + max(300, _CELL * len(matrix.queries)),
    )  # fmt: skip
    made.update_xaxes(tickangle=-90)
    made.update_yaxes(autorange="reversed")
    return made


def _position(share: float, difference: bool) -> float:
    """Where a colour stands: colours move with the square root, as in the browser (`attention_scale.js`)."""
    if not difference:
        return share**2
    signed = 2 * share - 1
    return (math.copysign(signed**2, signed) + 1) / 2


def _label(token: str) -> str:
    return _escaped(token_label(token))


def _escaped(text: str) -> str:
    """Plotly reads what it writes as a kind of HTML."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
