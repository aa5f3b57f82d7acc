"""Tables out: CSV that says what it was given, and that no spreadsheet takes for a formula."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from llm_core.data.encodings import visible_surrogates

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_table(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Rows as CSV; text that a spreadsheet would run as a formula gets an apostrophe before it, numbers stay numbers.

    Lone surrogates, which no file can hold, become U+FFFD.
    """
    lines: list[str] = []
    line = io.StringIO()
    # With this line end a cell with a carriage return alone is put in quotation marks, too: it would begin a row.
    writer = csv.writer(line, lineterminator="\r\n")
    for row in (heads, *rows):
        writer.writerow([harmless(cell) if isinstance(cell, str) else cell for cell in row])
        lines.append(line.getvalue().removesuffix("\r\n"))
        line.seek(0)
        line.truncate()
    return "".join([f"{one}\n" for one in lines])


def harmless(cell: str) -> str:
    """Text for a cell: an apostrophe before what would be a formula."""
    cell = visible_surrogates(cell)
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
