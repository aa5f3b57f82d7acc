"""What one head does by its weights alone, as tables of tokens by tokens: its QK and its OV circuit.

Elhage et al. 2021, "A Mathematical Framework for Transformer Circuits". QK: how much a position with one token wants to
look at a position with another. OV: what looking at a token adds to the logits of each token. Both follow one path: from
the token's own vector straight to the head, and from the head straight to the logits, past all other layers.

Norms on the path are applied to that vector as the model would, so that in the first layer of a model without positions
in its vectors the QK table holds the very scores of the model. The norms between the head and the logits divide by a
length that depends on all that is in the stream: their gain counts, the division does not, so that a row of an OV table
is right but for one positive factor. A soft cap on logits, which changes no order, is left out.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from llm_core.config import TaskConfig, TransformerConfig, network
from llm_core.errors import UserError
from llm_core.interpret.attention.attention import Floats
from llm_core.interpret.circuits.head_weights import (
    Input,
    attention_layer,
    fold,
    head_weights,
    norms_to_end,
    norms_to_head,
    read_by,
    stream_of,
)
from llm_core.interpret.components import Component, stack
from llm_core.interpret.geometry.token_vectors import embedded_vectors, output_vectors
from llm_core.interpret.reading import AnyTokenizer
from llm_core.interpret.reading_out import spoken
from llm_core.models.base import Model
from llm_core.models.layers import rotate

MOST = 512
"""Tokens along each side of a table."""


@dataclass(frozen=True)
class CircuitTable:
    """values (rows, columns); `rows` and `columns` are token ids, beside them the tokens as text.

    QK: rows are tokens that look, columns those looked at, values scores before the softmax. OV: rows are tokens looked
    at, columns tokens whose logits change, values by how much where all attention is on the row's token.
    """

    head: Component
    rows: tuple[int, ...]
    columns: tuple[int, ...]
    row_tokens: tuple[str, ...]
    column_tokens: tuple[str, ...]
    values: Floats


@dataclass(frozen=True)
class Copying:
    """Whether an OV circuit copies: whether looking at a token makes that token itself likelier.

    eigenvalues: the sum of those of the table over the sum of their lengths, from -1 to 1 (Elhage et al. 2021): 1 where
    all are positive, near 0 for a table drawn at random. own: the share of tokens whose own logit rises most of all in the
    table · chance: what that is for a table drawn at random.
    """

    eigenvalues: float
    own: float
    chance: float


def qk_circuit(
    model: Model,
    tokenizer: AnyTokenizer,
    head: Component,
    queries: Sequence[int],
    keys: Sequence[int],
    *,
    distance: int = 0,
) -> CircuitTable:
    """The scores that `queries` give to `keys`, as token ids; with rotary positions, to keys `distance` places before.

    Other models know places by vectors that are added to the tokens', which are not in the table. Raises UserError for a
    head or a token that is not there, too many tokens, and a distance longer than the context.
    """
    attention_layer(model, head)
    context = stack(model, head.part).context
    if not 0 <= distance < context:
        raise UserError("The distance must be from 0 to {last}; it is {distance}.", last=context - 1, distance=distance)
    _check(model, queries, keys)
    asking = _inputs(model, head, queries, "query")
    asked = _inputs(model, head, keys, "key")
    rotary = None if head.part == "cross" else stack(model, head.part).rotary
    if rotary is not None:
        asking = rotate(asking[:, None].contiguous(), rotary[distance : distance + 1])[:, 0]
    values = asking @ asked.T / math.sqrt(asked.shape[1])
    return _table(tokenizer, head, queries, keys, values)


def ov_circuit(
    model: Model, tokenizer: AnyTokenizer, head: Component, sources: Sequence[int], outputs: Sequence[int]
) -> CircuitTable:
    """What looking at each of `sources` adds to the logits of `outputs`, as token ids; biases are left out.

    Raises UserError for a head or a token that is not there, too many tokens, and a head that writes no logits: of the
    encoder of an encoder-decoder, of a model for a task, and of one whose output has a layer of its own.
    """
    attention_layer(model, head)
    _speaks(model, head)
    _check(model, sources, outputs)
    taken = _inputs(model, head, sources, "value", biased=False)
    written = fold(taken @ head_weights(model, head).output[head.index], norms_to_end(model, head))
    return _table(tokenizer, head, sources, outputs, written @ output_vectors(model)[list(outputs)].T)


def copying(table: CircuitTable) -> Copying:
    """Whether an OV table copies. Raises UserError where its rows and columns are not the same tokens."""
    if table.rows != table.columns:
        raise UserError("Whether a head copies shows only in a table with the same tokens along both sides.")
    values = table.values.astype(np.float64)
    eigenvalues = np.linalg.eigvals(values)
    whole = float(np.abs(eigenvalues).sum())
    own = values.argmax(1) == np.arange(len(values))
    return Copying(
        eigenvalues=float(eigenvalues.sum().real) / whole if whole > 0 else 0.0,
        own=float((own & (np.ptp(values, axis=1) > 0)).mean()),
        chance=1 / len(values),
    )


def _inputs(model: Model, head: Component, tokens: Sequence[int], into: Input, biased: bool = True) -> Tensor:
    """(tokens, size): the queries, keys or values of a head, of the tokens' own vectors carried straight to it."""
    stream = read_by(head, into)
    norms = norms_to_head(model, Component(stream, None, "embedding"), head, into)
    assert norms is not None
    weights, attention = head_weights(model, head), attention_layer(model, head)
    with torch.no_grad():
        x = embedded_vectors(model, stream, tokens)
        for norm in norms:
            x = norm(x)
        x = x @ getattr(weights, into)[head.index]
        if biased:
            x = x + getattr(weights, f"{into}_bias")[head.index]
        own = {"query": attention.query_norm, "key": attention.key_norm, "value": None}[into]
        found: Tensor = x if own is None else own(x)
        return found


def _speaks(model: Model, head: Component) -> None:
    """Raises UserError where what a head writes is not read out over the vocabulary by a matrix alone."""
    config = network(model.config)
    if isinstance(model.config, TaskConfig):
        raise UserError("A model for a task writes no tokens: its heads have no OV table over them.")
    if stream_of(head) != spoken(model):
        raise UserError("What the encoder writes is read by the decoder, not as tokens: its heads have no OV table.")
    if isinstance(config, TransformerConfig) and config.head_transform:
        raise UserError("The output of this model has a layer of its own with a bend: what a head adds to the logits depends on all the rest, so that there is no OV table.")  # fmt: skip


def _check(model: Model, *sides: Sequence[int]) -> None:
    size = model.config.vocabulary_size or 0
    for tokens in sides:
        if not 0 < len(tokens) <= MOST:
            raise UserError("Choose from 1 to {limit} tokens; {count} are chosen.", limit=MOST, count=len(tokens))
        if wrong := [token for token in tokens if not 0 <= token < size]:
            raise UserError("There is no token {token}: there are {count}, counted from 0.", token=wrong[0], count=size)


def _table(
    tokenizer: AnyTokenizer, head: Component, rows: Sequence[int], columns: Sequence[int], values: Tensor
) -> CircuitTable:
    pieces = tokenizer.pieces
    return CircuitTable(
        head, tuple(rows), tuple(columns), tuple(pieces[token] for token in rows),
        tuple(pieces[token] for token in columns), values.float().cpu().numpy(),
    )  # fmt: skip
