"""Whole tables out of files: CSV, TSV, JSON lines, XLSX and Parquet, all columns, every cell as text.

What is wrong with a table is said with its file, row and limit. Values are read, formulas never run.
"""

from dataclasses import dataclass
from pathlib import Path


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
    """The table in a file; `name` is what to call it in an error. Raises UserError for all that is wrong with it."""
    raise NotImplementedError
