"""The vectors that a model has for its tokens: those it reads them by, and those it writes them by."""

from collections.abc import Sequence

from torch import Tensor

from llm_core.config import TransformerConfig
from llm_core.errors import UserError
from llm_core.interpret.attention.attention import Part
from llm_core.interpret.components import stack
from llm_core.models.base import Model
from llm_core.models.encoder_decoder import EncoderDecoder
from llm_core.models.recurrent import Recurrent
from llm_core.models.task_model import TaskModel
from llm_core.models.transformer import Transformer


def input_vectors(model: Model) -> Tensor:
    """(V, width) fp32: the vector that each token is read as, before positions. Raises UserError for a model without."""
    network = model.reader if isinstance(model, TaskModel) else model
    if not isinstance(network, Transformer | EncoderDecoder | Recurrent):
        raise UserError("A model of the family {family} has no vectors for its tokens.", family=model.config.family)
    vectors = network.token_embedding.weight.detach().float()
    scaled = isinstance(network.config, TransformerConfig) and network.config.embedding_scale
    return vectors * network.config.width**0.5 if scaled else vectors


def embedded_vectors(model: Model, part: Part, tokens: Sequence[int] | None = None) -> Tensor:
    """(tokens, width) fp32: where the stream of a part would begin with each token if vectors for places added nothing; of
    all tokens when None. Every token is taken to be in the first of two sentences."""
    of = stack(model, part)
    vectors = input_vectors(model)
    if tokens is not None:
        vectors = vectors[list(tokens)]
    if of.segment_embedding is not None:
        vectors = vectors + of.segment_embedding.weight[0].detach().float()
    found: Tensor = vectors if of.embedding_norm is None else of.embedding_norm(vectors)
    return found


def output_vectors(model: Model) -> Tensor:
    """(V, width) fp32: the vector that each token is written by; a tied model writes by the one it reads.

    Raises UserError for a model that writes no tokens.
    """
    if isinstance(model, TaskModel):
        raise UserError("A model for a task writes no tokens: it only reads them.")
    if isinstance(model, Transformer | EncoderDecoder) and model.token_head.weight is not None:
        return model.token_head.weight.detach().float()
    if isinstance(model, Recurrent) and model.head_weight is not None:
        return model.head_weight.detach().float()
    if isinstance(model, Transformer | EncoderDecoder | Recurrent):
        return model.token_embedding.weight.detach().float()
    raise UserError("A model of the family {family} has no vectors for its tokens.", family=model.config.family)
