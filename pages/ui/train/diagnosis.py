"""The diagnosis of a run as the live route tells it, and the button that starts the better run."""

import json
from collections.abc import Mapping
from typing import Any

from llm_core.config import Config, DataConfig, TrainingConfig, TransformerConfig
from llm_core.errors import N_, UserError
from llm_core.evaluate.diagnosis import Diagnosis
from llm_core.runs.diagnosed import diagnosed
from llm_core.runs.run import Run
from llm_core.runs.settings import with_settings
from pages.ui.double_click import form_token
from pages.ui.state import DIAGNOSIS_KEY, store
from pages.ui.subject import choose, name_of
from pages.ui.text import language, said_in, translate
from pages.ui.who import owner

COMMAND = "better"
_START = N_("Start again with {changes}")
SECTIONS: dict[str, type[Config]] = {"model": TransformerConfig, "data": DataConfig, "training": TrainingConfig}


def told(found: Diagnosis | None, code: str) -> dict[str, Any] | None:
    """What the browser gets: the verdict, its sentence, and the advice with the words of its button; None for none."""
    if found is None:
        return None
    advice = None
    if found.advice:
        label = said_in(code, _START, changes=changes(found.advice, code))
        advice = {"label": label, "changes": dict(found.advice)}
    return {"verdict": found.verdict, "text": said_in(code, found.template, **found.values), "advice": advice}


def changes(advice: Mapping[str, Any], code: str) -> str:
    """The settings that are advised, as they are labelled in the form: "Learning rate 0.003"."""
    named = []
    for path, value in advice.items():
        section, name = path.split(".")
        title = SECTIONS[section].model_fields[name].title or name
        if value is not None:
            named.append(f"{translate(title, code)} {f'{value:,}' if isinstance(value, int) else f'{value:g}'}")
    return ", ".join(named)


def start_better(reference: str) -> Run:
    """A new run with what the diagnosis of this one advises, started and chosen. A double click makes one. Raises UserError
    where there is nothing to advise any more, or no run may be made."""
    run = store().find(reference)
    found = diagnosed(run, run.status())
    if found is None or not found.advice:
        raise UserError("There is nothing to change in run {run} any more.", run=run.id)
    assignments = [f"{name}={json.dumps(value)}" for name, value in found.advice.items()]
    config = with_settings(run.config, assignments)
    name = f"{name_of(run)} · {changes(found.advice, language())}"
    made = store().create(config, name=name, owner=owner(), recipe=run.recipe, form_token=form_token(DIAGNOSIS_KEY, run.id + repr(assignments)))  # fmt: skip
    store().start(made, owner())
    choose(made)
    return made
