"""What the page asks first about steering a bundled model: so that its curve is there at once."""

from llm_core.config import TaskConfig
from llm_core.runs.inquired import SteeringQuestion
from llm_core.runs.run import Run
from pages.ui.attention.first_head import first_head
from pages.ui.inside.first_steering import first_contrast
from pages.ui.inside.first_text import first_text
from pages.ui.text import LANGUAGES


def steering_questions(run: Run) -> tuple[SteeringQuestion, ...]:
    """For each language of a person's in which the model is first seen with another text; none where that text has no
    sets of its own, or for a model for a task."""
    if isinstance(run.model_config, TaskConfig):
        return ()  # it neither writes nor fills in
    part = "encoder" if getattr(run.model_config, "architecture", "") == "encoder" else "decoder"
    found = {}
    for text in dict.fromkeys(first_text(run, language) for language in LANGUAGES):
        contrast = first_contrast(text)
        if contrast is not None:
            layer, _head = first_head(run, part)
            found[text] = SteeringQuestion(
                wanted=contrast.wanted, others=contrast.others, place=f"{part}.{layer}.residual_after", tried=contrast.tried, words=contrast.words,
            )  # fmt: skip
    return tuple(found.values())
