"""What a loss curve says about the settings it came from: one verdict, one sentence, and what to change.

Single losses jump by chance, so that everything is read from windows: a twentieth of the run each, the mean of their middle half
against the spread of single losses. Every threshold stands below with its reason; they were tried on trainings with learning rates from
a hundredth to a hundred times the usual, and a verdict that is not sure is not given. During a run less is said than after.
"""

import math
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from llm_core.config import NgramConfig, RunConfig
from llm_core.data.generated import counts, generated
from llm_core.errors import N_

Verdict = Literal[
    "too_early", "too_short", "diverged", "rate_too_high", "overfitting", "data_too_small", "rate_too_low", "still_falling", "nothing"
]  # fmt: skip
Floats = NDArray[np.float64]

WINDOWS = 20
FEWEST_STEPS = 60
"""Three steps a window: with fewer, a window is hardly surer than a step."""
EARLY = 0.3
"""Share of the run before which only a loss that rises is spoken of: until then warm-up and the steep beginning rule."""
SURE = 4.0
"""Standard errors that a difference between windows must have: with twenty windows, chance alone gives 4 once in 800 runs."""
JUMP = 0.1
"""Share of all that the loss has fallen by which a window must lie above an earlier one. A spike is over within a quarter
of a window and leaves no trace in it; what lifts a twentieth of the run this far has thrown away what was learned."""
RISE = 0.02
"""Share of the held-out loss by which it must have risen: less than that is not worth another run."""
LATER_LOOKS = 3
"""Looks at the held-out text that must all lie above the best one."""
PASSES = 4.0
"""Times that a text can be read again with hardly a loss against new text (Muennighoff et al. 2023, section 5)."""
GAP = 0.15
"""Share of the held-out loss that training lies below it: what is known by heart, for what holds of all text lowers both."""
SLOW = 0.45
"""Share of all learning (the sum of learning rates so far) after which the first half of the fall is reached. Good rates
get there at 0.05 to 0.25, a third of one at 0.3, a tenth of one at 0.5, a thirtieth at 0.6: then the loss falls along a
straight line, and the first, steep part, which ends with knowing which tokens are frequent, fills the run."""
SLOW_DURING = 0.6
"""The same during a run, where the fall is not all there yet."""
UNLEARNED = 0.5
"""Share of the way to the n-gram that a learning rate which is too low leaves undone: a task may be learned late, and then
all at once, with any learning rate, but then it is learned."""
_FIRST = 3
"""Steps of a branch that tell its training loss before it has learned anything of its own."""
FALLING = 0.03
"""Share of the held-out loss that the second half of the run has brought. By a power law, which losses follow, twice the
steps bring about three quarters of that again: less than two hundredths, below this, is not worth twice the time."""


@dataclass(frozen=True)
class Curve:
    """A run's curve as plain data.

    steps, losses, rates: step numbers, training loss in nats per token, learning rate · look_steps, looks: held-out loss
    and when · ngram, floor: losses to compare with, None where there are none · progress: 0 to 1 · over: nothing comes
    any more · diverged_at: the step, None where it has not · passes: how often the training text was read, None where
    that is not known · branched_at: the step of another run after which this one goes on, None where it began anew.
    """

    steps: Sequence[int]
    losses: Sequence[float]
    rates: Sequence[float]
    look_steps: Sequence[int]
    looks: Sequence[float]
    ngram: float | None = None
    floor: float | None = None
    progress: float = 1.0
    over: bool = True
    diverged_at: int | None = None
    passes: float | None = None
    branched_at: int | None = None


@dataclass(frozen=True)
class Diagnosis:
    """`template` and `values` make the sentence. advice: settings to change, by name as in training.learning_rate."""

    verdict: Verdict
    template: str
    values: Mapping[str, Any] = field(default_factory=dict)
    advice: Mapping[str, Any] = field(default_factory=dict)


