"""The class of a text, by a model for that task."""

from collections.abc import Sequence

from llm_core.data.tokenizers import Tokenizer
from llm_core.errors import UserError
from llm_core.inference.reading_task import logits_of, of_task
from llm_core.models.base import Model

_TOGETHER = 64


def left_out(model: Model, tokenizer: Tokenizer, text: str) -> int:
    """How many tokens at the end of a text do not fit in the context and are not read. Raises UserError as `label`."""
    model = of_task(model, "classify")
    return max(0, len(tokenizer.begin) + len(tokenizer.encode(text)) - model.config.context)


def label(model: Model, tokenizer: Tokenizer, labels: Sequence[str], texts: Sequence[str]) -> list[dict[str, float]]:
    """For each text the probability of each class, the likeliest first. Of a text too long the beginning is read.

    `labels`: the names of the classes, in the order of the model's logits. Raises UserError for a model of another task.
    """
    model = of_task(model, "classify")
    if len(labels) != model.config.labels:
        raise UserError("The model has {count} classes, but {names} names.", count=model.config.labels, names=len(labels))  # fmt: skip
    rows = [[*tokenizer.begin, *tokenizer.encode(text)][: model.config.context] for text in texts]
    found: list[dict[str, float]] = []
    for first in range(0, len(rows), _TOGETHER):
        for probabilities in logits_of(model, rows[first : first + _TOGETHER]).softmax(-1).tolist():
            named = zip(labels, probabilities, strict=True)
            found.append(dict(sorted(named, key=lambda pair: -pair[1])))
    return found
