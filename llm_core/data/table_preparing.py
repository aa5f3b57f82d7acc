"""A table becomes labelled texts: columns found, labels counted, trouble named, a part kept for the test."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from llm_core.config import TableConfig
from llm_core.data.labelled import Labelled, Prepared, Trouble
from llm_core.data.splits import groups_of, stratified
from llm_core.data.table_columns import MOST_LABELS, choose_columns, in_order, label_of, listed, place_of
from llm_core.data.table_examples import EXAMPLES
from llm_core.data.table_reading import Table, read_table
from llm_core.data.table_troubles import (
    about_characters,
    about_classes,
    about_empty,
    about_groups,
    about_names,
    about_test_file,
    about_unknown,
)
from llm_core.errors import UserError

LEAST_TEXTS = 8


def prepare_table(config: TableConfig, table: Table | None = None) -> Prepared:
    """The labelled texts of a table, in two parts. The same settings and file give the same parts.

    table: what `open_table` gives of the file, where that has been read already.
    Without a test file, of each class the share to within one row is tested with, one row at the least; texts that
    stand in the table several times are learned from. A test file is tested with as it is. Raises UserError as
    `read_table` and for columns that are not there, fewer than 8 texts, one label, more than 100.
    """
    table = open_table(config.file, config.encoding) if table is None else table
    places = choose_columns(table, config.text_column, config.label_column)
    text_column, label_column = (table.columns[place] for place in places)
    texts, labels, kept, troubles = _cells(table, *places)
    names = in_order(labels) if config.file not in EXAMPLES else EXAMPLES[config.file].labels
    _check(table, len(texts), names, label_column)
    whole = Labelled(tuple(texts), _numbers(labels, names), names, tuple([table.numbers[n] for n in kept]))
    troubles += about_names(names, label_column, table.name)
    groups = groups_of(whole.texts)
    if config.test_file is None:
        held_out = stratified(whole.labels, groups, config.test_share, config.seed, least=1)
        training, test = whole.take(np.flatnonzero(~held_out)), whole.take(np.flatnonzero(held_out))
        if not len(test):
            raise UserError("{file}: each label has one text alone, so that none is left to test with. Choose another label column ({found}).", file=table.name, found=listed(table.columns))  # fmt: skip
        test_table = table
        troubles += about_groups(whole, groups, held_out, table.name)
    else:
        test_table = open_table(config.test_file, config.encoding)
        training = whole
        test, found = _test_part(test_table, text_column, label_column, names)
        troubles += about_groups(whole, groups, None, table.name)
        troubles += [*found, *about_test_file(training, test, test_table.name)]
    troubles += [*about_classes(training, test), *about_characters(whole, table.name)]
    return Prepared(training, test, tuple(troubles), table.columns, text_column, label_column, table, test_table)


def open_table(file: str, encoding: str | None = None) -> Table:
    """An included example by its name, or the table in a file. Raises UserError where there is neither, or a fault."""
    if example := EXAMPLES.get(file):
        return example.table
    path = Path(file)
    try:
        found = path.is_file()
    except (OSError, ValueError):
        found = False
    if not found:
        raise UserError("There is no included table and no file called {file!r}; included tables are {names}.", file=file[:200], names=", ".join(EXAMPLES))  # fmt: skip
    return read_table(path, encoding)


def _cells(table: Table, text: int, label: int) -> tuple[list[str], list[str], list[int], list[Trouble]]:
    """Texts and labels of the rows that have both, the places of these rows, and what is to be said of the others."""
    texts: list[str] = []
    labels: list[str] = []
    kept: list[int] = []
    unlabelled: list[int] = []
    empty: list[int] = []
    for place, row in enumerate(table.rows):
        found, named = row[text], label_of(row[label])
        if found is None or not found.strip():
            empty.append(table.numbers[place])
        elif named is None:
            unlabelled.append(table.numbers[place])
        else:
            texts.append(found)
            labels.append(named)
            kept.append(place)
    return texts, labels, kept, about_empty(empty, unlabelled, table.name)


def _check(table: Table, count: int, names: Sequence[str], column: str) -> None:
    others = listed([other for other in table.columns if other != column])
    if not count:
        raise UserError("{file} has no row with both a text and a label in {column!r}; it has: {found}.", file=table.name, column=column, found=listed(table.columns))  # fmt: skip
    if len(names) == 1:
        raise UserError("{file}: all {count:,} texts have the label {label!r} in {column!r}; to tell classes apart takes two. Choose another label column ({found}).", file=table.name, count=count, label=names[0][:60], column=column, found=others)  # fmt: skip
    if len(names) > MOST_LABELS:
        raise UserError("{file}: {column!r} has {count:,} different labels; the limit is {limit}. Choose another label column ({found}); numbers without classes are for a regression.", file=table.name, column=column, count=len(names), limit=MOST_LABELS, found=others)  # fmt: skip
    if count < LEAST_TEXTS:
        raise UserError("{file} has {have} texts with a label; at least {need} are needed, some to learn from and some to test with.", file=table.name, have=count, need=LEAST_TEXTS)  # fmt: skip


def _test_part(table: Table, text: str, label: str, names: tuple[str, ...]) -> tuple[Labelled, list[Trouble]]:
    """What of a test file can be tested with: the rows whose label is known."""
    texts, labels, kept, troubles = _cells(table, place_of(table, text), place_of(table, label))
    known = [n for n, name in enumerate(labels) if name in names]
    unknown = Counter(name for name in labels if name not in names)
    if not known:
        raise UserError("{file} has no text with one of the labels of the table: {labels}.", file=table.name, labels=listed(names))  # fmt: skip
    rows = [table.numbers[place] for place, name in zip(kept, labels, strict=True) if name in unknown]
    troubles += about_unknown(in_order(unknown), rows, table.name)
    part = Labelled(
        tuple([texts[n] for n in known]), _numbers([labels[n] for n in known], names), names,
        tuple([table.numbers[kept[n]] for n in known]),
    )  # fmt: skip
    return part, troubles


def _numbers(labels: Sequence[str], names: Sequence[str]) -> NDArray[np.int64]:
    place = {name: number for number, name in enumerate(names)}
    return np.array([place[label] for label in labels], dtype=np.int64)
