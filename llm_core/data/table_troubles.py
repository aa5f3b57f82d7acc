"""What is told of a table that can be used all the same: each trouble a sentence, with the rows that it is about."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from llm_core.data.labelled import Labelled, Trouble
from llm_core.data.splits import normalised
from llm_core.data.table_columns import listed
from llm_core.errors import N_

FEW_TEXTS = 10
LOPSIDED = 5
"""How many times as many texts the largest class may have as the smallest before that is said."""


def about_empty(empty: Sequence[int], unlabelled: Sequence[int], file: str) -> list[Trouble]:
    """Rows that are left out."""
    troubles = []
    if empty:
        troubles.append(Trouble(N_("Rows without a text, left out: {count:,}."), {"count": len(empty)}, tuple(empty), file))  # fmt: skip
    if unlabelled:
        troubles.append(Trouble(N_("Rows without a label, left out: {count:,}."), {"count": len(unlabelled)}, tuple(unlabelled), file))  # fmt: skip
    return troubles


def about_names(names: Sequence[str], column: str, file: str) -> list[Trouble]:
    """A first row that may have been a text, and labels that look like one label written in several ways."""
    troubles = []
    if column.strip() in names:
        template = N_("The first row was read as the names of the columns, but its {label!r} is a label as well. If it is a text like the others, put a row with names above it.")  # fmt: skip
        troubles.append(Trouble(template, {"label": _short(column)}, (), file))
    written: dict[str, list[str]] = {}
    for name in names:
        written.setdefault("".join(name.casefold().split()), []).append(_short(name))
    alike = [name for group in written.values() if len(group) > 1 for name in group]
    if alike:
        troubles.append(Trouble(N_("Labels that differ in capitals or spaces alone count as different ones: {labels}."), {"labels": listed(alike)}))  # fmt: skip
    return troubles


def about_groups(
    whole: Labelled, groups: NDArray[np.int64], held_out: NDArray[np.bool_] | None, file: str
) -> list[Trouble]:
    """Texts that are alike: where they stand, and whether they contradict each other. held_out: None for a test file."""
    sizes = np.bincount(groups)
    alike = sizes[groups] > 1
    if not alike.any():
        return []
    rows = tuple([whole.rows[place] for place in np.flatnonzero(alike)])
    values = {"count": len(rows), "texts": int((sizes > 1).sum())}
    template = N_("Texts that stand in the table more than once, but for capitals, spaces and punctuation: {texts:,}, in {count:,} rows.")  # fmt: skip
    if held_out is not None and not (alike & held_out).any():
        template = N_("Texts that stand in the table more than once, but for capitals, spaces and punctuation: {texts:,}, in {count:,} rows. All these are learned from, so that nothing is tested that was learned.")  # fmt: skip
    elif held_out is not None:
        template = N_("Texts that stand in the table more than once, but for capitals, spaces and punctuation: {texts:,}, in {count:,} rows. Rows of the same text are all learned from or all tested with.")  # fmt: skip
    troubles = [Trouble(template, values, rows, file)]
    least, most = np.full(len(sizes), len(whole.names)), np.zeros(len(sizes), dtype=np.int64)
    np.minimum.at(least, groups, whole.labels)
    np.maximum.at(most, groups, whole.labels)
    against = np.flatnonzero((least < most)[groups])
    if len(against):
        told = tuple([whole.rows[place] for place in against])
        troubles.append(Trouble(N_("Rows with a text that another row gives another label: {count:,}."), {"count": len(told)}, told, file))  # fmt: skip
    return troubles


def about_classes(training: Labelled, test: Labelled) -> list[Trouble]:
    """Classes with hardly any text, with none to test, and one that is much larger than the others."""
    troubles = []
    sizes = {name: training.counts[name] + test.counts[name] for name in training.names}
    for name, size in sizes.items():
        if size == 1:
            row = training.rows[int(np.flatnonzero(training.labels == training.names.index(name))[0])]
            troubles.append(Trouble(N_("The label {label!r} has one text alone: it is learned from and cannot be tested."), {"label": _short(name)}, (row,)))  # fmt: skip
    untested = [_short(name) for name, size in sizes.items() if size > 1 and not test.counts[name]]
    if untested:
        troubles.append(Trouble(N_("No text is tested that has one of the labels {labels}."), {"labels": listed(untested)}))  # fmt: skip
    few = [_short(name) for name, size in sizes.items() if 1 < size < FEW_TEXTS and test.counts[name]]
    if few:
        troubles.append(Trouble(N_("These labels have fewer than {limit} texts each, so their figures say little: {labels}."), {"limit": FEW_TEXTS, "labels": listed(few)}))  # fmt: skip
    largest, smallest = max(sizes, key=sizes.__getitem__), min(sizes.values())
    if sizes[largest] >= LOPSIDED * smallest:
        share = sizes[largest] / sum(sizes.values())
        troubles.append(Trouble(N_("The labels are uneven: {share:.0%} of the texts are {label!r}, and who always says so is as often right. Look at the macro F1, not at the accuracy alone."), {"share": share, "label": _short(largest)}))  # fmt: skip
    return troubles


def about_unknown(labels: Sequence[str], rows: Sequence[int], file: str) -> list[Trouble]:
    """Rows of a test file whose label was never learned."""
    if not rows:
        return []
    template = N_("Rows of {file} with labels that the table does not have ({labels}), left out: {count:,}.")
    values = {"count": len(rows), "file": file, "labels": listed([_short(label) for label in labels])}
    return [Trouble(template, values, tuple(rows), file)]


def about_test_file(training: Labelled, test: Labelled, file: str) -> list[Trouble]:
    """Texts of a test file that are learned from as well. They stay: a test that others use is to be the same here."""
    learned = {normalised(text) for text in training.texts}
    rows = tuple([row for text, row in zip(test.texts, test.rows, strict=True) if normalised(text) in learned])
    if not rows:
        return []
    template = N_("Rows of {file} with a text that is learned from as well: {count:,}. They are tested all the same, so the figures are a little too good.")  # fmt: skip
    return [Trouble(template, {"count": len(rows), "file": file}, rows, file)]


def about_characters(whole: Labelled, file: str) -> list[Trouble]:
    """Texts that were read in a wrong encoding once."""
    rows = tuple([row for text, row in zip(whole.texts, whole.rows, strict=True) if "\ufffd" in text])
    if not rows:
        return []
    template = N_("Texts with the sign �, where a character was lost: {count:,}. Was the file saved in a wrong encoding once?")  # fmt: skip
    return [Trouble(template, {"count": len(rows)}, rows, file)]


def _short(label: str) -> str:
    label = " ".join(label.split())
    return label if len(label) <= 40 else label[:39] + "…"
