"""From a vector of the residual stream, of any layer, to logits: what the model would say if it stopped there.

The final norm, the head's transform, its matrix and its soft cap are applied exactly as the model does (nostalgebraist
2020, "interpreting GPT: the logit lens").
"""

import torch
from torch import Tensor

from llm_core.config import TaskConfig
from llm_core.errors import UserError
from llm_core.interpret.attention.attention import Part
from llm_core.interpret.components import stack, streams
from llm_core.interpret.target import refuse_two_streams
from llm_core.models.base import Model
from llm_core.models.encoder_decoder import EncoderDecoder
from llm_core.models.task_model import TaskModel, pool
from llm_core.models.transformer import Transformer


def spoken(model: Model) -> Part:
    """The stream that a model speaks from: a decoder's, or an encoder's. Raises UserError for one that is not taken
    apart, for a model that chooses among positions, and for one that predicts by a second stream."""
    refuse_two_streams(model)
    found = streams(model)
    if not found:
        raise UserError("Only a Transformer with layers can be taken apart here; this model has the family {family}.", family=model.config.family)  # fmt: skip
    if isinstance(model.config, TaskConfig) and model.config.task == "answer":
        raise UserError("This model chooses among the places of a text, not among tokens or labels: its layers cannot be read out one by one.")  # fmt: skip
    return "decoder" if "decoder" in found else found[-1]


def finish(model: Model, stream: Part, residual: Tensor) -> Tensor:
    """The residual stream (..., width) after the final norm, where the model has one."""
    norm = stack(model, stream).final_norm
    finished: Tensor = residual if norm is None else norm(residual)
    return finished


def read_out(model: Model, stream: Part, residual: Tensor) -> Tensor:
    """Logits (..., V) of vectors (..., width) at any layer of the stream, as the model's own end would make them.

    A model for a task gives the logits of its labels. One that pools a text reads each vector as if it were the whole
    text; `read_out_text` pools. Raises UserError for a stream that the model does not speak from.
    """
    _require_spoken(model, stream)
    hidden = finish(model, stream, residual)
    if isinstance(model, TaskModel):
        if model.pooled is not None:
            hidden = pool(hidden.reshape(-1, 1, hidden.shape[-1]), None, model.config.pooling)
            hidden = hidden.reshape(*residual.shape[:-1], model.task_head.in_features)
        logits: Tensor = model.task_head(hidden)
        return logits.float() if logits.dtype in (torch.bfloat16, torch.float16) else logits
    assert isinstance(model, Transformer | EncoderDecoder)
    return model.head(hidden)


def read_out_text(model: Model, stream: Part, residual: Tensor, real: Tensor | None = None) -> Tensor:
    """Logits (B, K) of a model that classifies a whole text, from the stream (B, T, width) at any layer.

    real (B, T) is false on padding. Raises UserError as `read_out` does.
    """
    _require_spoken(model, stream)
    assert isinstance(model, TaskModel)
    return model.head(finish(model, stream, residual), real)


def uncapped(model: Model, hidden: Tensor) -> Tensor:
    """Logits (..., V) of hidden vectors before the soft cap; of a model for a task its logits (B, K) or (B, T, K)."""
    if isinstance(model, TaskModel):
        return model.head(hidden)
    assert isinstance(model, Transformer | EncoderDecoder)
    logits: Tensor = model.token_head.uncapped(hidden, model.token_embedding.weight)
    return logits


def _require_spoken(model: Model, stream: Part) -> None:
    if stream != spoken(model):
        raise UserError(
            "This model says nothing from its {part}; only the {spoken} is read out.", part=stream, spoken=spoken(model)
        )
