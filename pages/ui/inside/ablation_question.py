"""What is measured when something is taken away, shared by the pictures of the view."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pages.ui.inside.computed import Asked
from pages.ui.inside.selection import Against

if TYPE_CHECKING:
    from llm_core.interpret.ablation import Score
    from llm_core.interpret.reading import AnyTokenizer, Reading
    from llm_core.models.base import Model


@dataclass(frozen=True)
class Question:
    """What is measured when pieces are taken away, and what takes their place."""

    asked: Asked
    token: int | None
    target: int
    against: Against
    measure: str
    instead: str


def score_of(question: Question, model: "Model", tokenizer: "AnyTokenizer", reading: "Reading") -> "Score":
    """The target, or the loss on the text. Raises UserError where there is none."""
    from llm_core.interpret.ablation import loss_of, target_of
    from llm_core.interpret.loss_texts import loss_texts
    from llm_core.interpret.target import Target

    if question.measure == "target":
        return target_of(model, reading, Target(question.token, question.target, question.against))  # type: ignore[arg-type]
    return loss_of(model, loss_texts(model, [reading], mask=getattr(tokenizer, "mask", None)))
