"""Two readings side by side: a text and an edited one, or one text as two models read it; token by token.

Tokens of one vocabulary are aligned by the longest runs that both have (Ratcliff & Metzener 1988, as in difflib), those of
two vocabularies by where they stand in the text. What a model says of a whole text has one place, without a token.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from llm_core.config import TaskConfig
from llm_core.errors import UserError
from llm_core.interpret.reading import Reading, Side, as_batch
from llm_core.interpret.target import is_whole, refuse_two_streams, true_tokens
from llm_core.models.base import Model
from llm_core.taps import observe

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]
Says = Literal["next", "here", "label"]
"""What a model says at a position: the token that comes next, the one that stands here, or a label."""


@dataclass(frozen=True)
class Subject:
    """A model and what it reads. `pieces`: its tokens by number; `names`: what it chooses from, those or labels."""

    model: Model
    pieces: tuple[str, ...]
    names: tuple[str, ...]
    reading: Reading


@dataclass(frozen=True)
class Half:
    """What one of the two says of its T tokens: the likeliest K at each position, `top` (T, K), with `probabilities`
    (T, K), `entropies` (T,) and `losses` (T,), how surprising each token of the text was, in nats; NaN where nobody has
    asked, as at a decoder's first. Of a whole text these have one row, and losses T times NaN."""

    subject: Subject
    says: Says
    top: Integers
    probabilities: Floats
    entropies: Floats
    losses: Floats


@dataclass(frozen=True)
class Column:
    """Tokens that stand for each other, by position; none on a side that has nothing here. `same`: they are the same
    text."""

    one: tuple[int, ...]
    other: tuple[int, ...]
    same: bool


@dataclass(frozen=True)
class SideBySide:
    """C columns. `divergences` (C,): KL(one || other) in nats between what both say at the last token of a column, NaN
    where one of them says nothing; of a whole text (1,); None where the two do not choose from the same things, and
    `why_not` says so. `losses` (C, 2): those of each column's tokens together, NaN where unknown."""

    columns: tuple[Column, ...]
    one: Half
    other: Half
    divergences: Floats | None
    why_not: UserError | None
    losses: Floats


def side_by_side(one: Subject, other: Subject, *, same_text: bool, top: int = 5) -> SideBySide:
    """Have both read, and align what they say. `same_text`: both read the same characters.

    Raises UserError where two vocabularies read two different texts, which cannot be aligned, and for a model that looks
    up answers or predicts by a second stream; ValueError for one in training mode.
    """
    columns = tuple(_columns(one, other, same_text))
    halves, scores = [], []
    for subject in (one, other):
        logits = _logits(subject)
        halves.append(_half(subject, logits, top))
        scores.append(logits)
    divergences, why_not = None, _why_not(*halves)
    if why_not is None:
        divergences = _divergences(columns, *scores, whole=is_whole(one.model))
    losses = np.stack([sums_over(halves[side].losses, columns, side) for side in (0, 1)], axis=1).astype(np.float32)
    return SideBySide(columns, halves[0], halves[1], divergences, why_not, losses)


def align_tokens(one: Sequence[int], other: Sequence[int]) -> Iterator[Column]:
    """Columns of at most one token a side: the same ones stand together; of what differs, first with first.

    >>> [(column.one, column.other) for column in align_tokens([1, 2, 3], [1, 9, 8, 3])]
    [((0,), (0,)), ((1,), (1,)), ((), (2,)), ((2,), (3,))]
    """
    for kind, start, end, other_start, other_end in SequenceMatcher(None, one, other, autojunk=False).get_opcodes():
        mine, theirs = list(range(start, end)), list(range(other_start, other_end))
        for at in range(max(len(mine), len(theirs))):
            yield Column(tuple(mine[at : at + 1]), tuple(theirs[at : at + 1]), kind == "equal")


def align_characters(one: Side, other: Side) -> Iterator[Column]:
    """Columns of as few tokens as begin and end at the same characters of the same text; control tokens stand for each
    other at its beginning and at its end."""
    sides = (one, other)
    own = [[at for at, (start, end) in enumerate(side.spans) if end > start] for side in sides]
    before = [list(range(mine[0] if mine else len(side.ids))) for mine, side in zip(own, sides, strict=True)]
    after = [list(range(mine[-1] + 1, len(side.ids))) if mine else [] for mine, side in zip(own, sides, strict=True)]
    yield from _control(one, other, *before)
    reached, begun = [0, 0], [0, 0]
    while True:
        # The side that has come less far goes on, until both have come to the same character.
        ends = [one.spans[own[0][reached[0] - 1]][1] if reached[0] > begun[0] else -1, other.spans[own[1][reached[1] - 1]][1] if reached[1] > begun[1] else -1]  # fmt: skip
        if ends[0] == ends[1] != -1:
            yield Column(tuple(own[0][begun[0] : reached[0]]), tuple(own[1][begun[1] : reached[1]]), True)
            begun = list(reached)
            continue
        behind = 0 if ends[0] <= ends[1] else 1
        if reached[behind] == len(own[behind]):
            break
        reached[behind] += 1
    # One of the two has left the end of the text out.
    rest = [tuple(mine[at:]) for mine, at in zip(own, begun, strict=True)]
    if rest[0] or rest[1]:
        yield Column(rest[0], rest[1], False)
    yield from _control(one, other, *after)


