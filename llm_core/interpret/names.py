"""What a model chooses from, by name."""

from llm_core.config import TaskConfig
from llm_core.interpret.reading import AnyTokenizer
from llm_core.models.base import Model


def names_of(model: Model, tokenizer: AnyTokenizer, labels: tuple[str, ...]) -> tuple[str, ...]:
    """The names of a model's logits in their order: its labels, the two ends of an answer, or the tokens."""
    if isinstance(model.config, TaskConfig):
        return ("begin", "end") if model.config.task == "answer" else labels
    return tuple(tokenizer.pieces)
