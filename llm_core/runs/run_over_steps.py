"""A measure over the snapshots of a run: what a page draws at once, an inquiry answers and the command line prints."""

from collections.abc import Collection, Iterator

from llm_core.config import TaskConfig, network
from llm_core.errors import UserError
from llm_core.interpret.dynamics.over_steps import NotHere, over_steps
from llm_core.interpret.dynamics.step_measures import MEASURES, AtStep, MeasureName
from llm_core.interpret.dynamics.step_subject import StepSubject
from llm_core.interpret.reading import read
from llm_core.interpret.target import Target
from llm_core.models.base import Model
from llm_core.runs.inquired import TrainingQuestion
from llm_core.runs.run import Run
from llm_core.runs.store import Store
from llm_core.runs.used_tokens import spoken_language, used_tokens


def measured_run(
    store: Store, run: Run, question: TrainingQuestion, known: Collection[tuple[int, str]] = (), device: str = "cpu"
) -> Iterator[AtStep | float]:
    """The measure at every step that the run has kept up to `question.until`, as `over_steps` yields it.

    Raises UserError where there is nothing to compare, and where the measure does not apply to the model.
    """
    steps = [step for step in run.steps() if step <= question.until]
    refuse_lone(run, steps)
    subject = step_subject(store, run, question, steps[-1], device)

    def load(step: int) -> Model | None:
        if step not in run.steps():
            return None  # a run under way thins out its snapshots
        return subject.last if step == steps[-1] else store.model(run, step)[0].to(device)

    for found in over_steps(load, steps, [question.measure], subject, known):
        if isinstance(found, NotHere):
            raise found.reason
        yield found


def step_subject(store: Store, run: Run, question: TrainingQuestion, last: int, device: str = "cpu") -> StepSubject:
    """What the run's snapshots are measured on. Raises UserError for a model without attention."""
    model, tokenizer = store.model(run, last)
    of_text = MEASURES[question.measure].of_text
    reading = read(model, tokenizer, question.text, question.source or (None if of_text else " "))
    target = Target(question.token, question.target, question.against)
    return StepSubject(
        model.to(device), tokenizer, reading, target, used_tokens(run, tokenizer), spoken_language(run)
    )  # fmt: skip


def refuse_lone(run: Run, steps: list[int]) -> None:
    """Raises UserError for a run that has kept fewer than two steps: an imported model has none of its training."""
    if len(steps) > 1:
        return
    if run.kind == "import":
        raise UserError("This model was brought in as it is: the steps of its training did not come along, so that there is nothing to see over them.")  # fmt: skip
    raise UserError("This run has kept one step only so far: there is nothing to see until it has kept two.")


def refuse_unfit(run: Run, measure: MeasureName) -> None:
    """Raises UserError, without a model, for a measure that would be refused once a worker has taken it up."""
    config = run.model_config
    architecture = getattr(network(config), "architecture", "")
    if measure in ("copying", "induction") and (architecture == "encoder" or isinstance(config, TaskConfig)):
        raise UserError("This is about writing from left to right; the model reads all of a text at once. Choose another measure.")  # fmt: skip
    if measure == "probe" and spoken_language(run) is None:
        raise UserError("This model speaks no language whose words a probe could be asked about.")


def row_of(found: AtStep) -> dict[str, object]:
    """The same as a row of a history, rounded to six digits; None where there is no number."""
    values = [float(f"{value:.6g}") if value == value else None for value in found.values.tolist()]
    controls = {name: float(f"{value:.6g}") for name, value in found.controls.items()}
    # A row that names its `step` would be taken back when a run is resumed.
    return {"kind": "at_step", "at": found.step, "measure": found.measure, "names": list(found.names), "values": values, "controls": controls}  # fmt: skip


ALWAYS_ANEW: tuple[MeasureName, ...] = ("similarity", "composition")
"""Measures that are about the newest step, so that a newer one changes all of them."""
