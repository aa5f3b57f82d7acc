"""What came out of a run: the figures that `train`, `resume` and the lists show."""

from dataclasses import dataclass

from llm_core.runs import history
from llm_core.runs.run import Run


@dataclass(frozen=True, slots=True)
class Result:
    """`validation_loss` in nats per token, from the last look at held-out text; None before the first.

    `perplexity` and `bits_per_character` are None, too, where the objective has none. `measures`: what that look found
    to be right, as shares, where the truth is known.
    """

    run: str
    name: str
    state: str
    steps: int
    tokens: int
    seconds: float
    validation_loss: float | None
    perplexity: float | None
    bits_per_character: float | None
    measures: dict[str, float]


def result_of(run: Run) -> Result:
    """Read the result of a run, finished or not, from its history."""
    rows = history.records(run.folder)
    step = next((row for row in reversed(rows) if row.get("kind") == "step"), {})
    looked = next((row for row in reversed(rows) if row.get("kind") == "evaluation"), {})
    loss = looked.get("loss")
    return Result(
        run=str(run.folder),
        name=run.name,
        state=run.status().state,
        steps=step.get("step", 0),
        tokens=step.get("tokens", 0),
        seconds=step.get("seconds", 0.0),
        validation_loss=loss,
        perplexity=looked.get("perplexity"),
        bits_per_character=looked.get("bits_per_character"),
        measures=looked.get("measures", {}),
    )
