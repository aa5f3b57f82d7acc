"""What a model can without the heads that were found, beside other sets: whole or as far as a worker has come."""

from collections.abc import Callable
from dataclasses import dataclass

import plotly.graph_objects as go

from llm_core.data.table_writing import as_table
from llm_core.errors import N_
from llm_core.runs.history import Row
from llm_core.runs.inquired import InquiryConfig
from llm_core.runs.inquiry import Answer
from pages.ui.charts import Colors
from pages.ui.inside.pictures.strip import strip

HEIGHT = 160
_WORDS = {
    "axis": N_("change of the share of right answers"), "found": N_("the heads that were found"), "others": N_("other heads"),
}  # fmt: skip
"""Translated where they are drawn, which is not always in a session."""

Words = Callable[[str], str]


@dataclass(frozen=True)
class Proved:
    """The rows so far: which heads score what, what is lost without those chosen, without others, and what came out."""

    scores: Row
    chosen: Row | None
    others: tuple[Row, ...]
    proof: Row | None


def proved(answer: Answer) -> Proved | None:
    """None before there is a row."""
    kinds: dict[str, list[Row]] = {}
    for row in answer.rows:
        kinds.setdefault(str(row.get("kind")), []).append(row)
    if "scores" not in kinds:
        return None
    first = {kind: rows[0] for kind, rows in kinds.items()}
    return Proved(first["scores"], first.get("chosen"), tuple(kinds.get("other", ())), first.get("proof"))


def marks(found: Proved, words: Words, colors: Colors) -> go.Figure:
    """Each set of heads as a mark on the line."""
    assert found.chosen is not None
    names = words(_WORDS["found"]), words(_WORDS["others"])
    return strip(found.chosen["change"], [row["change"] for row in found.others], words(_WORDS["axis"]), names, colors)


def as_csv(found: Proved) -> str:
    """A row for each set of heads."""
    rows = [] if found.chosen is None else [found.chosen, *found.others]
    cells = ((" ".join(row["components"]), row["before"], row["after"], row["kind"] == "chosen") for row in rows)
    return as_table(("heads", "right_before", "right_without", "found"), cells)


# ---- what the route draws while a worker is at it


def figure(config: InquiryConfig, answer: Answer, words: Words, colors: Colors) -> go.Figure:
    """The sets that have been taken away so far."""
    found = proved(answer)
    return go.Figure() if found is None or found.chosen is None else marks(found, words, colors)


def csv(config: InquiryConfig, answer: Answer) -> str:
    """The same as a table."""
    found = proved(answer)
    return "" if found is None else as_csv(found)


def height(config: InquiryConfig, answer: Answer) -> int:
    """Pixels."""
    return HEIGHT


def points(config: InquiryConfig, answer: Answer) -> int:
    """How many sets have been taken away."""
    return sum(row.get("kind") in ("chosen", "other") for row in answer.rows)
