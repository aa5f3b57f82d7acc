"""Tables become documents: the text cells of CSV, TSV, JSON lines and Parquet, row by row, never the whole file.

Knows no encoding: it is given lines of text (Parquet: a file). Every fault names its row.
"""

import csv
import json
import re
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

from llm_core.data.encodings import visible_surrogates
from llm_core.errors import UserError

LONGEST_FIELD = 131_072
LONGEST_LINE = 64_000_000
_LOOK_AHEAD = 100
_MISSING = object()


def lines(blocks: Iterable[str], name: str) -> Iterator[str]:
    """Lines with their newline, out of blocks that end anywhere. Raises UserError for one longer than 64 MB."""
    rest: list[str] = []
    held = 0
    for block in blocks:
        parts = block.split("\n")
        for part in parts[:-1]:
            yield "".join((*rest, part, "\n"))
            rest, held = [], 0
        rest.append(parts[-1])
        held += len(parts[-1])
        if held > LONGEST_LINE:
            raise UserError("{file} has a line of more than {limit} characters; is it really a table?", file=name, limit=LONGEST_LINE)  # fmt: skip
    if held:
        yield "".join(rest)


def delimited(source: Iterator[str], name: str, column: str | None, tabs: bool) -> Iterator[str]:
    """The cells of one column of a CSV (or tab-separated) text. Rows count from 1, the header included.

    A first row with a number in it is data: then columns are called 1, 2, 3. Raises UserError for a ragged row, an
    unclosed quote, an oversized field, an empty or double header, a column that is not there.
    """
    first = next(source, "")
    if tabs:
        reader = csv.reader(chain([first], source), delimiter="\t", quoting=csv.QUOTE_NONE)
    else:
        delimiter = max(",;\t", key=re.sub('"[^"]*"', "", first).count)
        reader = csv.reader(chain([first], source), delimiter=delimiter, strict=True)
    rows = _numbered(reader, name)
    number, header = next(rows, (1, []))
    if any(_is_number(cell) for cell in header):
        rows = chain([(number, header)], rows)
        header = [str(place + 1) for place in range(len(header))]
    _check_header(header, name)
    checked = _even(rows, len(header), name)
    ahead = list(islice(checked, _LOOK_AHEAD))
    place = _choose(header, [row for _, row in ahead], name, column)
    for _, row in chain(ahead, checked):
        yield row[place]


def json_lines(source: Iterator[str], name: str, column: str | None) -> Iterator[str]:
    """The strings under one key of a text with a JSON object a line; a line may also be a bare string.

    Raises UserError for a line that is not JSON, is neither, or has no text under the key.
    """
    values = _parsed(source, name)
    ahead = list(islice(values, _LOOK_AHEAD))
    keys: dict[str, list[str]] = {}
    for _, value in ahead:
        for key, cell in value.items() if isinstance(value, dict) else ():
            if isinstance(cell, str):
                keys.setdefault(key, []).append(cell)
    chosen: str | None = column
    if column is None and keys:
        chosen = max(keys, key=lambda key: sum(map(len, keys[key])))
    elif any(isinstance(value, dict) for _, value in ahead) and column not in keys:
        found = sorted({key for _, value in ahead if isinstance(value, dict) for key in value})
        raise _no_column(column, name, found)
    for number, value in chain(ahead, values):
        if isinstance(value, dict) and chosen is not None:
            value = value.get(chosen, _MISSING)
        if value is None:
            continue  # a null is an empty cell
        if not isinstance(value, str):
            raise UserError("{file}, line {row}: there is no text under {column!r}.", file=name, row=number, column=chosen or "")  # fmt: skip
        yield visible_surrogates(value)


