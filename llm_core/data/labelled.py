"""Texts with labels, as every classifier takes them, and what is told of a table that they came from.

Knows no file: `llm_core.data.table_preparing` makes these out of a table, `llm_core.data.splits` decides who stands where.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llm_core.data.splits import fold_numbers, groups_of, stratified
from llm_core.data.table_reading import Table
from llm_core.errors import UserError

MOST_FOLDS = 20

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Labelled:
    """Texts and their classes. labels: (N,) places in `names` · rows: (N,) row numbers as a spreadsheet counts them."""

    texts: tuple[str, ...]
    labels: Integers
    names: tuple[str, ...]
    rows: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, indices: Sequence[int] | Integers) -> "Labelled":
        """These texts alone, in the order of `indices`; `names` stay as they are."""
        places = np.asarray(indices, dtype=np.int64)
        return Labelled(
            tuple([self.texts[place] for place in places]), self.labels[places], self.names,
            tuple([self.rows[place] for place in places]),
        )  # fmt: skip

    @property
    def counts(self) -> dict[str, int]:
        """How many texts each class has, in the order of `names`; 0 where none."""
        counted = Counter(self.labels.tolist())
        return {name: counted[place] for place, name in enumerate(self.names)}


@dataclass(frozen=True)
class Trouble:
    """Something about a table that a person should know and that does not stop anything.

    template, values: one sentence, as in `UserError` · rows: the numbers of the rows that it is about, of `file`; empty
    where it is about none of them.
    """

    template: str
    values: Mapping[str, Any]
    rows: tuple[int, ...] = ()
    file: str = ""

    def __str__(self) -> str:
        return self.template.format(**self.values)


@dataclass(frozen=True)
class Prepared:
    """A table made ready: two parts with the same `names`, and what was found on the way.

    columns: all columns of the table · test_table: where the rows of `test` stand; the table itself unless a file was
    given for the test.
    """

    training: Labelled
    test: Labelled
    troubles: tuple[Trouble, ...]
    columns: tuple[str, ...]
    text_column: str
    label_column: str
    table: Table = field(repr=False)
    test_table: Table = field(repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        """The classes in order."""
        return self.training.names


def inner_split(training: Labelled, seed: int, share: float = 0.1) -> tuple[Labelled, Labelled]:
    """What to learn from and what to stop early by: the same share of every class, to within one row.

    Texts that are alike stand on one side; a class of one row, in the first part. The second part may be empty where
    there are few texts.
    """
    held_out = stratified(training.labels, groups_of(training.texts), share, seed)
    return training.take(np.flatnonzero(~held_out)), training.take(np.flatnonzero(held_out))


def folds(labelled: Labelled, count: int, seed: int) -> list[tuple[Integers, Integers]]:
    """Places of what is learned from and what is tested with, `count` times; each text is tested with once.

    Texts that are alike fall into one fold. Raises UserError for fewer than 2 folds, more than 20, or more than texts.
    """
    most = min(MOST_FOLDS, len(labelled))
    if not 2 <= count <= most:
        raise UserError("Cross-validation of {texts} texts takes 2 to {most} folds; {count} were asked for.", texts=len(labelled), most=most, count=count)  # fmt: skip
    numbers = fold_numbers(labelled.labels, groups_of(labelled.texts), count, seed)
    return [(np.flatnonzero(numbers != fold), np.flatnonzero(numbers == fold)) for fold in range(count)]
