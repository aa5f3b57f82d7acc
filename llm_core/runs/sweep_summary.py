"""What the command line says of a sweep and of a range test."""

from typing import Any

from llm_core.errors import UserError
from llm_core.evaluate.learning_rate import suggest
from llm_core.runs import history
from llm_core.runs.run import Run
from llm_core.runs.sweep import scaling_of, sweep_of

Values = dict[str, Any]


def sweep_summary(run: Run) -> Values:
    """Every training with its values and how it ended, the best cell, and the scaling curve where there is one. `unit`: of
    the curve and of the entropy floor."""
    sweep = sweep_of(run)
    names = [axis.setting for axis in sweep.settings.axes]
    trainings = [
        {
            **dict(zip(names, sweep.settings.cells[one.cell], strict=True)), "seed": one.seed, "run": one.run, "state": one.state,
            "validation_loss": one.loss, "bits_per_character": one.bits, "parameters": one.outcome.get("parameters"),
        }
        for one in sweep.trained
    ]  # fmt: skip
    best = None if sweep.best is None else dict(zip(names, sweep.settings.cells[sweep.best], strict=True))
    unit = "bits per character" if sweep.in_bits else "nats per token"
    found: Values = {"run": str(run.folder), "trainings": trainings, "best": best, "unit": unit, "entropy_floor": sweep.floor}  # fmt: skip
    try:
        scaling = scaling_of(sweep)
    except UserError as error:
        return {**found, "no_scaling": str(error)}
    curve = scaling.curve
    return {
        **found,
        "scaling": {
            "over": scaling.quantity, "floor": curve.floor, "floor_low": curve.floor_interval[0], "floor_high": curve.floor_interval[1],
            "scale": curve.scale, "exponent": curve.exponent, "exponent_low": curve.exponent_interval[0], "exponent_high": curve.exponent_interval[1],
        },
    }  # fmt: skip


def range_test_summary(run: Run) -> Values:
    """The suggested learning rate, and where the loss is lowest; or why none is suggested."""
    rows = [row for row in history.records(run.folder) if row.get("kind") == "rate"]
    found: Values = {"run": str(run.folder), "steps": len(rows)}
    try:
        suggested = suggest([row["learning_rate"] for row in rows], [row["smoothed"] for row in rows])
    except UserError as error:
        return {**found, "learning_rate": None, "reason": str(error)}
    return {**found, "learning_rate": suggested.rate, "lowest_loss_at": suggested.lowest}