def parquet(path: Path, column: str | None) -> Iterator[str]:
    """The cells of one text column of a Parquet file. Raises UserError for a broken file or a column not there."""
    import pyarrow
    from pyarrow import parquet as reader

    def is_text(kind: Any) -> bool:
        if pyarrow.types.is_dictionary(kind):
            kind = kind.value_type
        return bool(pyarrow.types.is_string(kind) or pyarrow.types.is_large_string(kind))

    try:
        with reader.ParquetFile(path, buffer_size=1 << 20, pre_buffer=False) as table:
            names = [item.name for item in table.schema_arrow if is_text(item.type)]
            if column is not None and column not in names:
                raise _no_column(column, path.name, names)
            if not names:
                raise _no_column(None, path.name, table.schema_arrow.names)
            if column is None:
                batch = next(table.iter_batches(_LOOK_AHEAD, columns=names), None)
                sizes = {name: sum(len(str(cell)) for cell in batch[name].to_pylist()) for name in names} if batch is not None else {}  # fmt: skip
                column = max(names, key=lambda name: sizes.get(name, 0))
            for batch in table.iter_batches(1024, columns=[column]):
                for cell in batch[column].to_pylist():
                    if cell is not None:
                        yield cell
    except UserError:
        raise
    except Exception as error:  # whatever the library finds wrong in the file
        raise UserError("{file} is not a readable Parquet file: {reason}.", file=path.name, reason=_reason(error)) from None  # fmt: skip


def _numbered(reader: Iterator[list[str]], name: str) -> Iterator[tuple[int, list[str]]]:
    """Rows that are not blank, numbered as a spreadsheet numbers them."""
    number = 0
    while True:
        number += 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if "unexpected end" in str(error):
                raise UserError("{file}, row {row}: a quotation mark is never closed.", file=name, row=number) from None
            if "field larger" in str(error):
                raise UserError(
                    "{file}, row {row}: a field is longer than {limit} characters; is a quotation mark not closed?",
                    file=name, row=number, limit=LONGEST_FIELD,
                ) from None  # fmt: skip
            raise UserError("{file}, row {row}: {reason}.", file=name, row=number, reason=_reason(error)) from None
        if row:
            yield number, row


def _even(rows: Iterable[tuple[int, list[str]]], width: int, name: str) -> Iterator[tuple[int, list[str]]]:
    for number, row in rows:
        if len(row) != width:
            raise UserError(
                "{file}, row {row} has {have} fields where the first row has {need}; put text with a separator in it in quotation marks.",
                file=name, row=number, have=len(row), need=width,
            )  # fmt: skip
        yield number, row


def _check_header(header: list[str], name: str) -> None:
    seen: dict[str, int] = {}
    for place, title in enumerate(header, start=1):
        if not title.strip():
            raise UserError("{file}, row 1: column {place} has no name.", file=name, place=place)
        if title in seen:
            raise UserError("{file}, row 1: columns {first} and {second} are both called {column!r}.", file=name, first=seen[title], second=place, column=title)  # fmt: skip
        seen[title] = place


def _choose(header: list[str], rows: list[list[str]], name: str, column: str | None) -> int:
    if column is not None:
        if column not in header:
            raise _no_column(column, name, header)
        return header.index(column)
    return max(range(len(header)), key=lambda place: sum(len(row[place]) for row in rows), default=0)


def _parsed(source: Iterable[str], name: str) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(source, start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            raise UserError("{file}, line {row} is not valid JSON: {reason}.", file=name, row=number, reason=_reason(error)) from None  # fmt: skip
        if not isinstance(value, dict | str):
            raise UserError("{file}, line {row} is neither a JSON object nor a string.", file=name, row=number)
        yield number, value


def _refuse_constant(word: str) -> None:
    raise ValueError(f"{word} is not JSON")


def _no_column(column: str | None, name: str, found: list[str]) -> UserError:
    if column is None:
        return UserError("{file} has no column of text; it has: {found}.", file=name, found=", ".join(found[:20]) or "-")  # fmt: skip
    return UserError("{file} has no text column {column!r}; it has: {found}.", file=name, column=column, found=", ".join(found[:20]) or "-")  # fmt: skip


def _is_number(cell: str) -> bool:
    return re.fullmatch(r"\s*[+-]?[0-9]+([.,][0-9]+)?\s*", cell) is not None


def _reason(error: BaseException) -> str:
    """An exception's own words in one line, without a closing full stop."""
    return " ".join(str(error).split())[:200].rstrip(".") or type(error).__name__
