"""`inspect RUN training`: one measure over the steps that a run has kept."""

import argparse
from typing import TYPE_CHECKING, Any

from llm_core.commands.asked_inside import Table, Values, about_of, asked_of, told_of
from llm_core.config import parse
from llm_core.interpret.dynamics.step_measures import MEASURES, AtStep, MeasureName, measure_named

if TYPE_CHECKING:
    from llm_core.runs.inquiry_subject import Subject

MEASURE: MeasureName = "probability"
"""What is measured where nobody says."""


def over_steps(subject: "Subject", flags: argparse.Namespace) -> tuple[Values, list[Table]]:
    """The measure that the flags name, at every step up to the chosen one. One that is not about a text needs none.

    Raises UserError for a run that has kept one step alone, where the measure does not apply, and for a text that is too long.
    """
    from llm_core.runs.inquired import TrainingQuestion
    from llm_core.runs.run_over_steps import measured_run, refuse_lone, refuse_unfit, row_of

    measure = measure_named(flags.measure)
    steps = subject.run.steps()
    refuse_lone(subject.run, steps)
    refuse_unfit(subject.run, measure)
    until = steps[-1] if subject.step is None else subject.step
    about, told = "", Values()
    question = TrainingQuestion(text="", token=0, measure=measure, until=until)
    if MEASURES[measure].of_text:
        asked = asked_of(subject, flags)
        about, told = f", {about_of(asked)}", told_of(asked)
        values = {
            "text": flags.text, "source": flags.source or "", "token": asked.target.position, "target": asked.target.token,
            "against": asked.target.against, "measure": measure, "until": until,
        }  # fmt: skip
        question = parse(TrainingQuestion, values)
    found = [each for each in measured_run(subject.store, subject.run, question) if isinstance(each, AtStep)]
    rows = [row_of(each) for each in sorted(found, key=lambda each: each.step)]
    steps_told: list[dict[str, Any]] = [{"step": row["at"], "values": dict(zip(row["names"], row["values"], strict=True)), "controls": row["controls"]} for row in rows]  # type: ignore[call-overload]  # fmt: skip
    controls = list(dict.fromkeys(name for each in found for name in each.controls))
    cells = [[each["step"], *each["values"].values(), *(each["controls"].get(name, "") for name in controls)] for each in steps_told]  # fmt: skip
    title = f"{MEASURES[measure].title.lower()} ({MEASURES[measure].unit}){about}"
    header = ["step", *found[0].names, *controls]
    return {**told, "measure": measure, "steps": steps_told}, [(title, [header, *cells])]
