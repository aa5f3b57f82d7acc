"""Parquet files: the cells of one text column as a stream, or all columns that can be read as text.

A small file may unpack to a large one: text is counted by the characters it comes to, while it streams.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from llm_core.data.tables import no_column, reason_of
from llm_core.errors import UserError

_LOOK_AHEAD = 100


def parquet(path: Path, column: str | None) -> Iterator[str]:
    """The cells of one text column of a Parquet file. Raises UserError for a broken file or a column not there."""
    with _opened(path, path.name) as table:
        names = [item.name for item in table.schema_arrow if _is_text(item.type)]
        if column is not None and column not in names:
            raise no_column(column, path.name, names)
        if not names:
            raise no_column(None, path.name, table.schema_arrow.names)
        if column is None:
            batch = next(table.iter_batches(_LOOK_AHEAD, columns=names), None)
            sizes = {name: sum(len(str(cell)) for cell in batch[name].to_pylist()) for name in names} if batch is not None else {}  # fmt: skip
            column = max(names, key=lambda name: sizes.get(name, 0))
        for batch in table.iter_batches(1024, columns=[column]):
            for cell in batch[column].to_pylist():
                if cell is not None:
                    yield cell


def parquet_rows(path: Path, name: str) -> tuple[list[str], Iterator[tuple[int, list[Any]]]]:
    """The columns of text, numbers, truth values and times, and the rows under them, numbered as below a header.

    Lists and other nested columns are left out. Raises UserError for a broken file, here or while rows are taken.
    """
    with _opened(path, name) as table:
        texts = [item.name for item in table.schema_arrow if _is_text(item.type)]
        columns = [item.name for item in table.schema_arrow if _is_text(item.type) or _is_plain(item.type)]
    return columns, _rows(path, name, columns, texts)


def _rows(path: Path, name: str, columns: list[str], texts: list[str]) -> Iterator[tuple[int, list[Any]]]:
    number = 1
    with _opened(path, name, texts) as table:
        for batch in table.iter_batches(1024, columns=columns):
            cells = [_values(batch[column]) for column in columns]
            for row in zip(*cells, strict=True):
                number += 1
                yield number, list(row)


def _values(array: Any) -> list[Any]:
    """The cells of a column. What a dictionary holds once is one object here, too, however often it is named."""
    import pyarrow

    if isinstance(array, pyarrow.DictionaryArray):
        known = array.dictionary.to_pylist()
        return [None if index is None else known[index] for index in array.indices.to_pylist()]
    return [None if isinstance(value, float) and math.isnan(value) else value for value in array.to_pylist()]


@contextmanager
def _opened(path: Path, name: str, dictionaries: list[str] | None = None) -> Iterator[Any]:
    """A Parquet file open for reading; whatever the library finds wrong in it becomes a UserError."""
    from pyarrow import parquet as reader

    try:
        with reader.ParquetFile(path, buffer_size=1 << 20, pre_buffer=False, read_dictionary=dictionaries) as table:
            yield table
    except UserError:
        raise
    except Exception as error:
        raise UserError("{file} is not a readable Parquet file: {reason}.", file=name, reason=reason_of(error)) from None  # fmt: skip


def _is_text(kind: Any) -> bool:
    import pyarrow

    if pyarrow.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pyarrow.types.is_string(kind) or pyarrow.types.is_large_string(kind))


def _is_plain(kind: Any) -> bool:
    import pyarrow

    types = pyarrow.types
    tests = (types.is_integer, types.is_floating, types.is_boolean, types.is_decimal, types.is_temporal)
    return any(test(kind) for test in tests)
