"""Whole tables out of files: CSV, TSV, JSON lines, XLSX and Parquet, all columns, every cell as text.

What is wrong with a table is said with its file, row and limit. Values are read, formulas never run.
"""

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llm_core.data.encodings import decode, visible_surrogates
from llm_core.data.parquet_reading import parquet_rows
from llm_core.data.spreadsheets import sheet_rows
from llm_core.data.tables import delimited_rows, json_rows, lines
from llm_core.errors import UserError

TABLE_SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".xlsx", ".parquet")
LARGEST_FILE = 50_000_000
MOST_ROWS = 1_000_000
MOST_CELLS = 5_000_000
MOST_COLUMNS = 1_000
MOST_CHARACTERS = 200_000_000

Rows = Iterator[tuple[int, Sequence[Any]]]
"""Rows with their numbers, cells of any kind."""


@dataclass(frozen=True)
class Table:
    """Cells as text; None where there is nothing. numbers: the number of each row as a spreadsheet counts them."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | None, ...], ...]
    numbers: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.rows)


def read_table(path: Path, encoding: str | None = None, name: str | None = None) -> Table:
    """The table in a file; its ending says what kind it is.

    encoding: of CSV, TSV and JSON lines, None as in `decode` · name: what to call the file, its own name by default.
    Raises UserError for what cannot be read (encoding, NUL, ragged rows, headers, broken files) and for more than
    50 MB, 1,000,000 rows, 1,000 columns, 5,000,000 cells or 200,000,000 characters.
    """
    name = visible_surrogates(name or path.name)
    suffix = path.suffix.lower()
    if suffix not in TABLE_SUFFIXES:
        raise UserError("{file} is no table that can be read here: save it as {kinds}.", file=name, kinds="CSV, TSV, JSONL, XLSX, Parquet")  # fmt: skip
    try:
        check_size(name, path.stat().st_size)
        if suffix == ".parquet":
            return _table(name, *parquet_rows(path, name))
        if suffix == ".xlsx":
            sheet, columns, cells = sheet_rows(path, name)
            return _table(sheet, columns, cells)
        with path.open("rb") as stream:
            text = lines(decode(stream, name, encoding), name)
            if suffix in (".csv", ".tsv"):
                return _table(name, *delimited_rows(text, name, tabs=suffix == ".tsv"))
            return _table(name, *_keyed(json_rows(text, name), name))
    except (OSError, ValueError, RecursionError) as error:  # a strange path, values nested too deep
        reason = (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
        raise UserError("{file} cannot be read: {reason}.", file=name, reason=reason) from None


def check_size(name: str, size: int) -> None:
    """Raises UserError for a table of more than 50 MB."""
    if size > LARGEST_FILE:
        raise UserError("{file} has {size} MB; the limit for a table is {limit} MB. Bring fewer rows or columns.", file=name, size=-(-size // 1_000_000), limit=LARGEST_FILE // 1_000_000)  # fmt: skip


def pasted_suffix(text: str) -> str:
    """Which kind of table a pasted text is: JSON lines, tab-separated as spreadsheets copy, or else CSV."""
    first = text.lstrip("\ufeff \n\r").split("\n", 1)[0]
    return ".jsonl" if first.startswith("{") else ".tsv" if "\t" in first else ".csv"


def _table(name: str, columns: Sequence[str], rows: Iterable[tuple[int, Sequence[Any]]]) -> Table:
    """Everything as text, within the limits."""
    if len(columns) > MOST_COLUMNS:
        raise UserError("{file} has {have:,} columns; the limit is {limit:,}. Keep those with the text and the label.", file=name, have=len(columns), limit=MOST_COLUMNS)  # fmt: skip
    most = min(MOST_ROWS, MOST_CELLS // max(1, len(columns)))
    kept: list[tuple[str | None, ...]] = []
    numbers: list[int] = []
    characters = 0
    for number, row in rows:
        cells = tuple([_text(cell) for cell in row])
        characters += sum([len(cell) for cell in cells if cell is not None])
        if len(kept) == most:
            raise UserError("{file} has more than {limit:,} rows, the most that can be read of {columns} columns. Bring fewer.", file=name, limit=most, columns=len(columns))  # fmt: skip
        if characters > MOST_CHARACTERS:
            raise UserError("{file}, row {row}: the table unpacks to more than {limit:,} characters. Bring fewer rows.", file=name, row=number, limit=MOST_CHARACTERS)  # fmt: skip
        kept.append(cells)
        numbers.append(number)
    return Table(name, tuple([visible_surrogates(column) for column in columns]), tuple(kept), tuple(numbers))


def _keyed(values: Iterable[tuple[int, dict[str, Any] | str]], name: str) -> tuple[list[str], Rows]:
    """JSON lines as rows under all keys that come, in the order in which they come first; bare strings under `text`."""
    objects: list[tuple[int, dict[str, Any]]] = []
    keys: dict[str, None] = {}
    for number, value in values:
        row = {"text": value} if isinstance(value, str) else value
        keys.update(dict.fromkeys(row))
        objects.append((number, row))
        if len(keys) > MOST_COLUMNS or len(objects) > MOST_ROWS:
            break  # refused as soon as the table is put together
    return list(keys), ((number, [row.get(key) for key in keys]) for number, row in objects)


def _text(cell: object) -> str | None:
    """A cell as text. Whole numbers without a fraction, truth values small, nested values as JSON."""
    if cell is None or cell == "":
        return None
    if isinstance(cell, str):
        return visible_surrogates(cell).replace("\0", "\ufffd")
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float) and math.isfinite(cell) and cell == int(cell):
        return str(int(cell))
    if isinstance(cell, dict | list):
        return visible_surrogates(json.dumps(cell, ensure_ascii=False)).replace("\0", "\ufffd")
    return str(cell)
