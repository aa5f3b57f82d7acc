"""A tuned lens that a worker has trained: what its rows say, how it is read, and the picture of its training."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from llm_core.data.table_writing import as_table
from llm_core.errors import N_
from llm_core.runs.history import Row
from llm_core.runs.inquired import InquiryConfig
from llm_core.runs.inquiry import Answer
from pages.ui.charts import Colors, layout

if TYPE_CHECKING:
    from llm_core.interpret.lenses.tuned_lens import TunedLens

Words = Callable[[str], str]
_WORDS = {"x": N_("step"), "y": N_("nats from the output"), "place": N_("place {number}")}


def report_of(answer: Answer) -> Row | None:
    """What the lens is worth: `places`, and `before` and `after` each the mean divergence in nats on other texts."""
    return next((row for row in answer.rows if row.get("kind") == "report"), None)


def lens_of(answer: Answer, report: Row) -> "TunedLens":
    """The lens itself, out of the file beside the rows. Raises UserError where that is missing or broken."""
    import numpy as np

    from llm_core.interpret.array_files import read_arrays
    from llm_core.interpret.components import Component
    from llm_core.interpret.lenses.tuned_lens import TunedLens

    weights, biases = read_arrays(answer.file("lens.safetensors"), "weights", "biases")
    places = tuple(Component.parse(name) for name in report["places"])
    return TunedLens(
        report["stream"], places, weights.astype(np.float32), biases.astype(np.float32), report["steps"], report["positions"]
    )  # fmt: skip


def _steps(answer: Answer) -> list[Row]:
    return [row for row in answer.rows if row.get("kind") == "step"]


def figure(config: InquiryConfig, answer: Answer, words: Words, colors: Colors) -> go.Figure:
    """A line for each place: how far what it says is from the end, as the lens learns."""
    made = go.Figure(layout=layout(colors))
    steps = _steps(answer)
    for number in range(len(steps[0]["divergences"]) if steps else 0):
        made.add_scatter(
            x=[row["number"] for row in steps], y=[row["divergences"][number] for row in steps], mode="lines",
            line={"color": colors.categories[number % len(colors.categories)], "width": 1.8},
            hovertemplate=words(_WORDS["place"]).format(number=number) + ": %{y:.3g}<extra></extra>",
        )  # fmt: skip
    made.update_layout(
        margin={"l": 60, "r": 20, "t": 14, "b": 48},
        xaxis={"title": {"text": words(_WORDS["x"]), "standoff": 6}}, yaxis={"title": {"text": words(_WORDS["y"]), "standoff": 6}, "rangemode": "tozero"},
    )  # fmt: skip
    return made


def csv(config: InquiryConfig, answer: Answer) -> str:
    """A row for each step and place."""
    rows = ((row["number"], place, value) for row in _steps(answer) for place, value in enumerate(row["divergences"]))
    return as_table(("step", "place", "divergence"), rows)


def height(config: InquiryConfig, answer: Answer) -> int:
    """Pixels."""
    return 260


def points(config: InquiryConfig, answer: Answer) -> int:
    """How many steps are there."""
    return len(_steps(answer))
