"""What models for a task have in common when they read a text: refusing the wrong model, and one forward pass."""

import torch
from torch import Tensor

from llm_core.config import Task
from llm_core.errors import N_, UserError
from llm_core.models.base import Batch, Model
from llm_core.models.task_model import TaskModel

_OTHER = {
    "classify": N_("This model does not classify texts; choose one that was trained with the objective classify."),
    "tag": N_("This model does not tag entities; choose one that was trained with the objective tag."),
    "answer": N_("This model does not answer questions; choose one that was trained with the objective answer."),
}


def of_task(model: Model, task: Task) -> TaskModel:
    """The same model, known to be one of this task. Raises UserError for any other."""
    if not isinstance(model, TaskModel) or model.config.task != task:
        raise UserError(_OTHER[task])
    return model


def logits_of(model: TaskModel, rows: list[list[int]], segments: list[list[int]] | None = None) -> Tensor:
    """The logits of some rows of token ids, none empty, in one batch on the device that the model is on; fp32 on the CPU."""
    lengths = [len(row) for row in rows]
    longest = max(lengths)

    def filled(values: list[list[int]]) -> Tensor:
        return torch.tensor([[*row, *[0] * (longest - len(row))] for row in values])

    padded = torch.tensor(lengths) if min(lengths) < longest else None
    batch = Batch(filled(rows), padded, segments=None if segments is None else filled(segments))
    with torch.inference_mode():
        logits: Tensor = model(batch.to(next(model.parameters()).device))
    return logits.float().cpu()
