"""A measure over the snapshots of a run, the newest first; what was measured before is not measured again."""

from collections.abc import Iterator

from llm_core.devices import choose_device
from llm_core.interpret.dynamics.step_measures import MEASURES, AtStep
from llm_core.interpret.reading import read
from llm_core.interpret.target import Target
from llm_core.runs.history import Row
from llm_core.runs.inquired import InquiryConfig, TrainingQuestion
from llm_core.runs.inquiry import answer_of
from llm_core.runs.inquiry_subject import Subject
from llm_core.runs.run_over_steps import ALWAYS_ANEW, measured_run, row_of


def answer(question: TrainingQuestion, subject: Subject) -> Iterator[float | Row]:
    """A row of kind "text" with its tokens, and what is explained in words, where the measure is about one; then a row of
    kind "at_step" for each step, in the order of `coarse_to_fine`, those of the same question about fewer steps first.

    Raises UserError where there is nothing to compare, and where the measure does not apply to the model.
    """
    if MEASURES[question.measure].of_text and not subject.known:
        Target(question.token, question.target, question.against).direction(
            len(subject.names)
        )  # refuses what is not there
        reading = read(subject.model, subject.tokenizer, question.text, question.source or None)
        against = subject.names[question.against] if isinstance(question.against, int) else ""
        yield {"kind": "text", "tokens": list(reading.text.tokens), "target": subject.names[question.target], "against": against}  # fmt: skip
    known = {row["at"] for row in subject.known if row.get("kind") == "at_step"}
    kept = set(subject.run.steps())
    for row in _measured_before(question, subject):
        if row["at"] in kept - known:
            known.add(row["at"])
            yield row
    done = {(step, question.measure) for step in known}
    for found in measured_run(subject.store, subject.run, question, done, str(choose_device("auto"))):
        yield row_of(found) if isinstance(found, AtStep) else found


def _measured_before(question: TrainingQuestion, subject: Subject) -> Iterator[Row]:
    """The rows of the same question, asked when the run had kept fewer steps."""
    if question.measure in ALWAYS_ANEW:
        return
    for run in subject.store.runs(kind="inquiry", about=subject.run.id):
        if isinstance(run.settings, InquiryConfig):
            other = run.settings.question
            if isinstance(other, TrainingQuestion) and other != question and other.model_copy(update={"until": question.until}) == question:  # fmt: skip
                yield from (row for row in answer_of(run).rows if row.get("kind") == "at_step")
