"""From a config to a model with weights from a seed."""

import torch

from llm_core.config import ModelConfig, NgramConfig, RecurrentConfig, TaskConfig, TransformerConfig
from llm_core.models.base import Model
from llm_core.models.encoder_decoder import EncoderDecoder
from llm_core.models.initialization import initialize_transformer
from llm_core.models.ngram import Ngram
from llm_core.models.recurrent import Recurrent, initialize_recurrent
from llm_core.models.size import check_size
from llm_core.models.task_model import TaskModel, initialize_head
from llm_core.models.transformer import Transformer


def outline(config: ModelConfig) -> Model:
    """A model as it is before its weights are loaded. Those of a Transformer have shapes but neither numbers nor memory
    (torch's "meta" device), so that whatever its size, nothing is allocated that no file fills."""
    if isinstance(config, TaskConfig) and isinstance(config.body, TransformerConfig):
        with torch.device("meta"):
            return TaskModel(config)
    if not isinstance(config, TransformerConfig):
        return build(config)
    with torch.device("meta"):
        return _transformer(config)


def build(config: ModelConfig, seed: int = 0) -> Model:
    """A new model in fp32 on the CPU. Draws nothing from torch's global generator.

    Raises UserError above 50 million parameters, before anything is allocated; ValueError without a vocabulary size.
    """
    check_size(config)
    generator = torch.Generator().manual_seed(seed)
    # The constructors of torch.nn draw from the global generator: what they draw is put back, then overwritten.
    with torch.random.fork_rng(devices=[]):
        if isinstance(config, NgramConfig):
            return Ngram(config)
        if isinstance(config, RecurrentConfig):
            recurrent = Recurrent(config)
            initialize_recurrent(recurrent, generator)
            return recurrent
        if isinstance(config, TaskConfig):
            return _task_model(config, generator)
        transformer = _transformer(config)
        initialize_transformer(transformer, config, generator)
        return transformer


def _transformer(config: TransformerConfig) -> EncoderDecoder | Transformer:
    if config.vocabulary_size is None:
        raise ValueError("the vocabulary size is not set")
    return EncoderDecoder(config) if config.architecture == "encoder_decoder" else Transformer(config)


def _task_model(config: TaskConfig, generator: torch.Generator) -> TaskModel:
    model = TaskModel(config)
    if isinstance(model.reader, Transformer):
        initialize_transformer(model.reader, model.reader.config, generator)
    else:
        initialize_recurrent(model.reader, generator)
    initialize_head(model, generator)
    return model
