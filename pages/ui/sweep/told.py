"""What a sweep has come to, in sentences and as a table."""

from llm_core.data.table_writing import as_table
from llm_core.errors import N_, UserError
from llm_core.evaluate.learning_rate import Suggestion
from llm_core.runs.sweep import ScalingOf, Sweep
from pages.ui.sweep.words import cell_name
from pages.ui.text import explain_in, number, said_in, translate

_BEST = N_("Best of {done}: {cell}, with {loss} nats per token of held-out text.")
_BEST_BITS = N_("Best of {done}: {cell}, with {loss} bits per character of held-out text.")
_OVER = {
    "parameters": N_("Fitted over the parameters: the loss would never fall below {floor} ({floor_low} to {floor_high}), exponent {exponent} ({low} to {high}; 90 % intervals)."),
    "tokens": N_("Fitted over the text's tokens: the loss would never fall below {floor} ({floor_low} to {floor_high}), exponent {exponent} ({low} to {high}; 90 % intervals)."),
}  # fmt: skip
_TRUE = N_("Nobody can get below {true}: that is the chance in the text itself.")
_INSIDE = N_("It lies within the interval of the fit.")
_OUTSIDE = N_(
    "It lies outside the interval of the fit: the trainings were too short, or the sizes too close, to tell it."
)
_SUGGESTED = N_("Suggested learning rate: {rate}. There the loss falls most steeply; at {lowest} it is lowest, and above that it rises.")  # fmt: skip


def sentences(sweep: Sweep, found: ScalingOf | UserError | None, code: str) -> list[str]:
    """The best cell, the scaling curve and how it stands to the entropy of the text; or why there is no such curve."""
    told = []
    ends, best = sweep.ends, sweep.best
    if best is not None:
        done = sum(end is not None for end in ends)
        name = cell_name(tuple(axis.setting for axis in sweep.settings.axes), sweep.settings.cells[best], lambda text: translate(text, code))  # fmt: skip
        told.append(said_in(code, _BEST_BITS if sweep.in_bits else _BEST, done=done, cell=name, loss=ends[best]))
    if isinstance(found, UserError):
        told.append(explain_in(found, code))
    elif found is not None:
        curve = found.curve
        told.append(
            said_in(
                code, _OVER[found.quantity], floor=curve.floor, floor_low=curve.floor_interval[0], floor_high=curve.floor_interval[1],
                exponent=curve.exponent, low=curve.exponent_interval[0], high=curve.exponent_interval[1],
            )
        )  # fmt: skip
        if sweep.floor is not None:
            low, high = curve.floor_interval
            told.append(said_in(code, _TRUE, true=sweep.floor))
            told.append(translate(_INSIDE if 0.99 * low <= sweep.floor <= 1.01 * high else _OUTSIDE, code))
    return told


def suggestion(found: Suggestion | UserError | None, code: str) -> list[str]:
    """What a range test suggests, or why it does not."""
    if found is None:
        return []
    if isinstance(found, UserError):
        return [explain_in(found, code)]
    return [said_in(code, _SUGGESTED, rate=f"{found.rate:.2g}", lowest=f"{found.lowest:.2g}")]


def table(sweep: Sweep) -> str:
    """A row for every training, in exact numbers."""
    names = [axis.setting for axis in sweep.settings.axes]
    return as_table(
        (*names, "seed", "run", "state", "loss", "bits_per_character", "parameters", "training_tokens", "seconds"),
        (
            (
                *sweep.settings.cells[one.cell], one.seed, one.run, one.state, one.loss, one.bits,
                one.outcome.get("parameters"), one.outcome.get("tokens"), one.outcome.get("seconds"),
            )
            for one in sweep.trained
        ),
    )  # fmt: skip


def rate_table(points: list[tuple[float, float, float]]) -> str:
    """A row for every step of a range test."""
    return as_table(("learning_rate", "loss", "smoothed"), points)


def loss_name(value: float | None) -> str:
    """A loss as a list of trainings says it."""
    return "–" if value is None else number(value)
