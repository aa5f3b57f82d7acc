"""The head that a model is first seen with: the one that stands out most, where its heads have been measured."""

from functools import lru_cache

from llm_core.runs.run import Run
from pages.ui.state import store

_TELLING = frozenset({"alignment", "antecedent", "duplicate_token", "induction", "place", "previous_token", "subject"})
"""Scores that say what a head does, 1 when it always does it."""


@lru_cache(maxsize=64)
def first_head(run: Run, part: str) -> tuple[int, int]:
    """Layer and head: of the newest step that was measured, what is farthest above the best rule without a model."""
    from llm_core.runs.head_scores import find_rows

    rows = [row for row in find_rows(store(), run) if row["part"] == part and row["score"] in _TELLING]
    standing_out = [
        (value - (row.get("baseline") or 0.0), layer, head)
        for row in rows
        if row["step"] == rows[-1]["step"]
        for layer, values in enumerate(row["mean"])
        for head, value in enumerate(values)
        if value is not None
    ]
    _above, layer, head = max(standing_out, default=(0.0, 0, 0))
    return layer, head