_TOO_EARLY = N_("Too early to say how it goes; after about {share} % of the run more can be said.")
_TOO_SHORT = N_("Too few steps to tell anything from the curve: that takes at least {fewest}.")
_DIVERGED = N_("The loss stopped being usable at step {step}: the learning rate is too high for this model.")
_ABOVE_START = N_("The loss rose above where it began, at step {step}: the learning rate is too high.")
_JUMPED = N_("At step {step} the loss had risen by {rise} nats again and lost what was learned: the learning rate is too high.")  # fmt: skip
_OVERFITTING = N_("Overfitting since step {step}: held-out loss has risen by {rise} nats while training loss fell on.")
_TOO_SMALL = N_("The text is too small: it was read {passes} times, and what is learned now ({gap} nats of it) no longer holds for other text.")  # fmt: skip
_TOO_LOW = N_(
    "The learning rate is too low: the loss falls along a straight line and is still in its first, steep part."
)
_HARDLY = N_("The learning rate is too low: the loss has hardly moved.")
_FALLING = N_("Still falling: the second half of the run brought {gain} nats. Train longer.")
_NOTHING = N_("Nothing to report: the curve looks as it should.")
_SO_FAR = N_("Nothing to report so far.")


def diagnose(config: RunConfig, curve: Curve) -> Diagnosis:
    """The one thing most worth saying of a run with these settings: the gravest first."""
    if curve.diverged_at is not None:
        return Diagnosis("diverged", _DIVERGED, {"step": curve.diverged_at}, _rates(config, 0.1))
    nothing = Diagnosis("nothing", _NOTHING if curve.over else _SO_FAR)
    if isinstance(config.model, NgramConfig):
        return nothing
    told = len(curve.steps) >= FEWEST_STEPS
    found = _Windows(curve) if told else None
    early = not curve.over and curve.progress < EARLY
    if found is None:
        if curve.over:
            return Diagnosis("too_short", _TOO_SHORT, {"fewest": FEWEST_STEPS})
        return Diagnosis("too_early", _TOO_EARLY, {"share": round(100 * EARLY)})
    return (
        _too_high(config, curve, found)
        or (Diagnosis("too_early", _TOO_EARLY, {"share": round(100 * EARLY)}) if early else None)
        or _overfitting(config, curve, found)
        or _too_small(config, curve, found)
        or _too_low(config, curve, found)
        or _still_falling(config, curve)
        or nothing
    )


class _Windows:
    """Means of the training loss over equal stretches of steps.

    begin, begin_error: the loss before training, and what chance does to it · noise: standard deviation of a single loss, from the differences of neighbours, whose
    median no trend and no spike moves · ends, means, errors: last step, mean and standard error of every window.
    """

    def __init__(self, curve: Curve) -> None:
        steps, losses = np.asarray(curve.steps, dtype=float), np.asarray(curve.losses, dtype=float)
        rates = np.asarray(curve.rates, dtype=float)
        self.noise = 1.4826 * float(np.median(np.abs(np.diff(losses)))) / math.sqrt(2)
        parts = np.array_split(np.arange(len(steps)), WINDOWS)
        self.ends = [int(steps[part[-1]]) for part in parts]
        self.middles = np.array([steps[part].mean() for part in parts])
        self.means = np.array([_midmean(losses[part]) for part in parts])
        self.errors = np.array([1.1 * self.noise / math.sqrt(len(part)) for part in parts])
        looked = len(curve.looks) > 0 and curve.look_steps[0] < steps[0]
        self.begin, self.begin_error = float(curve.looks[0] if looked else losses[0]), 0.0
        if curve.branched_at is not None:
            # What is learned already holds less with dropout, so that training may lie above the look before it at once.
            first = float(losses[:_FIRST].mean())
            self.begin, self.begin_error = max(self.begin, first), self.noise / math.sqrt(_FIRST)
        before = float(curve.branched_at or 0)
        learned = np.concatenate([[0.0], np.cumsum(rates * np.diff(steps, prepend=before))])
        whole = learned[-1] or 1.0
        self.learned = np.interp(self.middles, np.concatenate([[before], steps]), learned / whole)

    @property
    def fallen(self) -> float:
        return self.begin - float(self.means.min())


