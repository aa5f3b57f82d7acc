"""What pieces say to a receiver, whole or as far as a worker has come."""

from collections.abc import Callable, Mapping

import plotly.graph_objects as go

from llm_core.data.table_writing import as_table
from llm_core.errors import N_
from llm_core.runs.inquired import InquiryConfig
from llm_core.runs.inquiry import Answer
from pages.ui.charts import Colors
from pages.ui.inside.pictures.growing import growing
from pages.ui.inside.places import piece_in

_AXIS = N_("brought back")
Words = Callable[[str], str]


def paths_of(answer: Answer) -> Mapping[str, float]:
    """By the name of the sender, in the order of a forward pass."""
    return {row["sender"]: row["value"] for row in answer.rows if row.get("kind") == "path"}


def as_csv(found: Mapping[str, float]) -> str:
    """A row for each sender."""
    return as_table(("sender", "brought_back"), ((name, float(f"{value:.7g}")) for name, value in found.items()))


def figure(config: InquiryConfig, answer: Answer, words: Words, colors: Colors) -> go.Figure:
    """A bar for each sender that is known."""
    found = paths_of(answer)
    names = [piece_in(words, name) for name in found]
    return growing(list(found.values()), names, colors.training, words(_AXIS), colors)


def csv(config: InquiryConfig, answer: Answer) -> str:
    """The same as a table."""
    return as_csv(paths_of(answer))


def height(config: InquiryConfig, answer: Answer) -> int:
    """Pixels."""
    return 240


def points(config: InquiryConfig, answer: Answer) -> int:
    """How many senders are known."""
    return len(paths_of(answer))
