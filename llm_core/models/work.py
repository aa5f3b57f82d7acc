"""How much a forward pass, an update and a written token are to compute, in closed form. Knows no torch.

Three things take time on a processor: arithmetic, numbers that come from memory and go back, and the calls that start
each operation. In a small model the calls weigh as much as the arithmetic, so that twice the layers take twice the time
even where twice the width hardly does. What each costs on this machine is measured, not known here.
"""

from dataclasses import dataclass

from llm_core.config import ModelConfig, NgramConfig, RecurrentConfig, TaskConfig, TrainingConfig, TransformerConfig
from llm_core.models.size import count_parameters, inner_width

_BLOCK_CALLS = 24
_CROSS_CALLS = 12
_OUTER_CALLS = 12
_CELL_CALLS = 12
"""Operations that one block, one cross-attention, what is around all blocks, and one moment of an LSTM layer call."""
_ITERATION_CALLS = 4
_BACK_CALLS = 1.6
"""Calls of a backward pass beside one of its forward pass; its arithmetic is twice as much (one product for the inputs,
one for the weights)."""


@dataclass(frozen=True)
class Work:
    """`operations`: additions and multiplications · `numbers`: read from memory or written there · `calls`: operations
    started one after the other."""

    operations: float = 0.0
    numbers: float = 0.0
    calls: float = 0.0

    def __add__(self, other: "Work") -> "Work":
        return Work(self.operations + other.operations, self.numbers + other.numbers, self.calls + other.calls)

    def times(self, number: float) -> "Work":
        """So many of it, one after the other."""
        return Work(self.operations * number, self.numbers * number, self.calls * number)


def forward(config: ModelConfig, rows: float, length: float) -> Work:
    """Reading `rows` texts of `length` tokens at once, with a logit for every token of the vocabulary at each position
    where the model has them. Raises ValueError without a vocabulary size."""
    tokens = rows * length
    if isinstance(config, TaskConfig):
        return _body(config.reader, rows, length) + Work(2 * tokens * config.body.width, tokens, _OUTER_CALLS)
    if config.vocabulary_size is None:
        raise ValueError("the vocabulary size is not set")
    if isinstance(config, NgramConfig):
        return Work(0, tokens * config.order, 1)
    streams = 2 if isinstance(config, TransformerConfig) and config.query_stream else 1
    head = Work(2 * tokens * config.vocabulary_size * config.width, 3 * tokens * config.vocabulary_size, _OUTER_CALLS)
    return _body(config, rows, length * streams) + head


def _body(config: TransformerConfig | RecurrentConfig, rows: float, length: float) -> Work:
    tokens, width = rows * length, config.width
    if isinstance(config, RecurrentConfig):
        cell = Work(2 * tokens * 8 * width**2, tokens * 14 * width, length * _CELL_CALLS)
        return cell.times(config.layers)
    inner, crossed = inner_width(config), config.architecture == "encoder_decoder"
    attention = _attention_weights(config)
    upward = 2 if config.activation == "swiglu" else 1
    looked = 4 * tokens * length * width  # scores, and the sum that they weigh
    dropped = 6 * width if config.dropout else 0
    block = Work(
        2 * tokens * (attention + (upward + 1) * width * inner) + looked,
        tokens * (12 * width + (upward + 2) * inner + dropped),
        _BLOCK_CALLS,
    )
    cross = Work(2 * tokens * attention + looked, tokens * (6 * width + dropped), _CROSS_CALLS)
    side = block.times(config.layers)
    return side.times(2) + cross.times(config.layers) if crossed else side


def update(config: ModelConfig, training: TrainingConfig, rows: float, length: float) -> Work:
    """One step: `training.accumulation` forward and backward passes over `rows` texts of `length` tokens, then the
    optimizer."""
    once = forward(config, rows, length)
    both = Work(3 * once.operations, 3 * once.numbers, (1 + _BACK_CALLS) * once.calls)
    return both.times(training.accumulation) + _optimizer(config, training)


def _optimizer(config: ModelConfig, training: TrainingConfig) -> Work:
    parameters = count_parameters(config)
    body = config.body if isinstance(config, TaskConfig) else config
    if isinstance(body, NgramConfig):
        return Work()
    matrices = _matrices(body)
    plain = Work(0, 8 * parameters, 4 * len(matrices))
    if training.optimizer != "muon":
        return plain
    # Each iteration multiplies a matrix X with its transpose, the square A with itself, and a polynomial of A with X.
    shapes = {(min(matrix), max(matrix)) for matrix in matrices}
    each = sum(4 * low**2 * high + 2 * low**3 for low, high in (sorted(matrix) for matrix in matrices))
    numbers = sum(2 * low * high + 3 * low**2 for low, high in (sorted(matrix) for matrix in matrices))
    iterations = training.muon_iterations
    return plain + Work(
        iterations * each, iterations * numbers, len(shapes) * iterations * _ITERATION_CALLS + 6 * len(matrices)
    )


def written(config: ModelConfig, tokens: float, rows: float = 1) -> Work:
    """Writing texts token by token: each takes a pass of its own, in which starting the operations takes longest."""
    assert not isinstance(config, TaskConfig)
    if isinstance(config, NgramConfig):
        return Work(0, tokens, 4 * tokens)
    calls = config.layers * (_CELL_CALLS if isinstance(config, RecurrentConfig) else _BLOCK_CALLS) + _OUTER_CALLS
    parameters = count_parameters(config)
    return Work(2 * rows * parameters, parameters, calls).times(tokens)


def _attention_weights(config: TransformerConfig) -> int:
    shared = (config.key_value_heads or config.heads) / config.heads
    return int(2 * config.width**2 * (1 + shared))


def _matrices(config: TransformerConfig | RecurrentConfig) -> list[tuple[int, int]]:
    """The shapes of all matrices between embedding and output, those that are stacked one by one."""
    width = config.width
    if isinstance(config, RecurrentConfig):
        return [(width, width)] * 8 * config.layers
    inner = inner_width(config)
    group = width // config.heads * (config.key_value_heads or config.heads)
    upward = 2 if config.activation == "swiglu" else 1
    attention = [(width, width)] * 2 + [(group, width)] * 2
    block = attention + [(inner, width)] * (upward + 1) * bool(inner)
    if config.architecture == "encoder_decoder":
        return (2 * block + attention) * config.layers
    return block * config.layers
