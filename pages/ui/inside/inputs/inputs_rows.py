"""Scores of the words of a text, whole or as far as a worker has come: what the rows say, and the bars that grow."""

from collections.abc import Callable
from dataclasses import dataclass

import plotly.graph_objects as go

from llm_core.data.table_writing import as_table
from llm_core.errors import N_
from llm_core.runs.inquired import InquiryConfig
from llm_core.runs.inquiry import Answer
from pages.ui.charts import Colors, layout

_AXIS = N_("how much each token adds")
Words = Callable[[str], str]


@dataclass(frozen=True)
class Scores:
    """A score for each token, those of the source first; see `llm_core.interpret.attribution.input_attribution.InputAttribution`."""

    scores: tuple[float, ...]
    value: float
    baseline: float | None
    delta: float | None
    complete: bool | None


def scores_of(answer: Answer) -> Scores | None:
    """The newest; None before the first."""
    row = next((row for row in reversed(answer.rows) if row.get("kind") == "scores"), None)
    return None if row is None else Scores(tuple(row["scores"]), row["value"], row["baseline"], row["delta"], row["complete"])  # fmt: skip


def figure(config: InquiryConfig, answer: Answer, words: Words, colors: Colors) -> go.Figure:
    """A bar for each token, by its number."""
    found = scores_of(answer)
    made = go.Figure(layout=layout(colors))
    values = [] if found is None else list(found.scores)
    made.add_bar(x=list(range(len(values))), y=values, marker_color=colors.training, hovertemplate="%{x}: %{y:+.3~f}<extra></extra>")  # fmt: skip
    made.update_layout(margin={"l": 60, "r": 20, "t": 14, "b": 30}, yaxis={"title": {"text": words(_AXIS), "standoff": 8}})  # fmt: skip
    return made


def csv(config: InquiryConfig, answer: Answer) -> str:
    """A row for each token."""
    found = scores_of(answer)
    return as_table(("position", "score"), enumerate(float(f"{score:.7g}") for score in (found.scores if found else ())))  # fmt: skip


def height(config: InquiryConfig, answer: Answer) -> int:
    """Pixels."""
    return 280


def points(config: InquiryConfig, answer: Answer) -> int:
    """How often scores have come."""
    return sum(row.get("kind") == "scores" for row in answer.rows)
