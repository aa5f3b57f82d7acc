"""Filling in hidden tokens: what an encoder expects behind masks, and how well it expects each token of a text.

Nothing here draws; results are arrays with the tokens they belong to. Works on every encoder whose tokenizer has a mask.

Control tokens, as the mask itself, are never offered: nothing of a text is behind them. All probabilities are the model's
own, over its whole vocabulary: what it gives to control tokens is dealt out to no other.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from llm_core.config import TransformerConfig
from llm_core.data.tokenizers import Tokenizer
from llm_core.errors import UserError
from llm_core.inference.masks import Masked, read_masked
from llm_core.models.base import Batch, Model
from llm_core.models.transformer import Transformer

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

TOKENS_AT_ONCE = 8192
"""Rows of a text are read together up to about so many tokens."""


@dataclass(frozen=True)
class Predictions:
    """What a model expects at M places of a text, each while it is hidden.

    `places` (M,) count in `text.ids`. `tokens` and `probabilities` (M, K) are the likeliest ids that are offered, the
    likeliest first, `pieces` the same as text. `given` (M,) is the natural logarithm of the probability of the token that
    stands there, `ranks` (M,) how many that are offered are likelier, `given_pieces` (M,) that token as text; NaN, -1 and
    None where a mask was typed. `entropies` (M,) are in nats.
    """

    text: Masked
    places: tuple[int, ...]
    tokens: Integers
    probabilities: Floats
    pieces: tuple[tuple[str, ...], ...]
    given: Floats
    ranks: Integers
    given_pieces: tuple[str | None, ...]
    entropies: Floats


@dataclass(frozen=True)
class Fillings:
    """Whole fillings of M masks, F of them, the likeliest first.

    Each was made mask by mask: the surest first, then the others anew with that one in its place. `tokens` (F, M) ids
    in the order of `places`, `pieces` the same as text. `order` (F, M): which mask, by its place among the M, was
    filled first, second and so on; `steps` (F, M): the probability that each had when its turn came. `probabilities`
    (F,) are their products. `at_once` (F,) is the product for the same tokens when all masks are read in one go, as if
    none knew of the others.
    """

    text: Masked
    places: tuple[int, ...]
    tokens: Integers
    pieces: tuple[tuple[str, ...], ...]
    order: Integers
    steps: Floats
    probabilities: Floats
    at_once: Floats


@dataclass(frozen=True)
class PseudoPerplexity:
    """How well a masked model expects a text of T tokens (Salazar et al. 2020, "Masked Language Model Scoring").

    `logprobabilities` (T,): of every token while it alone is hidden, in nats. `score`, the pseudo-log-likelihood, is
    their sum; `perplexity` is the exponential of minus their mean. Control tokens do not count.
    """

    tokens: tuple[str, ...]
    logprobabilities: Floats
    score: float
    perplexity: float


def predict(
    model: Model,
    tokenizer: Tokenizer,
    text: str,
    places: Collection[int] = (),
    *,
    top: int = 10,
    one_at_a_time: bool = False,
) -> Predictions:
    """The likeliest tokens behind each mask: "[MASK]" in the text, and the tokens at `places`, counted from 0.

    Jointly, all are hidden at once and predicted in one go. `one_at_a_time` hides each while all others are seen; masks
    that were typed stay hidden. Raises UserError where nothing is hidden, and as `read_masked` does; ValueError for a
    model in training mode.
    """
    masked = read_masked(model.config, tokenizer, text, places)
    _require_hidden(masked)
    if not one_at_a_time:
        return _predictions(model, tokenizer, masked, [(masked.ids, masked.hidden)], top)
    return _predictions(model, tokenizer, masked, [(masked.hiding({at}), (at,)) for at in masked.hidden], top)


def predict_everywhere(model: Model, tokenizer: Tokenizer, text: str, *, top: int = 10) -> Predictions:
    """The likeliest tokens at every token of a text, each hidden alone; masks that were typed stay hidden.

    Raises UserError for an empty text, and as `read_masked` does; ValueError for a model in training mode.
    """
    masked = read_masked(model.config, tokenizer, text)
    _require_text(masked)
    return _predictions(model, tokenizer, masked, [(masked.hiding({at}), (at,)) for at in range(masked.begin, masked.end)], top)  # fmt: skip


def pseudo_perplexity(model: Model, tokenizer: Tokenizer, text: str) -> PseudoPerplexity:
    """How well the model expects the text, each token hidden alone. Raises UserError as `predict_everywhere` does, and
    where a mask was typed: nobody knows what stands there."""
    masked = read_masked(model.config, tokenizer, text)
    if masked.typed:
        raise UserError("The text has a mask in place of a token; how likely it is can be said of a whole text only.")
    return perplexity_of(predict_everywhere(model, tokenizer, text, top=1))


def perplexity_of(everywhere: Predictions) -> PseudoPerplexity:
    """The same from the predictions at every token that `predict_everywhere` has made, none of them typed as a mask."""
    given = everywhere.given
    tokens = tuple(everywhere.text.tokens[place] for place in everywhere.places)
    return PseudoPerplexity(tokens, given, float(given.sum()), float(np.exp(-given.mean())))


def fill(
    model: Model,
    tokenizer: Tokenizer,
    text: str,
    places: Collection[int] = (),
    *,
    count: int = 5,
    beams: int = 8,
) -> Fillings:
    """Whole fillings of all masks: each beam fills its surest mask and reads the text again, until none is left.

    The best `beams` are kept after each mask, and a filling that two orders lead to keeps its likelier one; with one
    beam only the last mask has a choice. A masked model is not one distribution over texts, so another order may give
    another product. Raises UserError and ValueError as `predict` does.
    """
    masked = read_masked(model.config, tokenizer, text, places)
    _require_hidden(masked)
    every = range(len(masked.hidden))
    first = _offered(_log_probabilities(model, masked.mask, [(masked.ids, masked.hidden)]), tokenizer)  # (M, V)
    kept: list[_Beam] = [_Beam((), (), ())]
    for filled in every:
        rows = [_filled(masked, beam) for beam in kept]
        left = [[mask for mask in every if mask not in beam.order] for beam in kept]
        asked = [(ids, [masked.hidden[mask] for mask in open_]) for ids, open_ in zip(rows, left, strict=True)]
        scores = first if filled == 0 else _offered(_log_probabilities(model, masked.mask, asked), tokenizer)
        kept = _extend(kept, left, scores, max(beams, count if filled == every[-1] else 1))
    return _fillings(tokenizer, masked, kept[:count], first)


@dataclass(frozen=True)
class _Beam:
    """Masks filled so far, in order: which, with which token, at which log-probability."""

    order: tuple[int, ...]
    tokens: tuple[int, ...]
    scores: tuple[float, ...]

    @property
    def score(self) -> float:
        return sum(self.scores)


def _filled(masked: Masked, beam: _Beam) -> tuple[int, ...]:
    ids = list(masked.ids)
    for mask, token in zip(beam.order, beam.tokens, strict=True):
        ids[masked.hidden[mask]] = token
    return tuple(ids)


def _extend(kept: Sequence[_Beam], left: Sequence[Sequence[int]], scores: Tensor, most: int) -> list[_Beam]:
    """Every beam with its surest open mask filled by its likeliest tokens; the best `most` of all."""
    found: dict[frozenset[tuple[int, int]], _Beam] = {}
    row = 0
    for beam, open_ in zip(kept, left, strict=True):
        mine = scores[row : row + len(open_)]
        row += len(open_)
        surest = int(mine.amax(1).argmax())
        likeliest = mine[surest].topk(min(most, int(mine[surest].isfinite().sum())))
        for token, score in zip(likeliest.indices.tolist(), likeliest.values.tolist(), strict=True):
            longer = _Beam((*beam.order, open_[surest]), (*beam.tokens, token), (*beam.scores, score))
            same = frozenset(zip(longer.order, longer.tokens, strict=True))
            if same not in found or found[same].score < longer.score:
                found[same] = longer
    return sorted(found.values(), key=lambda beam: -beam.score)[:most]


def _fillings(tokenizer: Tokenizer, masked: Masked, beams: Sequence[_Beam], first: Tensor) -> Fillings:
    order = np.array([beam.order for beam in beams], dtype=np.int64)  # (F, M)
    chosen = np.array([beam.tokens for beam in beams], dtype=np.int64)
    tokens = np.take_along_axis(chosen, np.argsort(order, axis=1), axis=1)
    steps = np.exp([beam.scores for beam in beams])
    log_first = first.numpy()
    at_once = np.exp(log_first[np.arange(tokens.shape[1]), tokens].sum(1))
    pieces = tokenizer.pieces
    return Fillings(
        text=masked,
        places=masked.hidden,
        tokens=tokens,
        pieces=tuple(tuple(pieces[token] for token in row) for row in tokens.tolist()),
        order=order,
        steps=steps,
        probabilities=steps.prod(1),
        at_once=at_once,
    )


Asked = tuple[Sequence[int], Sequence[int]]
"""The ids of a row (T,), and the places in it at which tokens are predicted."""


def _predictions(model: Model, tokenizer: Tokenizer, masked: Masked, asked: Sequence[Asked], top: int) -> Predictions:
    places = tuple(place for _ids, row in asked for place in row)
    given = torch.tensor([-1 if (token := masked.given[place]) is None else token for place in places])
    likeliest, shares, log_given, ranks, entropies = [], [], [], [], []
    row = 0
    for scores in _chunks(model, masked.mask, asked):
        known = given[row : row + len(scores)]
        row += len(scores)
        offered = _offered(scores, tokenizer)
        best = offered.topk(min(top, scores.shape[1] - len(tokenizer.controls)))
        of_given = scores.gather(1, known.clamp(min=0)[:, None])
        likeliest.append(best.indices)
        shares.append(best.values.exp())
        log_given.append(of_given[:, 0].masked_fill(known < 0, torch.nan))
        ranks.append((offered > of_given).sum(1).masked_fill(known < 0, -1))
        entropies.append(-(scores.exp() * scores).nansum(1))
    tokens = torch.cat(likeliest).numpy()
    pieces = tokenizer.pieces
    return Predictions(
        text=masked,
        places=places,
        tokens=tokens,
        probabilities=torch.cat(shares).numpy(),
        pieces=tuple(tuple(pieces[token] for token in row) for row in tokens.tolist()),
        given=torch.cat(log_given).numpy(),
        ranks=torch.cat(ranks).numpy(),
        given_pieces=tuple(None if (token := masked.given[place]) is None else pieces[token] for place in places),
        entropies=torch.cat(entropies).clamp(min=0).numpy(),
    )


def _offered(scores: Tensor, tokenizer: Tokenizer) -> Tensor:
    """The same (P, V) with control tokens at minus infinity, so that they are never among the likeliest."""
    return scores.index_fill(1, torch.tensor(sorted(tokenizer.controls)), -torch.inf)


def _log_probabilities(model: Model, mask: int, asked: Sequence[Asked]) -> Tensor:
    """(P, V) natural logarithms, fp64 on the CPU: what is expected at each place that is asked for, row after row."""
    return torch.cat(list(_chunks(model, mask, asked)))


def _chunks(model: Model, mask: int, asked: Sequence[Asked]) -> Iterator[Tensor]:
    """The same a few rows at a time: the rows of a text have one length, so nothing is padded."""
    if model.training:
        raise ValueError("put the model in eval mode before it fills in masks")
    assert isinstance(model, Transformer)
    at_once = max(1, TOKENS_AT_ONCE // len(asked[0][0]))
    for start in range(0, len(asked), at_once):
        rows = asked[start : start + at_once]
        batch = batch_of(model, mask, [ids for ids, _places in rows])
        at = torch.tensor([(row, place) for row, (_ids, places) in enumerate(rows) for place in places])  # (P, 2)
        with torch.inference_mode():
            states = model.body(batch)[at[:, 0], at[:, 1]]  # the head reads no others: a vocabulary is large
            yield model.head(states).double().log_softmax(-1).cpu()


def batch_of(model: Model, mask: int, rows: Sequence[Sequence[int]]) -> Batch:
    """Rows (B, T) of ids for a model to fill in, where the model is.

    One with a query stream (XLNet) is told which tokens come last in its order: those that are hidden, all as one, so
    that none of them sees another.
    """
    tokens = torch.tensor([list(ids) for ids in rows], device=next(model.parameters()).device)
    config = model.config
    ordered = isinstance(config, TransformerConfig) and config.query_stream
    return Batch(tokens, permutation=(tokens == mask).long() if ordered else None)


def _require_hidden(masked: Masked) -> None:
    _require_text(masked)
    if not masked.hidden:
        raise UserError("Nothing is hidden in this text: write [MASK] in place of a word, or name the tokens to hide.")


def _require_text(masked: Masked) -> None:
    if masked.begin == masked.end:
        raise UserError("There is no text to fill in: write a sentence.")
