"""Rows of tables in text: CSV, TSV and JSON lines, one by one, never the whole file.

Knows no encoding: it is given lines of text. Every fault names its row.
"""

import csv
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any

from llm_core.data.encodings import visible_surrogates
from llm_core.errors import UserError

LONGEST_FIELD = 131_072
LONGEST_LINE = 64_000_000
_LOOK_AHEAD = 100
_MISSING = object()

Numbered = tuple[int, list[str]]
"""A row with its number."""


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
    """The cells of one column of a CSV (or tab-separated) text; without a column, of the one with the longest cells.

    Raises UserError as `delimited_rows`, and for a column that is not there.
    """
    header, rows = delimited_rows(source, name, tabs)
    ahead = list(islice(rows, _LOOK_AHEAD))
    place = _choose(header, [row for _, row in ahead], name, column)
    for _, row in chain(ahead, rows):
        yield row[place]


def delimited_rows(source: Iterator[str], name: str, tabs: bool) -> tuple[list[str], Iterator[Numbered]]:
    """The columns of a CSV (or tab-separated) text and its rows, numbered as a spreadsheet counts them.

    The delimiter of CSV is the one of comma, semicolon and tab that the first line has most of. Raises UserError for
    headers as `headed`; while rows are taken, for a ragged row, an unclosed quote, an oversized field.
    """
    first = next(source, "")
    if tabs:
        reader = csv.reader(chain([first], source), delimiter="\t", quoting=csv.QUOTE_NONE)
    else:
        delimiter = max(",;\t", key=re.sub('"[^"]*"', "", first).count)
        reader = csv.reader(chain([first], source), delimiter=delimiter, strict=True)
    header, rows = headed(_numbered(reader, name), name)
    return header, _even(rows, len(header), name)


def headed(rows: Iterator[Numbered], name: str) -> tuple[list[str], Iterator[Numbered]]:
    """The columns of a table and the rows that follow. The first row names the columns.

    Unless it has a number in it: then it is data, and columns are called 1, 2, 3. Raises UserError for an empty or a
    double name.
    """
    number, header = next(rows, (1, []))
    if any(_is_number(cell) for cell in header):
        rows = chain([(number, header)], rows)
        header = [str(place + 1) for place in range(len(header))]
    _check_header(header, number, name)
    return header, rows


def json_lines(source: Iterator[str], name: str, column: str | None) -> Iterator[str]:
    """The strings under one key of a text with a JSON object a line; a line may also be a bare string.

    Raises UserError for a line that is not JSON, is neither, or has no text under the key.
    """
    values = json_rows(source, name)
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
        raise no_column(column, name, found)
    for number, value in chain(ahead, values):
        if isinstance(value, dict) and chosen is not None:
            value = value.get(chosen, _MISSING)
        if value is None:
            continue  # a null is an empty cell
        if not isinstance(value, str):
            raise UserError("{file}, line {row}: there is no text under {column!r}.", file=name, row=number, column=chosen or "")  # fmt: skip
        yield visible_surrogates(value)


def json_rows(source: Iterable[str], name: str) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """The values of a text with a JSON object or string a line, with the number of the line.

    Raises UserError for a line that is not JSON or is neither.
    """
    for number, line in enumerate(source, start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            raise UserError("{file}, line {row} is not valid JSON: {reason}.", file=name, row=number, reason=reason_of(error)) from None  # fmt: skip
        if not isinstance(value, dict | str):
            raise UserError("{file}, line {row} is neither a JSON object nor a string.", file=name, row=number)
        yield number, value


def _numbered(reader: Iterator[list[str]], name: str) -> Iterator[Numbered]:
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
            raise UserError("{file}, row {row}: {reason}.", file=name, row=number, reason=reason_of(error)) from None
        if row:
            yield number, row


def _even(rows: Iterable[Numbered], width: int, name: str) -> Iterator[Numbered]:
    for number, row in rows:
        if len(row) != width:
            raise UserError(
                "{file}, row {row} has {have} fields where the first row has {need}; put text with a separator in it in quotation marks.",
                file=name, row=number, have=len(row), need=width,
            )  # fmt: skip
        yield number, row


def _check_header(header: list[str], row: int, name: str) -> None:
    seen: dict[str, int] = {}
    for place, title in enumerate(header, start=1):
        if not title.strip():
            raise UserError(
                "{file}, row {row}: column {place} has no name; give it one.", file=name, row=row, place=place
            )
        if title in seen:
            raise UserError("{file}, row {row}: columns {first} and {second} are both called {column!r}; rename one.", file=name, row=row, first=seen[title], second=place, column=title)  # fmt: skip
        seen[title] = place


def _choose(header: list[str], rows: list[list[str]], name: str, column: str | None) -> int:
    if column is not None:
        if column not in header:
            raise no_column(column, name, header)
        return header.index(column)
    return max(range(len(header)), key=lambda place: sum(len(row[place]) for row in rows), default=0)


def _refuse_constant(word: str) -> None:
    raise ValueError(f"{word} is not JSON")


def no_column(column: str | None, name: str, found: Sequence[str]) -> UserError:
    """What to say of a table without this column, or without any of text: it lists those found."""
    if column is None:
        return UserError("{file} has no column of text; it has: {found}.", file=name, found=", ".join(found[:20]) or "-")  # fmt: skip
    return UserError("{file} has no text column {column!r}; it has: {found}.", file=name, column=column, found=", ".join(found[:20]) or "-")  # fmt: skip


def _is_number(cell: str) -> bool:
    return re.fullmatch(r"\s*[+-]?[0-9]+([.,][0-9]+)?\s*", cell) is not None


def reason_of(error: BaseException) -> str:
    """An exception's own words in one line, without a closing full stop."""
    return " ".join(str(error).split())[:200].rstrip(".") or type(error).__name__
