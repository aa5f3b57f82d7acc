"""The logit lens: what a model would say at every place of its residual stream, layer by layer, at every position.

nostalgebraist 2020, "interpreting GPT: the logit lens". With `translate` the same is read through a tuned lens
(Belrose et al. 2023), which corrects that layers speak in different directions.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from llm_core.errors import UserError
from llm_core.interpret.attention.attention import Part
from llm_core.interpret.components import Component, residuals, site
from llm_core.interpret.reading import Reading, as_batch
from llm_core.interpret.reading_out import read_out, read_out_text, spoken
from llm_core.interpret.target import is_whole, true_tokens
from llm_core.models.base import Model
from llm_core.taps import Edit, observe

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]
Translate = Callable[[Component, Tensor], Tensor]
"""From vectors (..., width) at a place of the stream to what its end would be; the plain lens changes nothing."""

_FLOATS_AT_ONCE = 1 << 22


@dataclass(frozen=True)
class Lens:
    """What each of R places of the stream says at each of C columns: the text's tokens, and where the model classifies
    a whole text one more column, the last, for all of it (`whole`). There a token's own column is read as if it stood
    alone.

    `top` (R, C, K) ids of the likeliest tokens, or classes, the likeliest first, and their `probabilities`. `entropies`
    (R, C) in nats. `truth` (C,) is what should be said, -1 where nobody knows; `true_probabilities` (R, C), NaN there,
    and `true_ranks` (R, C), how many are likelier, -1 there. `divergences` (R, C): the Kullback-Leibler divergence of
    the model's own output from what is read, KL(output || read), in nats; 0 in the last row. `pinned` (P,) ids that are
    followed, with `pinned_probabilities` and `pinned_ranks` (R, C, P).
    """

    stream: Part
    rows: tuple[Component, ...]
    columns: tuple[str, ...]
    whole: bool
    top: Integers
    probabilities: Floats
    entropies: Floats
    truth: Integers
    true_probabilities: Floats
    true_ranks: Integers
    divergences: Floats
    pinned: Integers
    pinned_probabilities: Floats
    pinned_ranks: Integers


def logit_lens(
    model: Model,
    reading: Reading,
    *,
    top: int = 5,
    pinned: Sequence[int] = (),
    truth: Sequence[int | None] | None = None,
    translate: Translate | None = None,
    edits: Mapping[str, Edit] | None = None,
) -> Lens:
    """Read out every place of the stream at every position: after the embedding, each attention and each feed-forward.

    `pinned` tokens are followed through all layers. `truth` is what each column should say; None takes what the text
    itself tells (`true_tokens`). With `edits` the model is seen as they change it.
    Raises UserError for a model that cannot be read out and for a pinned token that is not there; ValueError for a model
    in training mode.
    """
    if model.training:
        raise ValueError("put the model in eval mode before looking into it")
    stream, whole = spoken(model), is_whole(model)
    rows = residuals(model, stream)
    taps = [site(model, row).tap for row in rows]
    with torch.no_grad(), observe(model, only=taps, edits=edits) as seen:
        output = model(as_batch(reading).to(next(model.parameters()).device))[0]
    tokens = reading.text.tokens
    known = list(true_tokens(model, reading) if truth is None else truth)
    known += [None] * (len(tokens) + whole - len(known))
    size = output.shape[-1]
    if wrong := [token for token in (*pinned, *(t for t in known if t is not None)) if not 0 <= token < size]:
        raise UserError("There is no token or class {token}: there are {count}, counted from 0.", token=wrong[0], count=size)  # fmt: skip
    output = output.expand(len(tokens) + 1, -1) if whole else output  # (C, V)
    columns = _Columns(output, torch.tensor([-1 if t is None else t for t in known]), torch.tensor(list(pinned)), top)
    read = []
    with torch.no_grad():
        for row, tap in zip(rows, taps, strict=True):
            residual = seen[tap] if translate is None else translate(row, seen[tap])  # (1, T, width)
            read.append(columns.read(partial(_logits, model, stream, residual, whole)))
    together = [np.stack(arrays) for arrays in zip(*read, strict=True)]
    return Lens(
        stream, rows, (*tokens, "") if whole else tokens, whole, together[0], together[1], together[2],
        columns.truth.numpy(), together[3], together[4], together[5], columns.pinned.numpy(), together[6], together[7],
    )  # fmt: skip


def _logits(model: Model, stream: Part, residual: Tensor, whole: bool, start: int, end: int) -> Tensor:
    """Logits (C', V) of the columns from start to end; the column after the last token is the whole text."""
    parts = [read_out(model, stream, residual[0, start:end])]
    if whole and end > residual.shape[1]:
        parts.append(read_out_text(model, stream, residual))
    return torch.cat(parts)


class _Columns:
    """Everything that a row of the lens is compared with, in pieces of columns that fit in memory."""

    def __init__(self, output: Tensor, truth: Tensor, pinned: Tensor, top: int) -> None:
        """output (C, V), truth (C,), pinned (P,)"""
        self.output = output
        self.truth = truth.long()
        self.pinned = pinned.long()
        self.top = min(top, output.shape[-1])

    def read(self, logits: Callable[[int, int], Tensor]) -> tuple[NDArray[np.generic], ...]:
        """The arrays of one row, in the order of `Lens`; `logits` gives those (C', V) of some columns."""
        count, size = self.output.shape
        at_once = max(1, _FLOATS_AT_ONCE // size)
        pieces = [
            self._read(logits(start, min(start + at_once, count)), slice(start, min(start + at_once, count)))
            for start in range(0, count, at_once)
        ]
        return tuple(torch.cat(piece).cpu().numpy() for piece in zip(*pieces, strict=True))

    def _read(self, logits: Tensor, columns: slice) -> tuple[Tensor, ...]:
        scores = logits.double().log_softmax(-1)  # (C', V)
        output = self.output[columns].double().log_softmax(-1)
        best = scores.topk(self.top)
        truth = self.truth[columns].to(scores.device)
        unknown = truth < 0
        of_truth = scores.gather(1, truth.clamp(min=0)[:, None])
        of_pinned = scores[:, self.pinned.to(scores.device)]  # (C', P)
        pinned_ranks = (scores[:, None] > of_pinned[:, :, None]).sum(-1)
        return (
            best.indices,
            best.values.exp().float(),
            (scores.exp() * -scores).sum(-1).clamp(min=0).float(),
            of_truth[:, 0].exp().float().masked_fill(unknown, torch.nan),
            (scores > of_truth).sum(1).masked_fill(unknown, -1),
            (output.exp() * (output - scores)).sum(-1).clamp(min=0).float(),
            of_pinned.exp().float(),
            pinned_ranks,
        )
