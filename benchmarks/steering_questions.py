"""What the page asks first about steering a bundled model: so that its curve is there at once."""

import torch

from llm_core.config import TaskConfig
from llm_core.interpret.names import names_of
from llm_core.interpret.reading import as_batch, read
from llm_core.interpret.target import likeliest_target
from llm_core.runs.inquired import SteeringQuestion
from llm_core.runs.run import Run
from llm_core.runs.store import Store
from pages.ui.attention.first_head import first_head
from pages.ui.inside.first_text import first_text
from pages.ui.inside.steering.first_steering import first_contrast
from pages.ui.inside.steering.steering_question import token_of
from pages.ui.text import LANGUAGES


def steering_questions(store: Store, run: Run) -> tuple[SteeringQuestion, ...]:
    """For each text that the model is first seen with, in some language of a person's; none where it has no sets of its
    own, or for a model for a task. An encoder is steered by words, another model by two sets of texts."""
    if isinstance(run.model_config, TaskConfig):
        return ()
    hides = getattr(run.model_config, "architecture", "") == "encoder"
    part = "encoder" if hides else "decoder"
    layer, _head = first_head(run, part)
    place, found = f"{part}.{layer}.residual_after", []
    for text in dict.fromkeys(first_text(run, language) for language in LANGUAGES):
        contrast = first_contrast(text)
        if contrast is None:
            continue
        if not hides:
            found.append(SteeringQuestion(wanted=contrast.wanted, others=contrast.others, place=place, tried=contrast.tried, words=contrast.words))  # fmt: skip
            continue
        model, tokenizer = store.model(run)
        names, reading = names_of(model, tokenizer, run.labels), read(model, tokenizer, text)
        with torch.inference_mode():
            told = likeliest_target(model, reading, model(as_batch(reading))[0]).token
        against = None if names[told].strip() == contrast.words[0] else token_of(names[told], names)
        number = token_of(contrast.words[0], names)
        found.append(SteeringQuestion(source="token", number=number, against=against, place=place, tried=contrast.tried, words=contrast.words))  # fmt: skip
    return tuple(found)