def lasts_over(values: NDArray[np.floating], columns: Sequence[Column], side: int) -> Floats:
    """(..., C) of values (..., T) of the tokens of a side: that of each column's last token, NaN where it has none."""
    found = [values[..., at[-1]] if (at := _of(column, side)) else np.full(values.shape[:-1], np.nan) for column in columns]  # fmt: skip
    return np.stack(found, axis=-1).astype(np.float32)


def sums_over(values: NDArray[np.floating], columns: Sequence[Column], side: int) -> Floats:
    """(..., C) of values (..., T): the sum over each column's tokens, NaN where it has none."""
    found = [values[..., list(at)].sum(-1) if (at := _of(column, side)) else np.full(values.shape[:-1], np.nan) for column in columns]  # fmt: skip
    return np.stack(found, axis=-1).astype(np.float32)


def counterpart(columns: Sequence[Column], position: int, side: int = 0) -> int | None:
    """The position on the other side that stands for a position of this one; None where there is none."""
    for column in columns:
        mine, theirs = _of(column, side), _of(column, 1 - side)
        if position in mine:
            return theirs[-1] if theirs else None
    return None


def _of(column: Column, side: int) -> tuple[int, ...]:
    return column.other if side else column.one


def _columns(one: Subject, other: Subject, same_text: bool) -> Iterator[Column]:
    mine, theirs = one.reading.text, other.reading.text
    if one.pieces == other.pieces:
        return align_tokens(mine.ids, theirs.ids)
    if not same_text:
        raise UserError("These two models cut texts into different tokens, so that only the same text can be laid side by side: have both read the same one.")  # fmt: skip
    return align_characters(mine, theirs)


def _control(one: Side, other: Side, mine: list[int], theirs: list[int]) -> Iterator[Column]:
    for at in range(max(len(mine), len(theirs))):
        pair = tuple(mine[at : at + 1]), tuple(theirs[at : at + 1])
        same = bool(pair[0]) and bool(pair[1]) and one.tokens[pair[0][0]] == other.tokens[pair[1][0]]
        yield Column(*pair, same)


def _logits(subject: Subject) -> Tensor:
    """(T, V), or (1, K) of a whole text, in double precision."""
    model = subject.model
    if model.training:
        raise ValueError("put the model in eval mode before looking into it")
    refuse_two_streams(model)
    if isinstance(model.config, TaskConfig) and model.config.task == "answer":
        raise UserError("This model chooses among the places of a text, not among tokens or labels: what it says at each is not laid side by side here.")  # fmt: skip
    with torch.no_grad(), observe(model, only=()):
        logits: Tensor = model(as_batch(subject.reading).to(next(model.parameters()).device))[0]
    return (logits if logits.ndim == 2 else logits[None]).double().cpu()


def _half(subject: Subject, logits: Tensor, top: int) -> Half:
    model, ids = subject.model, subject.reading.text.ids
    scores = logits.log_softmax(-1)
    best = scores.topk(min(top, scores.shape[-1]))
    losses = np.full(len(ids), np.nan, dtype=np.float32)
    says: Says = "label" if isinstance(model.config, TaskConfig) else "next" if model.causal else "here"
    if says != "label":
        for position, token in enumerate(true_tokens(model, subject.reading)):
            place = position + 1 if says == "next" else position  # where the token stands
            if token is not None:
                losses[place] = -float(scores[position, token])
    entropies = -(scores.exp() * scores).nansum(-1)
    return Half(
        subject, says, best.indices.numpy(), best.values.exp().float().numpy(), entropies.float().numpy(), losses
    )


def _why_not(one: Half, other: Half) -> UserError | None:
    if one.says != other.says or is_whole(one.subject.model) != is_whole(other.subject.model):
        return UserError("One of the two says at each place something else than the other: a next token, a hidden one, or a label. What they say cannot be held against each other.")  # fmt: skip
    if one.subject.names != other.subject.names:
        return UserError("The two choose from different tokens or labels: how far apart their probabilities are has no meaning. How surprising the text was has.")  # fmt: skip
    return None


def _divergences(columns: Sequence[Column], one: Tensor, other: Tensor, *, whole: bool) -> Floats:
    pairs = [(0, 0)] if whole else [(column.one[-1], column.other[-1]) if column.one and column.other else None for column in columns]  # fmt: skip
    mine, theirs = one.log_softmax(-1), other.log_softmax(-1)
    found = [
        float("nan") if pair is None else float((mine[pair[0]].exp() * (mine[pair[0]] - theirs[pair[1]])).nansum())
        for pair in pairs
    ]
    return np.maximum(np.array(found, dtype=np.float32), 0)
