"""Which column of a table holds the texts and which the labels: those asked for, or those that look like it."""

from collections.abc import Iterable, Sequence

from llm_core.data.table_reading import Table
from llm_core.errors import UserError

MOST_LABELS = 100
_USUAL_LABELS = {"label", "labels", "class", "category", "sentiment", "topic", "target", "标签", "类别", "分类", "情感", "主题"}  # fmt: skip
_NO_LABEL = {"nan", "inf", "infinity", "n/a", "#n/a", "<na>", "null"}
_SHOWN = 20


def choose_columns(table: Table, text: str | None, label: str | None) -> tuple[int, int]:
    """The places of the two columns. Texts are the longest on average; labels are few for many rows.

    Raises UserError for a column that is not there, the same one twice, and a table with fewer than two columns.
    """
    if len(table.columns) < 2:
        raise UserError(
            "{file} has the column {found} alone; a table needs one column of texts and one of labels. Are they separated by commas, tabs or semicolons?",
            file=table.name, found=listed(table.columns),
        )  # fmt: skip
    places = [None if name is None else place_of(table, name) for name in (text, label)]
    text_place, label_place = places
    if text_place is not None and text_place == label_place:
        raise UserError("{file}: {column!r} cannot be both the text and the label; choose two of {found}.", file=table.name, column=text, found=listed(table.columns))  # fmt: skip
    if text_place is None:
        text_place = _longest(table, [place for place in range(len(table.columns)) if place != label_place])
    if label_place is None:
        label_place = _few(table, [place for place in range(len(table.columns)) if place != text_place])
    return text_place, label_place


def place_of(table: Table, column: str) -> int:
    """Where a column of this name stands. Raises UserError, listing those found, where there is none."""
    if column not in table.columns:
        raise UserError("{file} has no column {column!r}; it has: {found}.", file=table.name, column=column[:100], found=listed(table.columns))  # fmt: skip
    return table.columns.index(column)


def label_of(cell: str | None) -> str | None:
    """The label in a cell; None for an empty one and for what programs write where there is no value."""
    stripped = (cell or "").strip()
    return None if not stripped or stripped.lstrip("+-").casefold() in _NO_LABEL else stripped


def listed(columns: Sequence[str]) -> str:
    """Columns, one after the other, the first 20 of them."""
    return ", ".join(columns[:_SHOWN]) + (", …" if len(columns) > _SHOWN else "") or "-"


def in_order(labels: Iterable[str]) -> tuple[str, ...]:
    """Labels in the order in which they are counted and drawn: numbers by size, then words."""

    def key(label: str) -> tuple[bool, float, str, str]:
        try:
            number = float(label)
        except ValueError:
            return True, 0.0, label.casefold(), label
        return False, number, "", label

    return tuple(sorted(set(labels), key=key))


def _longest(table: Table, places: Sequence[int]) -> int:
    return max(places, key=lambda place: sum([len(row[place] or "") for row in table.rows]))


def _few(table: Table, places: Sequence[int]) -> int:
    """Among the columns with few labels for their rows, one that is called so, else the one with the fewest."""
    found = {place: {label_of(row[place]) for row in table.rows} - {None} for place in places}
    fitting = [place for place in places if 2 <= len(found[place]) <= min(MOST_LABELS, max(2, len(table) // 2))]
    # Where nothing fits, what is wrong with the nearest one is the clearest thing to say.
    several = [place for place in places if len(found[place]) > 1]
    usual = [place for place in fitting or several if table.columns[place].strip().casefold() in _USUAL_LABELS]
    return min(usual or fitting or several or places, key=lambda place: len(found[place]))
