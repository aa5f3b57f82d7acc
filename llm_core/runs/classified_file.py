"""A file classified by a family of a race: how it is asked for, and what came out. Knows no torch."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from llm_core.config import parse
from llm_core.data.table_reading import Table, read_table
from llm_core.data.table_writing import as_table
from llm_core.errors import UserError
from llm_core.evaluate.classification import Floats, Labels, predict
from llm_core.runs.file_to_classify import ClassifyFileConfig
from llm_core.runs.raced import Race
from llm_core.runs.run import Run
from llm_core.runs.store import Store

PROBABILITIES = "probabilities.safetensors"


@dataclass(frozen=True)
class ClassifiedFile:
    """A table and what a family says of it. kept: places (N,) of the rows that hold a text, `column` being the place of
    the texts in a row · probabilities: (N, K)."""

    table: Table = field(repr=False)
    column: int
    kept: Labels
    names: tuple[str, ...]
    probabilities: Floats

    @property
    def predicted(self) -> Labels:
        """The likeliest class of each text: (N,)."""
        return predict(self.probabilities)

    def csv(self) -> str:
        """The whole table with the class and the probabilities of every text; empty where there is no text."""
        heads = (*self.table.columns, "predicted", "probability", *(f"probability of {name}" for name in self.names))
        return as_table(heads, self._rows())

    def _rows(self) -> Iterator[tuple[Any, ...]]:
        found = {place: n for n, place in enumerate(self.kept.tolist())}
        predicted = self.predicted
        for place, row in enumerate(self.table.rows):
            n = found.get(place)
            if n is None:
                yield (*row, *(None,) * (2 + len(self.names)))
            else:
                shares = self.probabilities[n]
                yield (*row, self.names[predicted[n]], float(shares[predicted[n]]), *map(float, shares))


def start(store: Store, race: Race, owner: str, family: str, file: Path, encoding: str | None, text_column: str) -> Run:
    """Have a file classified by a worker: the run that does it. Raises UserError for a file that cannot be read, and a
    column that holds no text; leaves nothing then."""
    texts_of(read_table(file, encoding), text_column)
    values = {
        "race": race.run.id, "family": family, "file": str(file), "encoding": encoding, "text_column": text_column,
    }  # fmt: skip
    config = parse(ClassifyFileConfig, values)
    made = store.create(config, name=file.name, owner=owner)
    store.start(made, owner)
    return made


def find_runs(store: Store, race: Run) -> list[Run]:
    """The runs in which families of this race classify files, the newest first."""
    return [
        one for one in store.runs(kind="classify_file", about=race.id) if isinstance(one.settings, ClassifyFileConfig)
    ]


def texts_of(table: Table, text_column: str) -> tuple[int, Labels]:
    """The place of the column, and those of the rows (N,) that hold a text in it. Raises UserError for none."""
    if text_column not in table.columns:
        raise UserError("{file} has no column {column!r}; it has: {found}.", file=table.name, column=text_column[:80], found=", ".join(table.columns)[:500])  # fmt: skip
    column = table.columns.index(text_column)
    kept = np.array([place for place, row in enumerate(table.rows) if (row[column] or "").strip()], dtype=np.int64)
    if not len(kept):
        raise UserError("{file} has no text in {column!r}; choose another column.", file=table.name, column=text_column)
    return column, kept


def outcome(run: Run, names: tuple[str, ...]) -> ClassifiedFile:
    """What came out of a finished run; `names`: the classes of its race. Raises UserError when its files do not fit."""
    from safetensors.numpy import load_file

    assert isinstance(run.settings, ClassifyFileConfig)
    table = read_table(Path(run.settings.file), run.settings.encoding)
    column, kept = texts_of(table, run.settings.text_column)
    try:
        probabilities = load_file(run.folder / PROBABILITIES)["probabilities"].astype(np.float64)
    except Exception as error:  # safetensors has errors of its own for every kind of broken file
        raise UserError("{file} cannot be read: {reason}.", file=PROBABILITIES, reason=type(error).__name__) from None
    if probabilities.shape != (len(kept), len(names)):
        raise UserError("Run {run} does not fit its table; classify the file again.", run=run.id)
    return ClassifiedFile(table, column, kept, names, probabilities)
