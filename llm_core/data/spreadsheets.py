"""XLSX workbooks: the rows of the first sheet that has any, by openpyxl, which reads values and runs nothing.

A workbook is a zip of XML. How large it really is, is counted while it unpacks, before anything reads it.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import chain
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from llm_core.data.encodings import visible_surrogates
from llm_core.data.tables import headed, reason_of
from llm_core.errors import UserError

LARGEST_UNPACKED = 200_000_000
MOST_PARTS = 1_000
MOST_ROWS = 200_000
LAST_ROW = 1_048_576
_BLOCK = 1 << 20
_ROW = b"<row "
_DECLARATIONS = tuple("<!DOCTYPE".encode(code) for code in ("utf-8", "utf-16-le", "utf-16-be"))

Row = tuple[int, list[Any]]


def sheet_rows(path: Path, name: str) -> tuple[str, list[str], Iterator[Row]]:
    """What to call the sheet, its columns and its rows, numbered as the spreadsheet numbers them; blank ones left out.

    The first row names the columns unless a number is in it. Raises UserError for a file that is no workbook, unpacks
    to more than 200 MB, has a sheet of more than 200,000 rows or none at all; while rows are taken, for one that is longer
    than the first.
    """
    _check_unpacked(path, name)
    rows = _filled(path, name)
    called, number, cells = next(rows, (name, 0, []))
    if not cells:
        raise UserError("{file} has no rows.", file=name)
    rest: Iterator[Row] = ((number, cells) for _, number, cells in rows)
    texts = ["" if cell is None else str(cell) for cell in cells]
    header, _ = headed(iter([(number, texts)]), called)
    if header != texts:
        rest = chain([(number, cells)], rest)
    return called, header, _even(rest, len(header), called)


def _filled(path: Path, name: str) -> Iterator[tuple[str, int, list[Any]]]:
    """What to call the first sheet with any rows, and those that are not blank, without the blank cells at their ends."""
    with _opened(path, name) as book:
        for sheet in book.worksheets:
            called = name if len(book.worksheets) == 1 else f"{name} ({visible_surrogates(sheet.title)})"
            found = False
            sheet.reset_dimensions()  # what a file says of its size may be wrong
            for number, values in enumerate(sheet.iter_rows(values_only=True), start=1):
                if number > LAST_ROW:
                    raise UserError("{file} has a row beyond {limit:,}, the last that a sheet can have.", file=called, limit=LAST_ROW)  # fmt: skip
                cells = list(values)
                while cells and _is_blank(cells[-1]):
                    cells.pop()
                if cells:
                    found = True
                    yield called, number, cells
            if found:
                return


def _even(rows: Iterator[Row], width: int, name: str) -> Iterator[Row]:
    for number, cells in rows:
        if len(cells) > width:
            raise UserError("{file}, row {row} has {have} cells where the first row has {need}; give the others a name or clear them.", file=name, row=number, have=len(cells), need=width)  # fmt: skip
        yield number, cells + [None] * (width - len(cells))


def _is_blank(cell: object) -> bool:
    return cell is None or (isinstance(cell, str) and not cell.strip())


def _check_unpacked(path: Path, name: str) -> None:
    """Unpack every part, keep none. Raises UserError for too much, too many rows, and a document type, which could grow."""
    try:
        with ZipFile(path) as archive:
            parts = archive.infolist()
            if len(parts) > MOST_PARTS:
                raise UserError("{file} has {have:,} parts inside; the limit is {limit:,}.", file=name, have=len(parts), limit=MOST_PARTS)  # fmt: skip
            size = 0
            for part in parts:
                rows = 0
                with archive.open(part) as stream:
                    before = b""
                    while block := stream.read(_BLOCK):
                        size += len(block)
                        # Reading a row takes far longer than unpacking it, so that too many are told in advance.
                        rows += (before[-len(_ROW) + 1 :] + block).count(_ROW)
                        if size > LARGEST_UNPACKED:
                            raise UserError("{file} unpacks to more than {limit} MB; save the rows that you need as CSV.", file=name, limit=LARGEST_UNPACKED // 1_000_000)  # fmt: skip
                        if rows > MOST_ROWS:
                            raise UserError("{file} has a sheet of more than {limit:,} rows; save it as CSV, which may have more.", file=name, limit=MOST_ROWS)  # fmt: skip
                        if part.filename.endswith((".xml", ".rels")) and any(mark in before + block for mark in _DECLARATIONS):  # fmt: skip
                            raise _unreadable(name, "a document type is declared in it")
                        before = block[-32:]
    except (UserError, OSError):
        raise
    except Exception as error:  # whatever the library finds wrong in the file
        raise _unreadable(name, reason_of(error)) from None


@contextmanager
def _opened(path: Path, name: str) -> Iterator[Any]:
    """A workbook open for reading, cell by cell; whatever the library finds wrong in it becomes a UserError."""
    from openpyxl import load_workbook

    try:
        with (
            path.open("rb") as stream,
            closing(load_workbook(stream, read_only=True, data_only=True, keep_links=False)) as book,
        ):
            yield book
    except (UserError, OSError):
        raise
    except Exception as error:
        raise _unreadable(name, reason_of(error)) from None


def _unreadable(name: str, reason: str) -> UserError:
    return UserError("{file} is not a readable XLSX workbook: {reason}. Save it anew as XLSX, or as CSV.", file=name, reason=reason)  # fmt: skip
