"""How weights start. Every number comes out of the given generator, so that a seed fixes a model."""

import math

import torch
from torch import Tensor, nn

from llm_core.config import TransformerConfig
from llm_core.models.heads import TokenHead

# What each sublayer adds to the residual stream comes out of these.
_OUTPUTS = ("attention.output", "feed_forward.down")


def initialize_transformer(model: nn.Module, config: TransformerConfig, generator: torch.Generator) -> None:
    """Set matrices, embeddings and biases in place; norms keep their ones and zeros.

    normal: GPT-2 (Radford 2019), 0.02, outputs smaller by the root of the number of residual additions.
    zero_output: every sublayer starts by adding nothing and an untied head by saying nothing, so that the first
    updates are large and harmless; small models learn fastest so. xavier: Transformer 2017 as in torch.nn.
    """
    with torch.no_grad():
        for name, module in model.named_modules():
            if isinstance(module, nn.Linear):
                _initialize_matrix(module.weight, config, name.endswith(_OUTPUTS), generator)
                if module.bias is not None:
                    module.bias.zero_()
            elif isinstance(module, nn.Embedding):
                module.weight.normal_(0, _embedding_scale(config, name), generator=generator)
            elif isinstance(module, TokenHead) and module.weight is not None:
                if config.initialization == "zero_output":
                    module.weight.zero_()
                else:
                    _initialize_matrix(module.weight, config, False, generator)


def _initialize_matrix(weight: Tensor, config: TransformerConfig, output: bool, generator: torch.Generator) -> None:
    match config.initialization:
        case "normal":
            weight.normal_(0, 0.02 / math.sqrt(2 * config.layers) if output else 0.02, generator=generator)
        case "zero_output" if output:
            weight.zero_()
        case "zero_output":
            bound = weight.shape[1] ** -0.5
            weight.uniform_(-bound, bound, generator=generator)
        case "xavier":
            nn.init.xavier_uniform_(weight, generator=generator)


def _embedding_scale(config: TransformerConfig, name: str) -> float:
    if config.initialization == "xavier":
        return math.sqrt(1 / config.width)
    # A tied matrix also writes the logits: a large one would begin far from the uniform guess.
    spacious = config.initialization == "zero_output" and not config.tied_embeddings
    return 0.5 if spacious and name == "token_embedding" else 0.02