def _too_high(config: RunConfig, curve: Curve, found: _Windows) -> Diagnosis | None:
    """The loss rises: above where it began, or above where it had been by far more than chance."""
    errors = np.hypot(found.errors, found.begin_error)
    above = found.means > found.begin + np.maximum(SURE * errors, 0.01 * found.begin)
    if above.any():
        step = found.ends[int(np.argmax(above))]
        return Diagnosis("rate_too_high", _ABOVE_START, {"step": step}, _rates(config, 0.1))
    before = np.minimum.accumulate(found.means)
    rise = found.means - before
    jumped = rise > np.maximum(SURE * math.sqrt(2) * found.errors, JUMP * max(0.0, found.fallen))
    if jumped.any() and found.fallen > SURE * float(found.errors[0]):
        at = int(np.argmax(jumped))
        values = {"step": found.ends[at], "rise": float(rise[at])}
        return Diagnosis("rate_too_high", _JUMPED, values, _rates(config, 0.3))
    return None


def _overfitting(config: RunConfig, curve: Curve, found: _Windows) -> Diagnosis | None:
    """Held-out loss has turned while training loss goes on falling."""
    looks = np.asarray(curve.looks, dtype=float)
    best = int(looks.argmin()) if len(looks) else 0
    after = looks[best + 1 :]
    if len(after) < LATER_LOOKS or best == 0:
        return None
    rise = float(np.median(after[-LATER_LOOKS:]) - looks[best])
    then = float(np.interp(curve.look_steps[best], found.middles, found.means))
    learning_on = found.means[-1] < then - SURE * found.errors[-1]
    if (
        rise < max(RISE * looks[best], SURE * _wobble(looks[best // 2 :]))
        or after.min() <= looks[best]
        or not learning_on
    ):
        return None
    step = int(curve.look_steps[best])
    return Diagnosis("overfitting", _OVERFITTING, {"step": step, "rise": rise}, _more_text(config) or _steps(step))


def _too_small(config: RunConfig, curve: Curve, found: _Windows) -> Diagnosis | None:
    """Read too often: training loss is far below held-out loss, which has come to rest."""
    if curve.passes is None or curve.passes <= PASSES or len(curve.looks) < 2 * LATER_LOOKS:
        return None
    gap = float(curve.looks[-1] - found.means[-1])
    if gap < GAP * curve.looks[-1] or _gain(curve) >= FALLING * curve.looks[-1]:
        return None
    advice = _more_text(config) or _more_dropout(config)
    return Diagnosis("data_too_small", _TOO_SMALL, {"passes": round(curve.passes), "gap": gap}, advice)


def _too_low(config: RunConfig, curve: Curve, found: _Windows) -> Diagnosis | None:
    """The loss falls as steeply for each unit of learning at the end as at the beginning, and has not come far.
    Not of a branch: the steep part lies before it.
    """
    if curve.branched_at is not None:
        return None
    fallen = found.begin - float(found.means[-1])
    if abs(fallen) < SURE * max(float(found.errors[-1]), 1e-3 * found.begin):
        # At rest where it began: with large updates single losses would jump about it.
        still = found.noise < 0.005 * found.begin
        return Diagnosis("rate_too_low", _HARDLY, {}, _rates(config, 10.0)) if still else None
    aim = curve.ngram if curve.ngram is not None and config.training.objective == "next_token" else 0.5 * found.begin
    if fallen > (1 - UNLEARNED) * (found.begin - aim):
        return None
    half = found.begin - fallen / 2
    reached = float(np.interp(-half, -_falling(np.append(found.begin, found.means)), np.append(0.0, found.learned)))
    if reached < (SLOW if curve.over else SLOW_DURING):
        return None
    return Diagnosis("rate_too_low", _TOO_LOW, {}, _rates(config, 10.0))


def _still_falling(config: RunConfig, curve: Curve) -> Diagnosis | None:
    if not curve.over or len(curve.looks) < 2 * LATER_LOOKS:
        return None
    gain, last = _gain(curve), float(curve.looks[-1])
    wobble = _wobble(np.asarray(curve.looks, dtype=float)[len(curve.looks) // 2 :])
    if gain < max(FALLING * last, SURE * wobble) or (curve.floor is not None and last - curve.floor < FALLING * last):
        return None
    training = config.training
    longer: dict[str, Any] = {"training.steps": 2 * training.steps}
    if training.seconds is not None:
        longer = {"training.seconds": 2 * training.seconds}
    return Diagnosis("still_falling", _FALLING, {"gain": gain}, longer)


def _gain(curve: Curve) -> float:
    """Nats of held-out loss that the second half of the run has brought."""
    looks = np.asarray(curve.looks, dtype=float)
    middle = int(np.abs(np.asarray(curve.look_steps) - curve.look_steps[-1] / 2).argmin())
    return float(np.median(looks[max(0, middle - 1) : middle + 2]) - np.median(looks[-LATER_LOOKS:]))


def _wobble(looks: Floats) -> float:
    """How far single looks lie beside their course: second differences, so that no slope counts as chance."""
    return 1.4826 * float(np.median(np.abs(np.diff(looks, 2)))) / math.sqrt(6) if len(looks) > 3 else 0.0


def _midmean(losses: Floats) -> float:
    """The mean of the middle half, which no spike moves (its error is a tenth larger than that of the mean)."""
    ordered = np.sort(losses)
    cut = len(ordered) // 4
    return float(ordered[cut : len(ordered) - cut].mean())


def _falling(values: Floats) -> Floats:
    """The lowest so far, strictly falling, so that it can be read backwards."""
    return np.asarray(np.minimum.accumulate(values) - 1e-9 * np.arange(len(values)))


# ---- advice


def _rates(config: RunConfig, factor: float) -> dict[str, Any]:
    """Learning rates by a factor, that of Muon's matrices with it."""
    training = config.training
    names = ("learning_rate", *(("muon_learning_rate",) if training.optimizer == "muon" else ()))
    return {f"training.{name}": min(10.0, float(f"{getattr(training, name) * factor:.2g}")) for name in names}


def _steps(step: int) -> dict[str, Any]:
    """Stop where held-out loss was best, with the schedule at its end there."""
    return {"training.steps": step, "training.seconds": None}


def _more_text(config: RunConfig) -> dict[str, Any]:
    """Four times the documents, of a text that the program writes itself; empty for any other."""
    if not generated(config.data):
        return {}
    return {"data.documents": min(5_000_000, 4 * sum(counts(config.data)))}


def _more_dropout(config: RunConfig) -> dict[str, Any]:
    dropout = min(0.5, round(config.model.dropout + 0.2, 2)) if not isinstance(config.model, NgramConfig) else 0.0
    return {"model.dropout": dropout}


# ---- from a history


def curve_of(
    rows: Iterable[Mapping[str, Any]],
    *,
    progress: float,
    over: bool,
    diverged_at: int | None = None,
    training_tokens: int | None = None,
) -> Curve:
    """The curve in the rows of a history, settled or not, which are not kept. training_tokens: how long the training text is, None where unknown.

    The last look scores more of the held-out text than those before; where there are enough others it is left out, so that
    no other text is taken for another loss.
    """
    # As arrays a million steps take 32 MB.
    steps, losses, rates, tokens = array("q"), array("d"), array("d"), array("q")
    looks: list[tuple[int, float, bool]] = []
    baselines: dict[Any, float] = {}
    branched_at = None
    for row in rows:
        kind, loss, step, mark = row.get("kind"), row.get("loss"), row.get("step"), row.get("resumed_at")
        if isinstance(mark, int):  # what came after it is taken back
            while steps and steps[-1] > mark:
                for column in (steps, losses, rates, tokens):
                    column.pop()
            while looks and looks[-1][0] > mark:
                looks.pop()
        if kind == "branched" and isinstance(step, int):
            branched_at = step
        if not isinstance(loss, int | float) or not math.isfinite(loss):
            continue
        if kind == "step" and isinstance(step, int):
            steps.append(step)
            losses.append(loss)
            rates.append(float(row.get("learning_rate") or 0.0))
            tokens.append(int(row.get("tokens") or 0))
        elif kind == "evaluation" and isinstance(step, int):
            looks.append((step, float(loss), bool(row.get("whole"))))
        elif kind == "baseline":
            baselines[row.get("name")] = float(loss)
    if len(looks) > 2 * LATER_LOOKS and looks[-1][2] and not looks[-2][2]:
        looks.pop()
    return Curve(
        steps, losses, rates, [step for step, _loss, _whole in looks], [loss for _step, loss, _whole in looks],
        ngram=baselines.get("ngram"), floor=baselines.get("floor"), progress=progress, over=over, diverged_at=diverged_at,
        passes=max(tokens, default=0) / training_tokens if training_tokens else None, branched_at=branched_at,
    )  # fmt: skip
