"""Any measure over the steps of a training: the snapshots of a run, one after the other, so that a picture of all of the
training is there at once and gets finer.

When a model comes to know a thing is often sudden, and more than the loss tells: Olsson et al. 2022, "In-context Learning
and Induction Heads"; Nanda et al. 2023, "Progress measures for grokking via mechanistic interpretability".
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from llm_core.errors import UserError
from llm_core.interpret.dynamics.measure_snapshot import FUNCTIONS
from llm_core.interpret.dynamics.step_measures import AtStep, MeasureName, coarse_to_fine
from llm_core.interpret.dynamics.step_subject import StepSubject
from llm_core.models.base import Model


@dataclass(frozen=True)
class NotHere:
    """A measure does not apply to this model, and why."""

    measure: MeasureName
    reason: UserError


def over_steps(
    load: Callable[[int], Model | None],
    steps: Sequence[int],
    measures: Sequence[MeasureName],
    subject: StepSubject,
    known: Collection[tuple[int, str]] = (),
) -> Iterator[AtStep | NotHere | float]:
    """Take these measures at these steps: the newest first, then from coarse to fine.

    `load` gives the model as it was at a step, in eval mode and without gradients, or None where that was not kept after
    all. `known`: pairs of step and measure that are not taken again. Yields what each measure finds, the share that is
    done after each, and once for each measure that does not apply why. Closing the generator stops it.
    """
    applying = list(dict.fromkeys(measures))
    order = coarse_to_fine(steps)
    for number, step in enumerate(order):
        waiting = [measure for measure in applying if (step, measure) not in known]
        model = load(step) if waiting else None
        for place, measure in enumerate(waiting if model is not None else ()):
            assert model is not None
            try:
                yield at_step(model, step, measure, subject)
            except UserError as reason:
                applying.remove(measure)
                yield NotHere(measure, reason)
            yield (number + (place + 1) / len(waiting)) / len(order)
        yield (number + 1) / len(order)


def at_step(model: Model, step: int, measure: MeasureName, subject: StepSubject) -> AtStep:
    """One measure of a model as it was at a step. Raises UserError where it does not apply, ValueError for a model in
    training mode."""
    if model.training:
        raise ValueError("put the model in eval mode before looking into it")
    found = FUNCTIONS[measure](model, subject)
    return AtStep(step, measure, found.names, found.values, found.controls)
