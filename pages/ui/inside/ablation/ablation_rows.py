"""Ablations, whole or as far as a worker has come: what the rows say, and the picture that grows with them."""

from collections.abc import Callable
from dataclasses import dataclass

import plotly.graph_objects as go

from llm_core.data.table_writing import as_table
from llm_core.errors import N_
from llm_core.runs.inquired import AblationQuestion, InquiryConfig
from llm_core.runs.inquiry import Answer
from pages.ui.charts import Colors
from pages.ui.inside.pictures.growing import growing
from pages.ui.inside.places import piece_in

_AXIS, _AND = N_("change without it"), N_("; ")
Words = Callable[[str], str]


@dataclass(frozen=True)
class Ablated:
    """Pieces that were taken away together, by name: by how much what is measured changes, and what it is then."""

    components: tuple[str, ...]
    change: float
    after: float


@dataclass(frozen=True)
class Control:
    """The chosen pieces among other sets of as many; `rank` of `of`, and whether those were all that there are."""

    chosen: Ablated
    others: tuple[Ablated, ...]
    exhaustive: bool
    rank: int
    of: int


def before_of(answer: Answer) -> float:
    """What is measured with everything in place; NaN where that is not known yet."""
    return next((row["value"] for row in answer.rows if row.get("kind") == "before"), float("nan"))


def ablated_of(answer: Answer, *kinds: str) -> tuple[Ablated, ...]:
    """What was taken away, in order."""
    return tuple(
        Ablated(tuple(row["components"]), row["change"], row["after"])
        for row in answer.rows
        if row.get("kind") in (kinds or ("ablated",))
    )


def control_of(answer: Answer) -> Control:
    """The comparison of a whole answer."""
    (chosen,) = ablated_of(answer, "chosen")
    row = next(row for row in answer.rows if row.get("kind") == "control")
    return Control(chosen, ablated_of(answer, "other"), row["exhaustive"], row["rank"], row["of"])


# ---- what the route draws while a worker is at it


def figure(config: InquiryConfig, answer: Answer, words: Words, colors: Colors) -> go.Figure:
    """A bar for each piece, token or set that is measured."""
    found = ablated_of(answer, "ablated", "chosen", "other")
    names = [words(_AND).join(piece_in(words, name) for name in each) for each in _names(config, answer)]
    shades = [colors.held_out if row.get("kind") == "chosen" else colors.quiet for row in _measured(answer)]
    return growing([each.change for each in found], names, shades, words(_AXIS), colors)


def _measured(answer: Answer) -> list[dict[str, object]]:
    return [row for row in answer.rows if row.get("kind") in ("ablated", "chosen", "other")]


def _names(config: InquiryConfig, answer: Answer) -> list[tuple[str, ...]]:
    """What was taken away together, by name."""
    assert isinstance(config.question, AblationQuestion)
    if config.question.of == "tokens":
        return [(f"position.{row['position']}",) for row in _measured(answer)]
    return [each.components for each in ablated_of(answer, "ablated", "chosen", "other")]


def csv(config: InquiryConfig, answer: Answer) -> str:
    """A row for each."""
    found = ablated_of(answer, "ablated", "chosen", "other")
    rows = (
        (" ".join(name), float(f"{each.change:.7g}"), float(f"{each.after:.7g}"))
        for name, each in zip(_names(config, answer), found, strict=True)
    )
    return as_table(("component", "change", "value"), rows)


def height(config: InquiryConfig, answer: Answer) -> int:
    """Pixels."""
    return 260


def points(config: InquiryConfig, answer: Answer) -> int:
    """How many are measured."""
    return len(_measured(answer))
