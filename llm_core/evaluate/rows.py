"""Token rows of unequal length read by one model, those of like length together. Never trains.

What stands on it: the loss of every story, the answers to skill items, the surprise at every token.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from llm_core.evaluate.language_model import still
from llm_core.models.base import Batch, Model
from llm_core.models.ngram import Ngram

Row = Sequence[int] | NDArray[np.integer]
"""(T,) token ids; the first is the end-of-text sign before a document."""

_LARGEST_LOGITS = 1 << 22  # floats of one batch's logits: small enough for a processor's cache to help
_LARGEST_BATCH = 64


def batches(rows: Sequence[Row], vocabulary_size: int) -> Iterator[tuple[list[int], Tensor]]:
    """All rows, the shortest first: which ones, and their tokens (B, T) int64, filled up with 0 at their ends."""
    order = sorted(range(len(rows)), key=lambda index: len(rows[index]))
    taken = 0
    while taken < len(order):
        count = 1
        # The last row of a batch is its longest.
        while taken + count < len(order) and count < _LARGEST_BATCH:
            if (count + 1) * len(rows[order[taken + count]]) * vocabulary_size > _LARGEST_LOGITS:
                break
            count += 1
        chosen = order[taken : taken + count]
        block = np.zeros((count, len(rows[chosen[-1]])), dtype=np.int64)
        for place, index in enumerate(chosen):
            block[place, : len(rows[index])] = rows[index]
        yield chosen, torch.from_numpy(block)
        taken += count


def row_nats(model: Model, rows: Sequence[Row]) -> NDArray[np.float64]:
    """(rows,) what the model loses on each row: the sum of -log p over all its tokens but the first.

    A causal model sees nothing of the padding that stands after a row's end. No row may be longer than the model's
    context by more than the one token that is only predicted.
    """
    lost = np.zeros(len(rows), dtype=np.float64)
    device = device_of(model)
    with still(model):
        for chosen, tokens in batches(rows, model.config.vocabulary_size or 1):
            each = _nats(model, tokens.to(device))  # (B, T - 1)
            lengths = torch.tensor([len(rows[index]) - 1 for index in chosen], device=device)
            real = torch.arange(each.shape[1], device=device) < lengths[:, None]
            lost[chosen] = each.double().where(real, 0.0).sum(1).cpu().numpy()
    return lost


def token_nats(model: Model, ids: Sequence[int]) -> NDArray[np.float64]:
    """(T - 1,) the model's -log p of every token of one row but the first, each after all that its context holds.

    A row longer than the context is read in windows that overlap by half, as in strided scoring.
    """
    tokens = torch.tensor([list(ids)], dtype=torch.int64, device=device_of(model))
    reach = model.maximum_length or max(1, tokens.shape[1])
    hop = max(1, reach // 2)
    lost = np.zeros(max(0, len(ids) - 1), dtype=np.float64)
    known = 0
    with still(model):
        while known < len(lost):
            begin = max(0, known - (reach - hop))  # so much is read again
            window = tokens[:, begin : begin + reach + 1]
            each = _nats(model, window)[0].double().cpu().numpy()
            lost[known : begin + len(each)] = each[known - begin :]
            known = begin + len(each)
    return lost


def logits_at(model: Model, rows: Sequence[Row], places: Sequence[tuple[int, int]]) -> Tensor:
    """Logits (places, V) in fp32 on the processor: for each (row, position) those of the token after that position."""
    wanted: dict[int, list[tuple[int, int]]] = {}
    for number, (row, position) in enumerate(places):
        wanted.setdefault(row, []).append((number, position))
    found = torch.empty(len(places), model.config.vocabulary_size or 1)
    device = device_of(model)
    with still(model):
        for chosen, tokens in batches(rows, found.shape[1]):
            asked = [(at, *each) for at, index in enumerate(chosen) for each in wanted.get(index, ())]
            if asked:
                lines, numbers, positions = (list(column) for column in zip(*asked, strict=True))
                found[numbers] = model(Batch(tokens=tokens.to(device)))[lines, positions].float().cpu()
    return found


def device_of(model: Model) -> torch.device:
    """Where a model's weights or counts lie."""
    return next((tensor.device for tensor in (*model.parameters(), *model.buffers())), torch.device("cpu"))


def _nats(model: Model, tokens: Tensor) -> Tensor:
    """-log p (B, T - 1) of the tokens (B, T) after the first."""
    inputs, targets = tokens[:, :-1], tokens[:, 1:]
    if isinstance(model, Ngram):
        return -model.log_probabilities(inputs, targets)
    logits = model(Batch(tokens=inputs))  # (B, T - 1, V)
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none").view(targets.shape)
