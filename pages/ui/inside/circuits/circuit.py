"""The two circuits of one head, by its weights alone: which token it looks at, and what looking there adds."""

from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from llm_core.data.table_writing import as_table
from llm_core.errors import UserError
from pages.ui.attention.shape import Shape, shape_of
from pages.ui.drawing import drawing
from pages.ui.faults import as_text
from pages.ui.inside import python
from pages.ui.inside.computed import KEPT, Asked, Predicted, opened
from pages.ui.inside.controls import heading
from pages.ui.inside.pictures.grid import Grid, figure, short
from pages.ui.inside.places import piece_of
from pages.ui.inside.selection import Selection, choose_piece, intact
from pages.ui.inside.words import signed
from pages.ui.state import inference, store
from pages.ui.text import _, explain, number

if TYPE_CHECKING:
    from llm_core.interpret.circuits.circuit_tables import CircuitTable, Copying

_MOST = 24
"""Tokens along a side."""
_SAMPLED = 256
"""Tokens of the vocabulary, at most, on which it is judged whether a head copies."""


@dataclass(frozen=True)
class Circuit:
    """Both tables on the tokens of the text. `wrote` says why there is no second one, where there is none; `sampled`: on how many
    tokens of the vocabulary it was judged whether the head copies."""

    looks: "CircuitTable"
    writes: "CircuitTable | None"
    copies: "Copying | None"
    sampled: int
    wrote: UserError | None


@lru_cache(maxsize=KEPT)
def circuit(asked: Asked, head: str, also: tuple[int, ...]) -> Circuit:
    """The head's circuits on the different tokens of the text, and on these. Raises UserError."""
    with inference():
        from llm_core.interpret.circuits.circuit_tables import copying, ov_circuit, qk_circuit
        from llm_core.interpret.components import Component

        model, tokenizer, reading = opened(asked)
        named = Component.parse(head)
        text = tuple(dict.fromkeys(reading.text.ids))[:_MOST]
        seen = reading.source if named.part in ("cross", "encoder") and reading.source is not None else reading.text
        keys = tuple(dict.fromkeys(seen.ids))[:_MOST]
        looks = qk_circuit(model, tokenizer, named, keys if named.part == "encoder" else text, keys)
        try:
            writes = ov_circuit(model, tokenizer, named, keys, tuple(dict.fromkeys((*also, *text)))[:_MOST])
            size = len(tokenizer.pieces)
            sample = np.unique(np.linspace(0, size - 1, min(size, _SAMPLED)).astype(int)).tolist()
            copies = None if named.part == "cross" else copying(ov_circuit(model, tokenizer, named, sample, sample))
        except UserError as reason:
            return Circuit(looks, None, None, 0, reason)
        return Circuit(looks, writes, copies, len(sample), None)


def show(selection: Selection, _predicted: Predicted) -> None:
    """Which head, and its two tables. Raises UserError for a head that has none."""
    head = _head(selection, shape_of(store().find(selection.run)))
    also = tuple(each for each in (selection.target, selection.against) if isinstance(each, int))
    found = circuit(intact(selection), head, also)
    left, right = st.columns(2, gap="medium")
    with left:
        heading(_("What it looks at"))
        _table(selection, head, "looks", found.looks, _("A row is a token that looks, a column one that is looked at."))
    with right:
        heading(_("What looking there adds"))
        if found.writes is None:
            st.info(as_text(explain(found.wrote)) if found.wrote else "")
        else:
            _table(selection, head, "writes", found.writes, _("A row is a token that is looked at, a column one whose logit changes."))  # fmt: skip
    if found.copies is not None:
        st.caption(as_text(_said(found.copies, found.sampled)))


def _head(selection: Selection, shape: Shape) -> str:
    """The head that is looked at, to be changed."""
    heads = [f"{part}.{layer}.{head}" for part in shape.parts for layer in range(shape.layers) for head in range(shape.heads)]  # fmt: skip
    now = f"{selection.part}.{selection.layer}.{selection.head}"
    key = f"inside_head_of_{now}"  # another one where a click elsewhere has chosen another head

    def follow() -> None:
        part, layer, head = st.session_state[key].split(".")
        choose_piece(int(layer), int(head), part)

    return str(st.selectbox(_("Head"), heads, index=heads.index(now), key=key, format_func=piece_of, on_change=follow, width=320))  # fmt: skip


def _table(selection: Selection, head: str, kind: str, table: "CircuitTable", said: str) -> None:
    most = max(1e-6, float(np.abs(table.values).max(initial=0.0)))
    rows, columns = [short(token) for token in table.row_tokens], [short(token) for token in table.column_tokens]
    grid = Grid(
        values=table.values, low=-most, high=most, signed=True, rows=rows, columns=columns, bar="", bar_format="+.2~f",
        hovers=[[f"{row} → {column}: {signed(float(value))}" for column, value in zip(columns, values, strict=True)] for row, values in zip(rows, table.values, strict=True)],
        picks=[[[row, column] for column in range(len(columns))] for row in range(len(rows))], cell_width=20,
    )  # fmt: skip
    st.caption(as_text(said))
    drawing(
        f"inside_circuit_{kind}", (selection, head, kind), partial(figure, grid), label=said, height=grid.height,
        least_width=grid.least_width, code=as_python(selection, head, kind, table), table=as_csv(table),
        name=f"terrarium-circuit-{kind}-{selection.run}-{selection.step}",
    )  # fmt: skip


def _said(copies: "Copying", sampled: int) -> str:
    return _(
        "Over {count} tokens of the vocabulary: looking at a token raises that token's own logit most in {own} of cases, by chance in {chance}; its eigenvalues say {eigenvalues}, from −1, it takes away, to 1, it copies.",
        count=sampled, own=f"{100 * copies.own:.3g} %", chance=f"{100 * copies.chance:.3g} %", eigenvalues=number(copies.eigenvalues),
    )  # fmt: skip


def as_csv(table: "CircuitTable") -> str:
    """A row for each pair of tokens."""
    rows = (
        (row, table.row_tokens[at], column, table.column_tokens[to], float(f"{table.values[at, to]:.7g}"))
        for at, row in enumerate(table.rows)
        for to, column in enumerate(table.columns)
    )
    return as_table(("row_id", "row", "column_id", "column", "value"), rows)


def as_python(selection: Selection, head: str, kind: str, table: "CircuitTable") -> str:
    """The same for a notebook."""
    function = "qk_circuit" if kind == "looks" else "ov_circuit"
    imports = [f"from llm_core.interpret.circuits.circuit_tables import {function}", "from llm_core.interpret.components import Component"]  # fmt: skip
    return f"""\
{python.preamble(selection.intact, imports)}\
rows, columns = {list(table.rows)!r}, {list(table.columns)!r}
table = {function}(model, tokenizer, Component.parse({head!r}), rows, columns)
print(table.row_tokens, table.column_tokens, table.values.round(3))
"""
