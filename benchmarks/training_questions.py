"""What a page asks first of the training of a bundled model, as far as it takes over a second: answered beforehand."""

import torch

from llm_core.config import TaskConfig
from llm_core.interpret.dynamics.step_measures import MeasureName
from llm_core.interpret.names import names_of
from llm_core.interpret.reading import as_batch, read
from llm_core.interpret.target import likeliest_target
from llm_core.runs.inquired import TrainingQuestion
from llm_core.runs.run import Run
from llm_core.runs.store import Store
from pages.ui.inside.first_text import first_source, first_text, telling
from pages.ui.inside.training.training import question_of, seconds_of

PROBED = ("stories-en", "stories-zh")


def training_questions(store: Store, run: Run) -> tuple[TrainingQuestion, ...]:
    """Those about no text, and those about the text and the word that the page begins with, in each language."""
    model, tokenizer = store.model(run)
    task = isinstance(model.config, TaskConfig)
    about_no_text: list[MeasureName] = ["composition"]
    if model.causal and not task:
        about_no_text.append("copying")
    if run.id in PROBED:
        about_no_text.append("probe")
    found = [question_of(run, measure, "", "", 0, 0, None) for measure in about_no_text]
    about_text: tuple[MeasureName, ...] = ("ablation",) if task else ("ablation", "ablation_loss")
    names = names_of(model, tokenizer, run.labels)
    for text in dict.fromkeys(first_text(run, language) for language in ("en", "zh")):
        crossed = getattr(model.config, "architecture", "") == "encoder_decoder"
        reading = read(model, tokenizer, text, first_source() if crossed else None)
        with torch.inference_mode():
            target = likeliest_target(model, reading, model(as_batch(reading))[0])
        against = telling(text, names, target.token)
        tokens = len(reading.text.ids) + (0 if reading.source is None else len(reading.source.ids))
        for measure in about_text:
            question = question_of(
                run, measure, text, first_source() if crossed else "", target.position, target.token,
                target.against if against is None else against,
            )  # fmt: skip
            if seconds_of(run, question, tokens, len(names)) > 1:
                found.append(question)
    return tuple(found)
