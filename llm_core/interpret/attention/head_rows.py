"""Head scores as rows of a history: what a run that scores the heads of another one yields. Knows no torch."""

from dataclasses import dataclass

Table = list[list[float]]
"""A number for each layer and head."""


@dataclass(frozen=True, slots=True)
class Heads:
    """One score, or summary, of all heads of one part at one step of the model's training.

    `score`: a name in `head_scores.SCORES` or `head_summaries.KINDS` · `low`, `high`: 95 % intervals over texts ·
    `items` questions in `texts` texts · `baseline`: what the best fixed offset gets, `baseline_name` which one it is
    ("offset -2", in the score's unit); None and "" where there is none.
    """

    step: int
    part: str
    score: str
    mean: Table
    low: Table
    high: Table
    items: int
    texts: int
    baseline: float | None
    baseline_name: str


@dataclass(frozen=True, slots=True)
class Scored:
    """All scores of this step have been yielded: `done` of `of` steps, after so many seconds."""

    step: int
    done: int
    of: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Underway:
    """A sign of life inside a long computation, and the share of all of it that is done; no row of a history."""

    share: float
