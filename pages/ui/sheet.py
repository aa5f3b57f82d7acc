"""A table of numbers and texts, drawn and sorted in the browser by `assets/browser/sheet.js`.

Every cell is plain text, so that what people bring may hold anything; what can be taken away goes through `as_table`,
which keeps formulas from being run.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, Literal

import streamlit as st

from pages.ui.live import BROWSER, copy_labels, script
from pages.ui.text import _


@dataclass(frozen=True)
class Column:
    """`meaning` is seen when the pointer rests on the title. A "share" is a number with a bar behind it, a "long" text
    may take several lines."""

    title: str
    meaning: str = ""
    kind: Literal["text", "long", "number", "share"] = "number"


@dataclass(frozen=True)
class Cell:
    """What is read, a second smaller line, what the column is sorted by, and the length of its bar from 0 to 1."""

    text: str
    small: str = ""
    value: float | str | None = None
    share: float | None = None


@dataclass(frozen=True)
class Sign:
    """A shape before a row's name, in the colours of both looks."""

    glyph: str
    light: str
    dark: str


@dataclass(frozen=True)
class Row:
    """`name` tells it from the others, language-free; the first cell is read as its title."""

    name: str
    cells: tuple[Cell, ...]
    sign: Sign | None = None
    quiet: bool = False


@cache
def _component() -> Any:
    return st.components.v2.component(
        "terrarium_sheet",
        css=(BROWSER / "sheet.css").read_text(encoding="utf-8"),
        js=script("format", "curve", "takeaway", "sheet"),
        isolate_styles=False,
    )


def sheet(
    key: str,
    columns: Sequence[Column],
    rows: Sequence[Row],
    *,
    label: str,
    caption: str = "",
    chosen: str | None = None,
    on_picked: Callable[[str], None] | None = None,
    csv: str = "",
    code: str = "",
    name: str = "",
) -> None:
    """Draw it. `label` says to a screen reader what it is. With `csv`, the table can be taken away under `name`, with
    `code` as the same in Python. `on_picked` gets the name of a row that was clicked, as a callback."""
    known = {row.name for row in rows}

    def obey() -> None:
        picked = st.session_state[key].get("picked")
        if on_picked is not None and picked in known:
            on_picked(picked)

    _component()(
        key=key,
        data={
            "columns": [asdict(column) for column in columns], "rows": [asdict(row) for row in rows], "label": label,
            "caption": caption, "chosen": chosen, "picks": on_picked is not None, "csv": csv, "code": code, "name": name,
            "labels": {"take_away": _("Take it away"), **copy_labels()},
        },
        on_picked_change=obey,
    )  # fmt: skip
