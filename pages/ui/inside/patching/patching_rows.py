"""A patching map, whole or as far as a worker has come: the grid that shows it, the same on the page and in the route."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from llm_core.data.table_writing import as_table
from llm_core.errors import N_
from llm_core.runs.inquired import InquiryConfig, PatchingQuestion
from llm_core.runs.inquiry import Answer
from pages.ui.attention.words import token_label
from pages.ui.charts import Colors
from pages.ui.inside.pictures import grid as grids
from pages.ui.inside.pictures.grid import Grid, short
from pages.ui.inside.words import signed

_WORDS = {
    "head": N_("head {head}"), "into": N_("into layer {layer}"), "layer": N_("layer {layer}"), "bar": N_("brought back"),
    "cell": N_("{place}, “{name}”: brings back {value}"), "coming": N_("{place}, “{name}”: still to come"),
}  # fmt: skip
"""Translated where they are drawn, which is not always in a session."""

Words = Callable[[str], str]


@dataclass(frozen=True)
class Map:
    """As `llm_core.interpret.patching.patching.PatchingMap`, with NaN where a row is still to come; and the correlation with its fast
    approximation, None where that is not known or there is none."""

    where: str
    part: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: NDArray[np.float32]
    clean: float
    corrupted: float
    correlation: float | None = None


def map_of_rows(question: PatchingQuestion, answer: Answer) -> Map | None:
    """A map as far as a worker has come; None before it has a row."""
    head = next((row for row in answer.rows if row.get("kind") == "map"), None)
    rows = [row for row in answer.rows if row.get("kind") == "row"]
    if head is None or not rows:
        return None
    values = np.full((head["rows"], len(head["columns"])), np.nan, dtype=np.float32)
    values[: len(rows)] = [row["values"] for row in rows]
    correlation = next((row["correlation"] for row in answer.rows if row.get("kind") == "estimate"), None)
    names = tuple(row["component"] for row in rows) + ("",) * (head["rows"] - len(rows))
    return Map(
        question.where, question.part, names, tuple(head["columns"]), values, head["clean"], head["corrupted"], correlation
    )  # fmt: skip


def grid_of(found: Map, words: Words, layer: int = -1, column: int | None = None) -> Grid:
    """A row for each layer, and a column for each token, or of heads for each head. `layer`, `column`: what is marked."""
    heads = found.where == "heads"
    say: Callable[..., str] = lambda key, **values: words(_WORDS[key]).format(**values)  # noqa: E731
    names = [say("head", head=int(name)) if heads else token_label(name) for name in found.columns]
    most = max(1.0, float(np.nanmax(np.abs(found.values), initial=0.0)))
    rows = [say("into" if found.where == "residual" else "layer", layer=at) for at in range(len(found.rows))]
    return Grid(
        values=found.values, low=-most, high=most, signed=True,
        hovers=[
            [
                say("coming", place=rows[row], name=name) if np.isnan(value) else say("cell", place=rows[row], name=name, value=signed(float(value)))
                for name, value in zip(names, values, strict=True)
            ]
            for row, values in enumerate(found.values)
        ],
        picks=[[[row, at] for at in range(len(names))] for row in range(len(found.rows))],
        texts=[[_written(value) for value in values] for values in found.values] if len(names) <= 26 else None,
        rows=rows, columns=[name if heads else short(token) for name, token in zip(names, found.columns, strict=True)],
        bar=words(_WORDS["bar"]), bar_format=".2~f", upward=True, cell_width=58 if heads else 46, level=heads,
        marked=(layer, column) if column is not None and column < len(names) and 0 <= layer < len(rows) else None,
    )  # fmt: skip


def _written(value: float) -> str:
    """What is nothing to two digits is left blank: what stands out is to be seen."""
    return "" if np.isnan(value) or abs(value) < 0.005 else f"{value:.2f}".replace("-", "−")


def as_csv(found: Map) -> str:
    """A row for each cell that is known."""
    rows = (
        (name, at, column, float(f"{found.values[row, at]:.7g}"))
        for row, name in enumerate(found.rows)
        if name
        for at, column in enumerate(found.columns)
    )
    return as_table(("place", "column", "name", "brought_back"), rows)


# ---- what the route draws while a worker is at it


def _coming(config: InquiryConfig, answer: Answer) -> Map | None:
    assert isinstance(config.question, PatchingQuestion)
    return map_of_rows(config.question, answer)


def figure(config: InquiryConfig, answer: Answer, words: Words, colors: Colors) -> go.Figure:
    """The rows that are there, without anything marked."""
    found = _coming(config, answer)
    return go.Figure() if found is None else grids.figure(grid_of(found, words), colors)


def csv(config: InquiryConfig, answer: Answer) -> str:
    """The rows that are there as a table."""
    found = _coming(config, answer)
    return "" if found is None else as_csv(found)


def height(config: InquiryConfig, answer: Answer) -> int:
    """Pixels."""
    found = _coming(config, answer)
    return 0 if found is None else grid_of(found, str).height


def points(config: InquiryConfig, answer: Answer) -> int:
    """How many rows are there."""
    return sum(row.get("kind") == "row" for row in answer.rows)
