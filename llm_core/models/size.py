"""How large a model will be, in closed form, before anything is built. Knows no torch: a page asks at every keystroke."""

from collections.abc import Callable

from llm_core.config import (
    MAXIMUM_PARAMETERS,
    ModelConfig,
    RecurrentConfig,
    TaskConfig,
    TrainingConfig,
    TransformerConfig,
    network,
)
from llm_core.errors import UserError
from llm_core.nearest import largest


def check_size(config: ModelConfig) -> None:
    """Raises UserError above 50 million parameters, ValueError without a vocabulary size."""
    count = count_parameters(config)
    if count > MAXIMUM_PARAMETERS:
        raise UserError(
            "This model would have {count:,} parameters; at most {limit:,} are allowed. "
            "Use fewer layers, a smaller width or a smaller vocabulary.",
            count=count, limit=MAXIMUM_PARAMETERS,
        ).suggesting(smaller(config, lambda other: count_parameters(other) <= MAXIMUM_PARAMETERS))  # fmt: skip


def smaller(config: ModelConfig, fits: Callable[[ModelConfig], bool]) -> dict[str, tuple[int, ...]]:
    """The largest width, layers and vocabulary with which a model fits, each changed alone, where there is one.

    fits: of a model without some of what it has, true wherever it is true of a larger one.
    """

    def changed(name: str, value: int) -> ModelConfig:
        body = network(config).model_copy(update={name: value})
        return config.model_copy(update={"body": body}) if isinstance(config, TaskConfig) else body

    part = network(config)
    stride = 2 * part.heads if isinstance(part, TransformerConfig) else 1
    found: dict[str, int | None] = {}
    if isinstance(part, TransformerConfig | RecurrentConfig):
        units = largest(1, part.width // stride - 1, lambda units: fits(changed("width", units * stride)))
        found["model.width"] = None if units is None else units * stride
        found["model.layers"] = largest(1, part.layers - 1, lambda layers: fits(changed("layers", layers)))
    if part.vocabulary_size is not None:
        found["data.vocabulary_size"] = largest(
            2, part.vocabulary_size - 1, lambda size: fits(changed("vocabulary_size", size))
        )
    return {path: (value,) for path, value in found.items() if value is not None}


def count_parameters(config: ModelConfig) -> int:
    """How many numbers training changes, in closed form: nothing is built. An n-gram has none, it has counts.

    Raises ValueError where the vocabulary size is not set.
    """
    if config.vocabulary_size is None:
        raise ValueError("the vocabulary size is not set")
    if isinstance(config, TransformerConfig):
        return _count_transformer(config, config.vocabulary_size)
    if isinstance(config, RecurrentConfig):
        embeddings = config.vocabulary_size * config.width * (1 if config.tied_embeddings else 2)
        # Four gates, each with a matrix for the input, one for the state, and a bias for each.
        return embeddings + config.layers * 4 * (2 * config.width**2 + 2 * config.width)
    if isinstance(config, TaskConfig):
        return count_parameters(config.reader) + (head_inputs(config) + 1) * head_outputs(config)
    return 0


def head_inputs(config: TaskConfig) -> int:
    """How wide the vector is that the head of a task sees."""
    return config.body.width * (2 if config.task == "classify" and config.pooling == "mean_and_max" else 1)


def head_outputs(config: TaskConfig) -> int:
    """How many logits the head of a task gives: one a label, or one for the start and one for the end of an answer.

    Raises ValueError where the number of labels is not set.
    """
    if config.task == "answer":
        return 2
    if config.labels is None:
        raise ValueError("the number of labels is not set")
    return config.labels


def estimate_memory(config: ModelConfig, training: TrainingConfig) -> int:
    """Bytes that training takes: weights, gradients, optimizer, and the activations kept for the backward pass.

    An estimate of the tensors alone (the program itself comes on top), right to about a third.
    """
    if isinstance(config, TaskConfig):
        # The head is small, and there are no logits over the vocabulary.
        body = estimate_memory(config.reader, training)
        return body - 4 * training.batch_size * config.context * 3 * (config.vocabulary_size or 0)
    parameters = count_parameters(config)
    moments = {"sgd": 1, "muon": 1, "adamw": 2}[training.optimizer]
    if isinstance(config, TransformerConfig):
        inner = inner_width(config) * (4 if config.activation == "swiglu" else 3)
        token = config.layers * (12 * config.width + inner) * (1 if config.architecture != "encoder_decoder" else 3)
    elif isinstance(config, RecurrentConfig):
        token = config.layers * 8 * config.width
    else:
        return config.order * 40 * 1_000_000
    logits = 3 * (config.vocabulary_size or 0)
    return 4 * (parameters * (2 + moments) + training.batch_size * config.context * (token + logits))


def _count_transformer(config: TransformerConfig, vocabulary_size: int) -> int:
    width = config.width
    sides = 2 if config.architecture == "encoder_decoder" else 1
    norm = _count_norm(config, width)
    side = config.layers * _count_block(config)
    side += width * (config.context if config.position == "learned" else 0) + width * config.segments
    side += norm * (config.embedding_norm + config.final_norm)
    crossed = config.layers * (_count_attention(config) + norm) if sides == 2 else 0
    head = width * width + width * config.biases + norm if config.head_transform else 0
    head += vocabulary_size * config.head_bias
    head += (width * width + 2 * width + (width + 2) * config.biases) * config.sentence_head
    head += width * config.query_stream
    embeddings = vocabulary_size * width * (1 if config.tied_embeddings else 2)
    return sides * side + crossed + head + embeddings


def _count_block(config: TransformerConfig) -> int:
    width, inner = config.width, inner_width(config)
    norm = _count_norm(config, width)
    count = _count_attention(config) + norm
    if inner:
        upward = 2 if config.activation == "swiglu" else 1
        count += (upward + 1) * width * inner + config.biases * (upward * inner + width) + norm
    return count


def _count_attention(config: TransformerConfig) -> int:
    width, size = config.width, config.width // config.heads
    triple = width + 2 * (config.key_value_heads or config.heads) * size  # queries, keys and values side by side
    biased = config.biases if config.query_key_value_biases is None else config.query_key_value_biases
    count = width * triple + triple * biased + width * width + width * config.biases
    return count + 2 * _count_norm(config, size) * config.query_key_norm


def _count_norm(config: TransformerConfig, size: int) -> int:
    if not config.norm_weights:
        return 0
    return size * (2 if config.norm == "layer" and config.biases else 1)


def inner_width(config: TransformerConfig) -> int:
    """Neurons of a feed-forward layer; 0 for none."""
    return 4 * config.width if config.feed_forward_width is None else config.feed_forward_width
